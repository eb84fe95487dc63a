// Further activations; see UnaryActivations.swift.

/// relu6(x + 3) / 6
struct Hardsigmoid<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.atMost(V.atLeast(x + V.all(3), V.zero), V.all(6)) / V.all(6)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose((x .> V.all(-3)) .& (x .< V.all(3)), V.all(1) / V.all(6), V.zero)
    }
}

/// x relu6(x + 3) / 6; 0 at -infinity, where the product would be NaN.
struct Hardswish<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        let gate = V.atMost(V.atLeast(x + V.all(3), V.zero), V.all(6))
        return V.atLeast(x, V.all(-1000)) * gate / V.all(6)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let middle = V.fma(x, V.all(1) / V.all(3), V.all(0.5))
        return V.choose(x .<= V.all(-3), V.zero, V.choose(x .< V.all(3), middle, V.one))
    }
}

/// x tanh(log(1 + exp(x))): with e = exp(x) that is x n / (n + 2), n = e (e + 2).
struct Mish<V: KernelMath>: UnaryFormula {
    /// n / (n + 2) and e for x not above 25, where the first is 1 to the last bit.
    @_transparent static func gate(_ x: V) -> (gate: V, exponential: V) {
        let e = V.exp(V.atMost(x, V.all(25)))
        let n = e * (e + V.all(2))
        return (n / (n + V.all(2)), e)
    }
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.atLeast(x, V.all(-1000)) * gate(x).gate
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let near = V.atMost(V.atLeast(x, V.all(-1000)), V.all(1000))
        let (gate, e) = gate(near)
        // The gate's slope is sigmoid(x) (1 - gate^2), and 1 - gate = 2 / (n + 2).
        let n = e * (e + V.all(2))
        let slope = e / (V.one + e) * (V.one + gate) * (V.all(2) / (n + V.all(2)))
        return V.fma(near, V.choose(x .> V.all(25), V.zero, slope), gate)
    }
}

/// x for x > 0, a (exp(x / a) - 1) otherwise.
struct Celu<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, x, a * V.expm1(x / a))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, V.one, V.exp(x / a))
    }
}

/// x above a, b otherwise; NaN stays.
struct Threshold<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.choose(x .<= a, b, x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(x .<= a, V.zero, V.one)
    }
}

/// 0 between -a and a, x outside.
struct Hardshrink<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(V.magnitude(x) .<= a, V.zero, x)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .== V.zero, V.zero, V.one)
    }
}

/// 0 between -a and a, outside nearer to 0 by a.
struct Softshrink<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(x .> a, x - a, V.choose(x .< V.zero - a, x + a, x * V.zero))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose(y .== V.zero, V.zero, V.one)
    }
}

struct Tanhshrink<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x - V.tanh(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let t = V.tanh(x)
        return t * t
    }
}

/// x / (1 + |x|); 1 and -1 at infinity.
struct Softsign<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        let size = V.atMost(V.magnitude(x), V.all(0x1p60))
        return V.sign(size / (V.one + size), from: x)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let inverse = V.one / (V.one + V.magnitude(x))
        return inverse * inverse
    }
}

/// log(1 / (1 + exp(-x))), as min(x, 0) - log(1 + exp(-|x|)).
struct LogSigmoid<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.atMost(x, V.zero) - V.log1p(V.expOfNegative(V(bits: x.bits | V.signBit)))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.sigmoid(V.zero - x) }
}
