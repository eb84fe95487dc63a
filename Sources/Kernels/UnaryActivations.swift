// The activations: value and derivative side by side, as PyTorch defines them at kinks and at
// infinities. `a` and `b` are the call's two scalars. Where `UnaryFunction.derivativeFromValue` says
// so, the derivative reads y alone (x is not kept); elsewhere it reads x.

/// y = f(x).
protocol UnaryFormula {
    associatedtype V: KernelMath
    static func value(_ x: V, _ a: V, _ b: V) -> V
    static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V
}

struct Relu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.atLeast(x, V.zero) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .<= V.zero, V.zero, V.one)
    }
}

/// a is the slope on the negative side; y tells the side only when it is not negative.
struct LeakyRelu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.choose(x .> V.zero, x, a * x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .> V.zero, V.one, a)
    }
}

/// a is PyTorch's alpha, not negative.
struct Elu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, x, a * V.expm1(x))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .> V.zero, V.one, y + a)
    }
}

struct Selu<V: KernelMath>: UnaryFormula {
    @inline(__always) static var scale: V { V.all(1.0507009873554804934193349852946) }
    /// scale * alpha, alpha = 1.6732632423543772848170429916717
    @inline(__always) static var scaledAlpha: V { V.all(1.7580993408473768599402175208123) }
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, scale * x, scaledAlpha * V.expm1(x))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .> V.zero, scale, y + scaledAlpha)
    }
}

/// x times the normal distribution function.
struct Gelu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        // The distribution function is exactly 0 far on the left, where -inf * 0 would be NaN.
        V.atLeast(x, V.all(-1000)) * V.normalDistribution(x)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.geluSlope(x) }
}

/// PyTorch's approximate="tanh": 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
struct GeluTanh<V: KernelMath>: UnaryFormula {
    @inline(__always) static var linear: V { V.all(1.5957691216057307117597842397375) }
    @inline(__always) static var cubic: V { V.all(0.0713548162726002487763387522535996) }
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        // sigmoid(2u) is 0 below -1000.
        V.atLeast(x, V.all(-1000)) * V.sigmoid(x * V.fma(x * x, cubic, linear))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let near = V.atMost(V.atLeast(x, V.all(-1000)), V.all(1000))
        let square = near * near
        let s = V.sigmoid(near * V.fma(square, cubic, linear))
        let slope = V.fma(square, V.all(3) * cubic, linear)
        return V.fma(near * s * (V.one - s), slope, s)
    }
}

struct Silu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.atLeast(x, V.all(-1000)) * V.sigmoid(x)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let near = V.atMost(V.atLeast(x, V.all(-1000)), V.all(1000))
        let s = V.sigmoid(near)
        return s * V.fma(near, V.one - s, V.one)
    }
}

struct Sigmoid<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.sigmoid(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { y * (V.one - y) }
}

struct Tanh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.tanh(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one - y * y }
}

/// log(1 + exp(a x)) / a, and x itself where a x > b. a is PyTorch's beta, b its threshold.
struct Softplus<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        let z = a * x
        // max(z, 0) + log1p(exp(-|z|)) does not overflow, whatever the threshold.
        let tail = V.log1p(V.expOfNegative(V(bits: z.bits | V.signBit)))
        return V.choose(z .> b, x, (V.atLeast(z, V.zero) + tail) / a)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let z = a * x
        return V.choose(z .> b, V.one, V.sigmoid(z))
    }
}

/// x held between a and b; the slope is 0 at the borders themselves.
struct Hardtanh<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.atMost(V.atLeast(x, a), b) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose((y .<= a) .| (y .>= b), V.zero, V.one)
    }
}
