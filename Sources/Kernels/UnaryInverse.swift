// Trigonometric and hyperbolic functions, their inverses, and logarithms to other bases; see
// UnaryActivations.swift. Values: MathInverse.swift.

struct Tan<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(Tangent.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.fma(y, y, V.one) }
}

struct Asin<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(ArcSine.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.one / ((V.one - x) * (V.one + x)).squareRoot()
    }
}

struct Acos<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(ArcCosine.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.all(-1) / ((V.one - x) * (V.one + x)).squareRoot()
    }
}

struct Atan<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(ArcTangent.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one / V.fma(x, x, V.one) }
}

struct Sinh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(HyperbolicSine.self, x) }
    /// cosh(x), from y: where its square would overflow it is |y| itself.
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let size = V.magnitude(y)
        return V.choose(size .> V.all(0x1p60), size, V.fma(y, y, V.one).root)
    }
}

struct Cosh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(HyperbolicCosine.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.throughDouble(HyperbolicSine.self, x)
    }
}

struct Asinh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(InverseHyperbolicSine.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.one / V.fma(x, x, V.one).squareRoot()
    }
}

struct Acosh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(InverseHyperbolicCosine.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(x .< V.one, V.all(.nan), V.one / ((x - V.one) * (x + V.one)).squareRoot())
    }
}

struct Atanh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(InverseHyperbolicTangent.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.one / ((V.one - x) * (V.one + x))
    }
}

struct Exp2<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(PowerOfTwo.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { y * V.all(0x1.62e42fefa39efp-1) }
}

struct Log2<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(LogarithmOfTwo.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(0x1.71547652b82fep+0) / x }
}

struct Log10<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(LogarithmOfTen.self, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(0x1.bcb7b1526e50ep-2) / x }
}

struct Erfc<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.throughDouble(ErrorComplement.self, x) }
    /// -2/sqrt(pi) exp(-x^2)
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.all(-0x1.20dd750429b6dp+0) * V.expOfNegative(V.zero - x * x)
    }
}

struct Rsqrt<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.one / x.squareRoot() }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.all(-0.5) * y * y * y }
}
