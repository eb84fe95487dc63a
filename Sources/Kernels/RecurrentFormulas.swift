// One time step of the recurrent units, for a vector of hidden elements: value and derivative side by
// side. PyTorch's formulas and order of gates (torch.nn.RNN, LSTM, GRU); x is x W_ih^T + b_ih, h is
// h W_hh^T + b_hh of the step before.

/// A sample at one step, forward.
struct RecurrentStep<V: KernelMath> {
    let hidden: Int
    /// x of every gate; receives the gates' values where there is a backward pass.
    let gates: UnsafeMutablePointer<V.Scalar>
    /// h of every gate.
    let product: UnsafePointer<V.Scalar>
    let state: UnsafePointer<V.Scalar>
    let cell: UnsafeMutablePointer<V.Scalar>
    /// For the backward pass; nil if there is none.
    let kept: UnsafeMutablePointer<V.Scalar>?

    @inline(__always) func x(_ gate: Int, _ j: Int, _ n: Int) -> V { part(gates + (gate &* hidden &+ j), n) }
    @inline(__always) func h(_ gate: Int, _ j: Int, _ n: Int) -> V { part(product + (gate &* hidden &+ j), n) }
    @inline(__always) func set(_ gate: Int, _ j: Int, _ n: Int, _ value: V) {
        setPart(gates + (gate &* hidden &+ j), n, value)
    }
    /// Where units keep an array too: not without a backward pass.
    @inline(__always) func keep(_ gate: Int, _ j: Int, _ n: Int, _ value: V) {
        if kept != nil { set(gate, j, n, value) }
    }
}

/// A sample at one step, backward.
struct RecurrentStepBack<V: KernelMath> {
    let hidden: Int
    /// The gates' values.
    let gates: UnsafePointer<V.Scalar>
    /// Receives the gradients in x of every gate (which may lie where the values lie).
    let xGradients: UnsafeMutablePointer<V.Scalar>
    /// Receives the gradients in h of every gate, for the product with W_hh.
    let hGradients: UnsafeMutablePointer<V.Scalar>
    /// Receives them too, where they are not those in x.
    let keptGradients: UnsafeMutablePointer<V.Scalar>
    /// The gradient in the state before the step that does not go through the product; zeros.
    let carry: UnsafeMutablePointer<V.Scalar>
    /// The gradient in the cell: after the step, then before it.
    let cellGradient: UnsafeMutablePointer<V.Scalar>
    /// The state before the step.
    let previous: UnsafePointer<V.Scalar>
    let kept: UnsafePointer<V.Scalar>

    @inline(__always) func value(_ gate: Int, _ j: Int, _ n: Int) -> V { part(gates + (gate &* hidden &+ j), n) }
    @inline(__always) func set(_ gate: Int, _ j: Int, _ n: Int, _ gradient: V) {
        setPart(xGradients + (gate &* hidden &+ j), n, gradient)
        setPart(hGradients + (gate &* hidden &+ j), n, gradient)
    }
}

@inline(__always) func part<V: KernelMath>(_ p: UnsafePointer<V.Scalar>, _ n: Int) -> V {
    n == V.lanes ? V.load(p) : V.load(p, n)
}
@inline(__always) func part<V: KernelMath>(_ p: UnsafeMutablePointer<V.Scalar>, _ n: Int) -> V {
    part(UnsafePointer(p), n)
}
@inline(__always) func setPart<V: KernelMath>(_ p: UnsafeMutablePointer<V.Scalar>, _ n: Int, _ value: V) {
    if n == V.lanes { value.store(p) } else { value.store(p, n) }
}

/// The slope of tanh where its value is y: 1 - y^2, exact to a few roundings even near 1.
@inline(__always) private func tanhSlope<V: KernelMath>(_ y: V) -> V { (V.one - y) * (V.one + y) }

/// Elements j ..< j + n of a step.
protocol RecurrentFormula<V> {
    associatedtype V: KernelMath
    static var gateCount: Int { get }
    /// The new state.
    static func value(_ s: RecurrentStep<V>, _ j: Int, _ n: Int) -> V
    /// From the gradient in the new state to those in gates, cell and carry.
    static func derivative(_ s: RecurrentStepBack<V>, _ j: Int, _ n: Int, _ dh: V)
}

/// h' = tanh(x + h)
struct TanhUnit<V: KernelMath>: RecurrentFormula {
    @inline(__always) static var gateCount: Int { 1 }
    @inline(__always) static func value(_ s: RecurrentStep<V>, _ j: Int, _ n: Int) -> V {
        let y = V.tanh(s.x(0, j, n) + s.h(0, j, n))
        s.set(0, j, n, y)
        return y
    }
    @inline(__always) static func derivative(_ s: RecurrentStepBack<V>, _ j: Int, _ n: Int, _ dh: V) {
        let y = s.value(0, j, n)
        s.set(0, j, n, dh * tanhSlope(y))
    }
}

