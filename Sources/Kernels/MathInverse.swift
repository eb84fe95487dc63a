// Functions that are made of the ones before: tan, the inverse and hyperbolic functions, exp2, log2, log10.
// They are written for Double, to within 4 ulp; floats go through Double, some in a shorter way (MathForFloats.swift), and
// are then rounded once.
// Coefficients: Tests/Oracle/math_coefficients.py.

import CPUFeatures

/// A function that is written once, for Double.
protocol DoubleFormula {
    static func value(_ x: DoubleVector) -> DoubleVector
    /// The same for what a float holds, to a float's precision.
    static func short(_ x: DoubleVector) -> DoubleVector
}

extension DoubleFormula {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector { value(x) }
}

/// Half of a vector of floats. Not inlined, as powerInDouble isn't.
@inline(never) func halfThroughDouble<F: DoubleFormula>(_: F.Type, _ x: HalfFloatVector) -> HalfFloatVector {
    cr_narrow_doubles(F.short(cr_widen_floats(x)))
}

extension FloatVector {
    @_transparent static func throughDouble<F: DoubleFormula>(_: F.Type, _ x: Self) -> Self {
        Self(lowHalf: halfThroughDouble(F.self, x.lowHalf), highHalf: halfThroughDouble(F.self, x.highHalf))
    }
    @_transparent static func throughDouble<F: DoublePairFormula>(_: F.Type, _ x: Self, _ y: Self) -> Self {
        F.inFloats(x, y)
    }
}

extension DoubleVector {
    @_transparent static func throughDouble<F: DoubleFormula>(_: F.Type, _ x: Self) -> Self { F.value(x) }
    @_transparent static func throughDouble<F: DoublePairFormula>(_: F.Type, _ x: Self, _ y: Self) -> Self {
        F.value(x, y)
    }
}

enum Tangent: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        DoubleVector.sin(x) / DoubleVector.cos(x)
    }
}

extension DoubleVector {
    /// The angle, 0 to pi/2, whose tangent is a / b, for a and b not negative. The angle's part beyond 0,
    /// pi/4 or pi/2 has a tangent r of at most tan(pi/8), and atan(r) = r + r^3 p(r^2), off by 0.01 ulp.
    @_transparent static func angle(_ a: Self, _ b: Self) -> Self {
        let steep = a .> b * all(0x1.3504f333f9de6p+1)
        let middle = a .> b * all(0x1.a827999fcef32p-2)
        let numerator = choose(steep, zero - b, choose(middle, a - b, a))
        let denominator = choose(steep, a, choose(middle, a + b, b))
        let r = numerator / denominator
        let z = r * r
        var p = fma(all(-0x1.24bf8d50294f0p-6), z, all(0x1.37884f2b7672fp-5))
        p = fma(p, z, all(-0x1.9cb48d08c74bep-5))
        p = fma(p, z, all(0x1.df08a5dd28e99p-5))
        p = fma(p, z, all(-0x1.10eb443ea6029p-4))
        p = fma(p, z, all(0x1.3b110ef854031p-4))
        p = fma(p, z, all(-0x1.745cf84b2ec3ap-4))
        p = fma(p, z, all(0x1.c71c70e104100p-4))
        p = fma(p, z, all(-0x1.24924922a0606p-3))
        p = fma(p, z, all(0x1.999999999564dp-3))
        p = fma(p, z, all(-0x1.555555555553cp-2))
        let base = choose(steep, all(0x1.921fb54442d18p+0), choose(middle, all(0x1.921fb54442d18p-1), zero))
        let baseLow = choose(steep, all(0x1.1a62633145c07p-54), choose(middle, all(0x1.1a62633145c07p-55), zero))
        return choose(a .== zero, zero, base + (r + fma(r * z, p, baseLow)))
    }
}

enum ArcTangent: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        return V.sign(V.angle(V.magnitude(x), V.one), from: x)
    }
}

/// The sides of a right triangle whose longest one is 1.
enum ArcSine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        return V.sign(V.angle(a, ((V.one - a) * (V.one + a)).root), from: x)
    }
}

/// By half the angle, which is exact also near 1 and -1.
enum ArcCosine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let half = V.angle((V.one - x).root, (V.one + x).root)
        return half + half
    }
}

