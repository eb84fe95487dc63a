// The functions of MathInverse.swift and MathErrorComplement.swift for floats: in Double too, but with polynomials no
// longer than a float's precision needs, and without the ends of Double's range. They are off by at most 2^-28, which
// leaves 0.54 ulp after the rounding to a float. Coefficients: Tests/Oracle/math_coefficients.py.

extension DoubleVector {
    /// expm1(r) for |r| <= ln(2)/2.
    @_transparent fileprivate static func shortExpm1(_ r: Self) -> Self {
        let r2 = r * r
        let even = fma(fma(all(0x1.6d81dde33480ap-10), r2, all(0x1.5554a9ac91056p-5)), r2, all(0x1.000000260709dp-1))
        let odd = fma(fma(all(0x1.a2fa34037da24p-13), r2, all(0x1.111697d622f72p-7)), r2, all(0x1.55554b05d23a7p-3))
        return fma(r2, fma(odd, r, even), r)
    }

    /// exp(x) for |x| up to 700, or NaN.
    @_transparent fileprivate static func shortExp(_ x: Self) -> Self {
        let (r, shifted) = reduce(x, bias: exponentBias)
        let scale = Self(bits: shifted)
        return fma(scale, shortExpm1(r), scale)
    }

    /// log(1 + f) where (f, d) is a fraction's numerator and 2 + f: by s = f / d, 2s + s z p(z), z = s^2.
    @_transparent fileprivate static func shortLogarithm(_ f: Self, _ d: Self) -> Self {
        let s = f / d
        let z = s * s
        var p = fma(all(0x1.ed9cd9bffad24p-3), z, all(0x1.23e91d2ab5106p-2))
        p = fma(p, z, all(0x1.999bde2898f55p-2))
        p = fma(p, z, all(0x1.55555420c9fcdp-1))
        return fma(s * z, p, s + s)
    }

    /// log(1 + x) for x >= 0, smaller than 2^1000.
    @_transparent fileprivate static func shortLog1p(_ x: Self) -> Self {
        let (m, k) = decomposeNormal(one + x)
        // Near 0 the sum has lost x's last bits.
        let f = choose(x .< all(0.25), x, m - one)
        return fma(k, all(ln2High), shortLogarithm(f, one + choose(x .< all(0.25), one + x, m)))
    }
}

extension DoubleVector {
    /// As `angle`.
    @_transparent fileprivate static func shortAngle(_ a: Self, _ b: Self) -> Self {
        let steep = a .> b * all(0x1.3504f333f9de6p+1)
        let middle = a .> b * all(0x1.a827999fcef32p-2)
        let numerator = choose(steep, zero - b, choose(middle, a - b, a))
        let r = numerator / choose(steep, a, choose(middle, a + b, b))
        let z = r * r
        var p = fma(all(0x1.84475fee37c88p-5), z, all(-0x1.5b1b21117ea13p-4))
        p = fma(p, z, all(0x1.c46064b1bafd8p-4))
        p = fma(p, z, all(-0x1.247eb6faf828bp-3))
        p = fma(p, z, all(0x1.999917750047bp-3))
        p = fma(p, z, all(-0x1.555554c46f12ap-2))
        let base = choose(steep, all(0x1.921fb54442d18p+0), choose(middle, all(0x1.921fb54442d18p-1), zero))
        return choose(a .== zero, zero, base + fma(r * z, p, r))
    }
}

extension ArcTangent {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        return V.sign(V.shortAngle(V.magnitude(x), V.one), from: x)
    }
}

extension ArcSine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        return V.sign(V.shortAngle(a, ((V.one - a) * (V.one + a)).root), from: x)
    }
}

extension ArcCosine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let half = V.shortAngle((V.one - x).root, (V.one + x).root)
        return half + half
    }
}

