// One loop for all values and one for all derivatives, and the switch from a function's number to
// its formula. `run` is specialised for each formula and not inlined: in one function with all the
// loops the compiler reaches a limit and leaves calls inside them. The last, partial vector takes
// the same path as the others, so that each formula's code exists once.

import KernelInterface

protocol UnaryRun {
    associatedtype V: KernelMath
    func run<F: UnaryFormula>(_: F.Type) where F.V == V
}

struct ForwardRun<Vector: KernelMath>: UnaryRun {
    typealias V = Vector
    let a: V.Scalar, b: V.Scalar
    let x: UnsafePointer<V.Scalar>
    let y: UnsafeMutablePointer<V.Scalar>
    let count: Int

    @inline(__always) init(
        _: V.Type, a: V.Scalar, b: V.Scalar, x: UnsafePointer<V.Scalar>, y: UnsafeMutablePointer<V.Scalar>, count: Int
    ) {
        self.a = a
        self.b = b
        self.x = x
        self.y = y
        self.count = count
    }

    @inline(never) func run<F: UnaryFormula>(_: F.Type) where F.V == V {
        let a = V(repeating: a), b = V(repeating: b)
        var i = 0
        while i < count {
            let rest = count &- i
            let value = F.value(rest >= V.lanes ? V.load(x + i) : V.load(x + i, rest), a, b)
            if rest >= V.lanes { value.store(y + i) } else { value.store(y + i, rest) }
            i &+= V.lanes
        }
    }
}

struct BackwardRun<Vector: KernelMath>: UnaryRun {
    typealias V = Vector
    let a: V.Scalar, b: V.Scalar
    let dy: UnsafePointer<V.Scalar>
    let saved: UnsafePointer<V.Scalar>
    let dx: UnsafeMutablePointer<V.Scalar>
    let count: Int

    @inline(__always) init(
        _: V.Type, a: V.Scalar, b: V.Scalar, dy: UnsafePointer<V.Scalar>, saved: UnsafePointer<V.Scalar>,
        dx: UnsafeMutablePointer<V.Scalar>, count: Int
    ) {
        self.a = a
        self.b = b
        self.dy = dy
        self.saved = saved
        self.dx = dx
        self.count = count
    }

    @inline(never) func run<F: UnaryFormula>(_: F.Type) where F.V == V {
        let a = V(repeating: a), b = V(repeating: b)
        var i = 0
        while i < count {
            let rest = count &- i
            let kept = rest >= V.lanes ? V.load(saved + i) : V.load(saved + i, rest)
            let gradient = rest >= V.lanes ? V.load(dy + i) : V.load(dy + i, rest)
            let product = gradient * F.derivative(kept, kept, a, b)
            if rest >= V.lanes { product.store(dx + i) } else { product.store(dx + i, rest) }
            i &+= V.lanes
        }
    }
}

/// Runs `run` with the formula of a function, a raw value of UnaryFunction. False, and nothing is done, where AVX-512 calls
/// AVX2's code (Elsewhere.swift): for functions that are seldom the larger part of a computation.
@inline(__always)
func withUnaryFormula<Run: UnaryRun>(_ function: Int, _ a: Run.V.Scalar, _ run: Run) -> Bool {
    typealias V = Run.V
    switch unsafeBitCast(UInt8(truncatingIfNeeded: function), to: UnaryFunction.self) {
    case .identity: run.run(Identity<V>.self)
    case .negate: run.run(Negate<V>.self)
    case .relu: run.run(Relu<V>.self)
    case .leakyRelu: run.run(LeakyRelu<V>.self)
    case .elu: run.run(Elu<V>.self)
    case .selu: run.run(Selu<V>.self)
    case .gelu: run.run(Gelu<V>.self)
    case .geluTanh: run.run(GeluTanh<V>.self)
    case .silu: run.run(Silu<V>.self)
    case .sigmoid: run.run(Sigmoid<V>.self)
    case .tanh: run.run(Tanh<V>.self)
    case .softplus: run.run(Softplus<V>.self)
    case .hardtanh: run.run(Hardtanh<V>.self)
    case .exp: run.run(Exp<V>.self)
    case .log: run.run(Log<V>.self)
    case .sqrt: run.run(Sqrt<V>.self)
    case .rsqrt: run.run(Rsqrt<V>.self)
    case .abs: run.run(Abs<V>.self)
    case .reciprocal: run.run(Reciprocal<V>.self)
    case .square: run.run(Square<V>.self)
    case .power:
        // The exponents that cost no logarithm, as in PyTorch.
        if a == 2 {
            run.run(Square<V>.self)
        } else if a == 3 {
            run.run(Cube<V>.self)
        } else if a == 0.5 {
            run.run(PowerOneHalf<V>.self)
        } else if a == -1 {
            run.run(PowerMinusOne<V>.self)
        } else {
            run.run(Power<V>.self)
        }
    case .affine: run.run(Affine<V>.self)
    case .clip: run.run(Clip<V>.self)
    case .hardsigmoid: run.run(Hardsigmoid<V>.self)
    case .hardswish: run.run(Hardswish<V>.self)
    case .mish: run.run(Mish<V>.self)
    case .logSigmoid: run.run(LogSigmoid<V>.self)
    #if AVX512
    default: return false
    #else
    case .expm1: run.run(Expm1<V>.self)
    case .log1p: run.run(Log1p<V>.self)
    case .sin: run.run(Sin<V>.self)
    case .cos: run.run(Cos<V>.self)
    case .erf: run.run(Erf<V>.self)
    case .tan: run.run(Tan<V>.self)
    case .asin: run.run(Asin<V>.self)
    case .acos: run.run(Acos<V>.self)
    case .atan: run.run(Atan<V>.self)
    case .sinh: run.run(Sinh<V>.self)
    case .cosh: run.run(Cosh<V>.self)
    case .asinh: run.run(Asinh<V>.self)
    case .acosh: run.run(Acosh<V>.self)
    case .atanh: run.run(Atanh<V>.self)
    case .exp2: run.run(Exp2<V>.self)
    case .log2: run.run(Log2<V>.self)
    case .log10: run.run(Log10<V>.self)
    case .erfc: run.run(Erfc<V>.self)
    case .sign: run.run(Sign<V>.self)
    case .floor: run.run(Floor<V>.self)
    case .ceil: run.run(Ceil<V>.self)
    case .round: run.run(Round<V>.self)
    case .trunc: run.run(Trunc<V>.self)
    case .frac: run.run(Frac<V>.self)
    case .isNaN: run.run(IsNaN<V>.self)
    case .isInfinite: run.run(IsInfinite<V>.self)
    case .isFinite: run.run(IsFinite<V>.self)
    case .logicalNot: run.run(LogicalNot<V>.self)
    case .celu: run.run(Celu<V>.self)
    case .threshold: run.run(Threshold<V>.self)
    case .hardshrink: run.run(Hardshrink<V>.self)
    case .softshrink: run.run(Softshrink<V>.self)
    case .tanhshrink: run.run(Tanhshrink<V>.self)
    case .softsign: run.run(Softsign<V>.self)
    case .lgamma: run.run(Lgamma<V>.self)
    case .powerOfMagnitude:
        if a == 2 {
            run.run(Square<V>.self)
        } else if a == 1 {
            run.run(Abs<V>.self)
        } else if a == 0.5 {
            run.run(RootOfMagnitude<V>.self)
        } else {
            run.run(PowerOfMagnitude<V>.self)
        }
    #endif
    }
    return true
}