enum HyperbolicSine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let e = V.expm1(V.atMost(a, V.all(40)))
        var y = V.all(0.5) * (e + e / (e + V.one))
        if V.anyLane(a .> V.all(40)) { setFarHalfOfExp(a, &y) }
        return V.sign(y, from: x)
    }
}

enum HyperbolicCosine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let e = V.expOfModerate(V.atMost(a, V.all(40)))
        var y = V.all(0.5) * (e + V.one / e)
        if V.anyLane(a .> V.all(40)) { setFarHalfOfExp(a, &y) }
        return y
    }
}

/// Beyond 40 both are half of exp(a), which may overflow where the result does not.
@inline(never) private func setFarHalfOfExp(_ a: DoubleVector, _ y: inout DoubleVector) {
    typealias V = DoubleVector
    let root = V.exp(a * V.all(0.5))
    y = V.choose(a .> V.all(40), (root * V.all(0.5)) * root, y)
}

/// log(a + sqrt(1 + a^2)), with full precision near 0.
enum InverseHyperbolicSine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let near = V.atMost(a, V.all(0x1p30))
        let square = near * near
        let grown = near + square / (V.one + (V.one + square).root)
        let far = V.log(a) + V.all(0x1.62e42fefa39efp-1)
        return V.sign(V.magnitude(V.choose(a .> V.all(0x1p30), far, V.log1p(grown))), from: x)
    }
}

enum InverseHyperbolicCosine: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let t = V.atMost(x, V.all(0x1p30)) - V.one
        let far = V.log(x) + V.all(0x1.62e42fefa39efp-1)
        let y = V.choose(x .> V.all(0x1p30), far, V.log1p(t + (t * (t + V.all(2))).root))
        return V.choose(x .< V.one, V.all(.nan), y)
    }
}

enum InverseHyperbolicTangent: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        return V.sign(V.magnitude(V.all(0.5) * V.log1p((a + a) / (V.one - a))), from: x)
    }
}

/// 2^n 2^f with a whole n and |f| <= 1/2; scaled as exp is.
enum PowerOfTwo: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let bounded = V.atMost(V.atLeast(x, V.all(-1080)), V.all(1030))
        let t = bounded + V.all(1.5 * V.wholeShift)
        let f = bounded - (t - V.all(1.5 * V.wholeShift))
        let p = V.one + V.expm1Reduced(f * V.all(0x1.62e42fefa39efp-1))
        let scaled = V(bits: p.bits &+ (t.bits &<< V.fractionShift))
        let lift = V.all(0x1p64).bits &- V.one.bits
        let lifted = V(bits: scaled.bits &+ lift) * V.all(0x1p-64)
        let result = V.choose(x .< V.all(-1022), V.choose(x .< V.all(-1079), V.zero, lifted), scaled)
        return V.choose(V.opposite(x .< V.all(1024)), x * V.all(.infinity), result)
    }
}

extension DoubleVector {
    /// A logarithm's values at 0, infinity, NaN and below 0.
    @_transparent static func logarithmEnds(_ x: Self, _ y: Self) -> Self {
        let upper = choose(x .< all(.infinity), y, x)
        let positive = choose(x .== zero, all(-.infinity), upper)
        return choose(x .< zero, all(.nan), positive)
    }
}

/// k + log(m) / log(2), exact for powers of two.
enum LogarithmOfTwo: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let (m, k) = V.decompose(x)
        let l = V.logarithm(onePlus: m - V.one, exponent: V.zero)
        let (product, productLow) = V.exactProduct(l, V.all(0x1.71547652b82fep+0))
        let (sum, sumLow) = V.exactSum(k, product)
        return V.logarithmEnds(x, sum + (sumLow + (productLow + l * V.all(0x1.777d0ffda0d24p-56))))
    }
}

enum LogarithmOfTen: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let (m, k) = V.decompose(x)
        let l = V.logarithm(onePlus: m - V.one, exponent: V.zero)
        let (product, productLow) = V.exactProduct(l, V.all(0x1.bcb7b1526e50ep-2))
        // 41 bits of log10(2): the product with k is exact.
        let (sum, sumLow) = V.exactSum(k * V.all(0x1.34413509f7000p-2), product)
        let low = k * V.all(0x1.3fde623e2566bp-43) + l * V.all(0x1.95355baaafad3p-57)
        return V.logarithmEnds(x, sum + (sumLow + (productLow + low)))
    }
}