extension PowerOfTwo {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let magic = V.all(1.5 * V.wholeShift + V.exponentBias)
        let bounded = V.atMost(V.atLeast(x, V.all(-200)), V.all(200))
        let t = bounded + magic
        let r = (bounded - (t - magic)) * V.all(0x1.62e42fefa39efp-1)
        let scale = V(bits: t.bits &<< V.fractionShift)
        return V.fma(scale, V.shortExpm1(r), scale)
    }
}

extension HyperbolicSine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        // exp(200) is infinite as a float. expm1 = 2 (2^(n-1) (p + 1) - 1/2).
        let (r, shifted) = V.reduce(V.atMost(V.magnitude(x), V.all(200)), bias: V.exponentBias - 1)
        let scale = V(bits: shifted)
        let half = V.fma(scale, V.shortExpm1(r), scale - V.all(0.5))
        return V.sign(half + half / (half + half + V.one), from: x)
    }
}

extension HyperbolicCosine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let e = V.shortExp(V.atMost(V.magnitude(x), V.all(200)))
        return V.all(0.5) * (e + V.one / e)
    }
}

extension InverseHyperbolicSine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let square = a * a
        let y = V.shortLog1p(a + square / (V.one + (V.one + square).root))
        return V.sign(V.choose(a .< V.all(.infinity), y, a), from: x)
    }
}

extension InverseHyperbolicCosine {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let t = x - V.one
        let y = V.shortLog1p(t + (t * (x + V.one)).root)
        return V.choose(x .< V.one, V.all(.nan), V.choose(x .< V.all(.infinity), y, x))
    }
}

extension InverseHyperbolicTangent {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let y = V.all(0.5) * V.shortLog1p((a + a) / (V.one - a))
        return V.sign(V.choose(a .< V.one, y, V.choose(a .== V.one, V.all(.infinity), V.all(.nan))), from: x)
    }
}

extension LogarithmOfTwo {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let (m, k) = V.decomposeNormal(x)
        return V.logarithmEnds(x, V.fma(V.shortLogarithm(m - V.one, m + V.one), V.all(0x1.71547652b82fep+0), k))
    }
}

extension LogarithmOfTen {
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let (m, k) = V.decomposeNormal(x)
        let l = V.shortLogarithm(m - V.one, m + V.one)
        return V.logarithmEnds(x, V.fma(k, V.all(0x1.34413509f79ffp-2), l * V.all(0x1.bcb7b1526e50ep-2)))
    }
}

extension ErrorComplement {
    /// exp(-t^2) times a polynomial of (t - 2.5) / (t + 2.5); from 10.1 on the result rounds to 0.
    @_transparent static func short(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let t = V.atMost(V.magnitude(x), V.all(10.2))
        let u = (t - V.all(2.5)) / (t + V.all(2.5))
        var p = V.fma(V.all(0x1.8e7a4b63529e6p-18), u, V.all(0x1.fbce1203d7bb5p-17))
        p = V.fma(p, u, V.all(-0x1.1c1aaa0f21e7ap-15))
        p = V.fma(p, u, V.all(-0x1.09bf0ddcd2e44p-13))
        p = V.fma(p, u, V.all(0x1.df41b5b39935dp-13))
        p = V.fma(p, u, V.all(0x1.cae084e964b12p-11))
        p = V.fma(p, u, V.all(-0x1.5a595cd2fc89ap-9))
        p = V.fma(p, u, V.all(-0x1.05b95c952a066p-8))
        p = V.fma(p, u, V.all(0x1.470ba68328c1ap-5))
        p = V.fma(p, u, V.all(-0x1.001155461cabap-3))
        p = V.fma(p, u, V.all(0x1.01c11a6e68271p-2))
        p = V.fma(p, u, V.all(-0x1.7ca88de935c2bp-2))
        p = V.fma(p, u, V.all(0x1.afbb3f3b79998p-3))
        let tail = V.shortExp(V.zero - t * t) * p
        return V.choose(x .< V.zero, V.all(2) - tail, tail)
    }
}
