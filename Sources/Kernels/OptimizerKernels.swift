// One fused pass over the flat array of parameters per step: each array is read once and written
// once. Formulas, with their order of operations, are PyTorch's. Pieces: elementsPerPiece.
//
// All: g = clamp(scale * gradient, -clip, clip), then
//   sgd      g += decay p;  b = momentum b + (1 - dampening) g (first step: b = g);
//            nesterov: g += momentum b, else g = b;  p -= lr g
//   adam     g += decay p (adamw: p -= lr decay p);  m += (1 - beta1)(g - m);
//            v = beta2 v + (1 - beta2) g g;  p -= lr / c1 * m / (sqrt(v) / sqrt(c2) + eps)
//            with c1 = 1 - beta1^t, c2 = 1 - beta2^t
//   rmsprop  g += decay p;  v = alpha v + (1 - alpha) g g;  g = g / (sqrt(v) + eps);
//            momentum: b = momentum b + g, g = b;  p -= lr g
//
//   pointers  0 parameters  1 gradient  2 sgd: momentum buffer or nil; adam: m; rmsprop: v
//             3 adam: v; rmsprop: momentum buffer or nil  4 gradient scale (one element) or nil
//   integers  0 count  1 sgd: nesterov; adam: whether decay is decoupled (adamw)
//             2 sgd: whether it is the first step
//   scalars   sgd: 0 lr  1 momentum  2 dampening  4 weight decay
//             adam: 0 lr  1 beta1  2 beta2  3 eps  4 weight decay  5 c1  6 c2
//             rmsprop: 0 lr  1 momentum  2 alpha  3 eps  4 weight decay
//             all: 7 clip value (infinity: off)

import KernelInterface

let sgdKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    switch (arguments.isDouble, arguments.has(2)) {
    case (false, false): run(PlainDescent<FloatVector>.self, arguments, range)
    case (false, true): run(MomentumDescent<FloatVector>.self, arguments, range)
    case (true, false): run(PlainDescent<DoubleVector>.self, arguments, range)
    case (true, true): run(MomentumDescent<DoubleVector>.self, arguments, range)
    }
}

let adamKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        run(Adam<DoubleVector>.self, arguments, range)
    } else {
        run(Adam<FloatVector>.self, arguments, range)
    }
}

let rmspropKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        run(RootMeanSquare<DoubleVector>.self, arguments, range)
    } else {
        run(RootMeanSquare<FloatVector>.self, arguments, range)
    }
}

/// What happens to every gradient first.
private struct GradientLimits<V: KernelMath> {
    let scale: V
    let clip: V
    let clips: Bool

    @inline(__always) init(_ arguments: Arguments) {
        scale = V(repeating: arguments.has(4) ? arguments.input(4, V.Scalar.self)[0] : 1)
        clip = V(repeating: arguments.scalar(7))
        clips = clip[0] < V.Scalar.infinity
    }

    @inline(__always) func apply(_ gradient: V) -> V {
        let g = gradient * scale
        return clips ? V.atMost(V.atLeast(g, V.zero - clip), clip) : g
    }
}

/// One optimizer's work on the vector at `i`: `n` elements, a constant `lanes` but for the last.
private protocol OptimizerPass<V> {
    associatedtype V: KernelMath
    init(_ arguments: Arguments)
    func step(_ i: Int, _ n: Int)
}

@inline(never)
private func run<Pass: OptimizerPass>(_: Pass.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let pass = Pass(arguments)
    var i = range.lowerBound
    while i + Pass.V.lanes <= range.upperBound {
        pass.step(i, Pass.V.lanes)
        i += Pass.V.lanes
    }
    if i < range.upperBound { pass.step(i, range.upperBound - i) }
}

@inline(__always) private func read<V: KernelMath>(_ p: UnsafePointer<V.Scalar>, _ n: Int) -> V {
    n == V.lanes ? V.load(p) : V.load(p, n)
}