/// h' = max(0, x + h)
struct ReluUnit<V: KernelMath>: RecurrentFormula {
    @inline(__always) static var gateCount: Int { 1 }
    @inline(__always) static func value(_ s: RecurrentStep<V>, _ j: Int, _ n: Int) -> V {
        let y = V.atLeast(s.x(0, j, n) + s.h(0, j, n), V.zero)
        s.set(0, j, n, y)
        return y
    }
    @inline(__always) static func derivative(_ s: RecurrentStepBack<V>, _ j: Int, _ n: Int, _ dh: V) {
        s.set(0, j, n, V.choose(s.value(0, j, n) .<= V.zero, V.zero, dh))
    }
}

/// i, f, o = sigmoid(x + h), g = tanh(x + h); c' = f c + i g, h' = o tanh(c'). Gates i, f, g, o.
/// Kept: c. The backward pass computes c' and its tanh again.
struct LSTMUnit<V: KernelMath>: RecurrentFormula {
    @inline(__always) static var gateCount: Int { 4 }
    @inline(__always) static func value(_ s: RecurrentStep<V>, _ j: Int, _ n: Int) -> V {
        let i = V.sigmoid(s.x(0, j, n) + s.h(0, j, n))
        s.keep(0, j, n, i)
        let g = V.tanh(s.x(2, j, n) + s.h(2, j, n))
        s.keep(2, j, n, g)
        let f = V.sigmoid(s.x(1, j, n) + s.h(1, j, n))
        s.keep(1, j, n, f)
        let before: V = part(s.cell + j, n)
        if let kept = s.kept { setPart(kept + j, n, before) }
        let after = V.fma(f, before, i * g)
        setPart(s.cell + j, n, after)
        let o = V.sigmoid(s.x(3, j, n) + s.h(3, j, n))
        s.keep(3, j, n, o)
        return o * V.tanh(after)
    }
    @inline(__always) static func derivative(_ s: RecurrentStepBack<V>, _ j: Int, _ n: Int, _ dh: V) {
        let i = s.value(0, j, n), f = s.value(1, j, n), g = s.value(2, j, n), o = s.value(3, j, n)
        let before: V = part(s.kept + j, n)
        let t = V.tanh(V.fma(f, before, i * g))
        let dc = V.fma(dh * o, tanhSlope(t), part(s.cellGradient + j, n))
        s.set(0, j, n, dc * g * (i * (V.one - i)))
        s.set(1, j, n, dc * before * (f * (V.one - f)))
        s.set(2, j, n, dc * i * tanhSlope(g))
        s.set(3, j, n, dh * t * (o * (V.one - o)))
        setPart(s.cellGradient + j, n, dc * f)
    }
}

/// r, z = sigmoid(x + h), n = tanh(x + r h); h' = (1 - z) n + z h. Gates r, z, n. Kept: h of gate n.
struct GRUUnit<V: KernelMath>: RecurrentFormula {
    @inline(__always) static var gateCount: Int { 3 }
    @inline(__always) static func value(_ s: RecurrentStep<V>, _ j: Int, _ n: Int) -> V {
        let r = V.sigmoid(s.x(0, j, n) + s.h(0, j, n))
        s.keep(0, j, n, r)
        let z = V.sigmoid(s.x(1, j, n) + s.h(1, j, n))
        s.keep(1, j, n, z)
        let h = s.h(2, j, n)
        if let kept = s.kept { setPart(kept + j, n, h) }
        let new = V.tanh(V.fma(r, h, s.x(2, j, n)))
        s.keep(2, j, n, new)
        return V.fma(z, part(s.state + j, n) - new, new)
    }
    @inline(__always) static func derivative(_ s: RecurrentStepBack<V>, _ j: Int, _ n: Int, _ dh: V) {
        let r = s.value(0, j, n), z = s.value(1, j, n), new = s.value(2, j, n)
        let dNew = dh * (V.one - z) * tanhSlope(new)
        let dz = dh * (part(s.previous + j, n) - new) * (z * (V.one - z))
        let dr = dNew * part(s.kept + j, n) * (r * (V.one - r))
        s.set(0, j, n, dr)
        s.set(1, j, n, dz)
        setPart(s.xGradients + (2 &* s.hidden &+ j), n, dNew)
        setPart(s.hGradients + (2 &* s.hidden &+ j), n, dNew * r)
        setPart(s.keptGradients + j, n, dr)
        setPart(s.keptGradients + (s.hidden &+ j), n, dz)
        setPart(s.keptGradients + (2 &* s.hidden &+ j), n, dNew * r)
        setPart(s.carry + j, n, dh * z)
    }
}
