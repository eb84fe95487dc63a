// Functions whose slope is 0 (or 1) wherever they have one: signs, whole numbers, limits, questions that
// are answered by 1 (yes) and 0; see UnaryActivations.swift. Values: MathRounding.swift.

/// 0 for NaN, as in PyTorch.
struct Sign<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(x .> V.zero, V.one, V.choose(x .< V.zero, V.all(-1), V.zero))
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct Floor<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.floored(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct Ceil<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.ceiled(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

/// To multiples of 1 / a, or of a where b is not 0.
struct Round<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        // The same branch for all elements.
        if b[0] != 0 { return V.rounded(x / a) * a }
        return a[0] == 1 ? V.rounded(x) : V.rounded(x * a) / a
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct Trunc<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.truncated(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct Frac<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { x - V.truncated(x) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.one }
}

/// x between a and b; unlike hardtanh's, the slope is 1 at the borders.
struct Clip<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.atMost(V.atLeast(x, a), b) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        V.choose((x .>= a) .& (x .<= b), V.one, V.zero)
    }
}

struct IsNaN<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.choose(x .!= x, V.one, V.zero) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct IsInfinite<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(V.magnitude(x) .== V.all(.infinity), V.one, V.zero)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct IsFinite<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V {
        V.choose(V.magnitude(x) .< V.all(.infinity), V.one, V.zero)
    }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

struct LogicalNot<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.choose(x .== V.zero, V.one, V.zero) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V { V.zero }
}

/// |x| ** a, with slope 0 at 0 for every a: what sums of powers and their roots are made of.
struct PowerOfMagnitude<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.pow(V.magnitude(x), a) }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let slope = a * V.pow(V.magnitude(x), a - V.one)
        return V.choose(x .== V.zero, V.zero, V(bits: slope.bits ^ (x.bits & V.signBit)))
    }
}

/// The same for a = 1/2.
struct RootOfMagnitude<V: KernelMath>: UnaryFormula {
    @_transparent static func value(_ x: V, _ a: V, _ b: V) -> V { V.magnitude(x).squareRoot() }
    @_transparent static func derivative(_ x: V, _ y: V, _ a: V, _ b: V) -> V {
        let slope = V.all(0.5) / V.magnitude(x).squareRoot()
        return V.choose(x .== V.zero, V.zero, V(bits: slope.bits ^ (x.bits & V.signBit)))
    }
}