@inline(__always) private func write<V: KernelMath>(_ v: V, _ p: UnsafeMutablePointer<V.Scalar>, _ n: Int) {
    if n == V.lanes { v.store(p) } else { v.store(p, n) }
}

private struct PlainDescent<V: KernelMath>: OptimizerPass {
    let parameters: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let minusRate, decay: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        limits = GradientLimits(arguments)
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        decay = V(repeating: arguments.scalar(4))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n)
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        write(V.fma(minusRate, g, p), parameters + i, n)
    }
}

private struct MomentumDescent<V: KernelMath>: OptimizerPass {
    let plain: PlainDescent<V>
    let buffer: UnsafeMutablePointer<V.Scalar>
    let momentum, share: V
    let nesterov, isFirst: Bool

    @inline(__always) init(_ arguments: Arguments) {
        plain = PlainDescent(arguments)
        buffer = arguments.output(2)
        isFirst = arguments.integer(2) != 0
        nesterov = arguments.integer(1) != 0
        momentum = V(repeating: arguments.scalar(1))
        share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(plain.parameters + i, n)
        let g = V.fma(plain.decay, p, plain.limits.apply(read(plain.gradient + i, n)))
        let b = isFirst ? g : V.fma(share, g, momentum * read(buffer + i, n))
        write(b, buffer + i, n)
        write(V.fma(plain.minusRate, nesterov ? V.fma(momentum, b, g) : b, p), plain.parameters + i, n)
    }
}

private struct Adam<V: KernelMath>: OptimizerPass {
    let parameters, first, second: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let shrink, decay, share1, beta2, share2, eps, minusStep, root: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        first = arguments.output(2)
        second = arguments.output(3)
        limits = GradientLimits(arguments)
        let scalars = arguments.call.pointee.scalars
        let decoupled = arguments.integer(1) != 0
        // One of the two is 1 or 0 and changes nothing.
        shrink = V(repeating: V.Scalar(decoupled ? 1 - scalars[0] * scalars[4] : 1))
        decay = V(repeating: V.Scalar(decoupled ? 0 : scalars[4]))
        share1 = V(repeating: V.Scalar(1 - scalars[1]))
        beta2 = V(repeating: V.Scalar(scalars[2]))
        share2 = V(repeating: V.Scalar(1 - scalars[2]))
        eps = V(repeating: V.Scalar(scalars[3]))
        minusStep = V(repeating: V.Scalar(-scalars[0] / scalars[5]))
        root = V(repeating: V.Scalar(1 / scalars[6].squareRoot()))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n) * shrink
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        var m: V = read(first + i, n)
        m = V.fma(share1, g - m, m)
        let v = V.fma(share2 * g, g, beta2 * read(second + i, n))
        write(m, first + i, n)
        write(v, second + i, n)
        write(V.fma(minusStep, m / V.fma(v.root, root, eps), p), parameters + i, n)
    }
}

private struct RootMeanSquare<V: KernelMath>: OptimizerPass {
    let parameters, squares: UnsafeMutablePointer<V.Scalar>
    let buffer: UnsafeMutablePointer<V.Scalar>?
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let minusRate, momentum, alpha, share, eps, decay: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        squares = arguments.output(2)
        buffer = arguments.has(3) ? arguments.output(3) : nil
        limits = GradientLimits(arguments)
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        momentum = V(repeating: arguments.scalar(1))
        alpha = V(repeating: arguments.scalar(2))
        share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
        eps = V(repeating: arguments.scalar(3))
        decay = V(repeating: arguments.scalar(4))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n)
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        let v = V.fma(share * g, g, alpha * read(squares + i, n))
        write(v, squares + i, n)
        var step = g / (v.root + eps)
        if let buffer {
            step = V.fma(momentum, read(buffer + i, n), step)
            write(step, buffer + i, n)
        }
        write(V.fma(minusRate, step, p), parameters + i, n)
    }
}
