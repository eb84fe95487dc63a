// The elementwise operations of one variable that are not activations; see UnaryActivations.swift.

struct Identity<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one }
}

struct Negate<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V(bits: x.bits ^ V.signBit) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(-1) }
}

struct Exp<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.exp(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { y }
}

struct Expm1<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.expm1(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { y + V.one }
}

struct Log<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.log(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one / x }
}

struct Log1p<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.log1p(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one / (V.one + x) }
}

struct Sqrt<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x.squareRoot() }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(0.5) / y }
}

struct Sin<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.sin(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.cos(x) }
}

struct Cos<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.cos(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero - V.sin(x) }
}

struct Abs<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.magnitude(x) }
    /// The sign of x; 0 at 0.
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, V.one, V.choose(x .< V.zero, V.all(-1), x))
    }
}

struct Erf<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.erf(x) }
    /// 2/sqrt(pi) exp(-x^2)
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.all(0x1.20dd750429b6dp+0) * V.expOfNegative(V.zero - x * x)
    }
}

struct Lgamma<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(LogGamma.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.throughDouble(Digamma.self, x) }
}

struct Reciprocal<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.one / x }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero - y * y }
}

struct Square<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x * x }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { x + x }
}

/// x ** a. For an exponent of 0 the slope is 0 everywhere, also at 0 and infinity.
struct Power<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.pow(x, a) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(a .== V.zero, V.zero, a * V.pow(x, a - V.one))
    }
}

// The same for some exponents without the logarithm. Their derivatives read x, as Power's does.

struct PowerOneHalf<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x.squareRoot() }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(0.5) / x.squareRoot() }
}

struct PowerMinusOne<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.one / x }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let inverse = V.one / x
        return V.zero - inverse * inverse
    }
}

struct Cube<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x * x * x }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(3) * x * x }
}

struct Affine<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.fma(a, x, b) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { a }
}
