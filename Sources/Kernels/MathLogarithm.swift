// log and log1p: the argument is 2^k m with m in [2/3, 4/3), f = m - 1 is exact, and the result is
// k ln 2 + log(1 + f). Coefficients: Tests/Oracle/math_coefficients.py; the approximations are off
// by at most 0.08 ulp of the result.

extension FloatVector {
    /// k ln 2 + log(1 + f) by log(1 + f) = f - f^2/2 + f^3 p(f).
    @_transparent static func logarithm(onePlus f: Self, exponent k: Self) -> Self {
        let f2 = f * f
        var even = fma(all(0x1.e1182ap-4), f2, all(0x1.bb4424p-4))
        even = fma(even, f2, all(0x1.24d7aap-3))
        even = fma(even, f2, all(0x1.99985ep-3))
        even = fma(even, f2, all(0x1.555556p-2))
        var odd = fma(all(-0x1.07b074p-3), f2, all(-0x1.f3392p-4))
        odd = fma(odd, f2, all(-0x1.559bb2p-3))
        odd = fma(odd, f2, all(-0x1.ffff02p-3))
        let p = fma(odd, f, even)
        let tail = fma(f2, fma(f, p, all(-0.5)), k * all(ln2Low))
        return fma(k, all(ln2High), f + tail)
    }
}

extension DoubleVector {
    /// By s = f / (2 + f), log(1 + f) = log((1 + s) / (1 - s)) = 2s + s z p(z), z = s^2, arranged so
    /// that the leading terms are f - f^2/2, as in fdlibm.
    @_transparent static func logarithm(onePlus f: Self, exponent k: Self) -> Self {
        let s = f / (all(2) + f)
        let z = s * s
        let z2 = z * z
        var even = fma(all(0x1.3ad6d2dbe3b63p-3), z2, all(0x1.74750a1972050p-3))
        even = fma(even, z2, all(0x1.249249b3932e4p-2))
        even = fma(even, z2, all(0x1.555555555577dp-1))
        var odd = fma(all(0x1.384fb641c0bb2p-3), z2, all(0x1.c71c00731f43dp-3))
        odd = fma(odd, z2, all(0x1.99999998eec48p-2))
        let halfSquare = all(0.5) * f * f
        let correction = fma(s, fma(fma(odd, z, even), z, halfSquare), k * all(ln2Low))
        return fma(k, all(ln2High), f - (halfSquare - correction))
    }
}

extension KernelMath {
    /// x = 2^k m with m in [2/3, 4/3), for x positive and finite, subnormals included.
    @_transparent static func decompose(_ x: Self) -> (m: Self, k: Self) {
        let small = x .< all(Scalar.leastNormalMagnitude)
        let lifted = choose(small, x * all(wholeShift * 4), x)
        let (m, k) = decomposeNormal(lifted)
        return (m, choose(small, k - all(subnormalLift), k))
    }

    @_transparent static func decomposeNormal(_ x: Self) -> (m: Self, k: Self) {
        let twoThirds = all(2 / 3).bits
        let offset = x.bits &+ (one.bits &- twoThirds)
        // The exponent field becomes a number by way of the lowest bits of 2^fractionBits.
        let shift = all(wholeShift)
        let k = Self(bits: exponentField(offset) | shift.bits) - all(wholeShift + exponentBias)
        let fraction = Bits(repeating: (1 &<< fractionBits) &- 1)
        return (Self(bits: (offset & fraction) &+ twoThirds), k)
    }

    @_transparent static func log(_ x: Self) -> Self {
        let (m, k) = decompose(x)
        let y = logarithm(onePlus: m - one, exponent: k)
        let infinite = all(.infinity)
        // Infinity and NaN stay what they are; zero and the negative have results of their own.
        let upper = choose(x .< infinite, y, x)
        let positive = choose(x .== zero, zero - infinite, upper)
        return choose(x .< zero, all(.nan), positive)
    }

    /// u = 1 + x loses low bits of x; they are added to f. When k is 0, f becomes x itself.
    @_transparent static func log1p(_ x: Self) -> Self {
        let u = one + x
        let lost = choose(x .> one, one - (u - x), x - (u - one))
        let (m, k) = decomposeNormal(u)
        // 2^-k; for large x what was lost no longer matters, and 2^-k leaves the normal range.
        let inverse = Self(bits: (m.bits &- u.bits) &+ one.bits)
        let f = (m - one) + choose(x .< all(wholeShift * wholeShift), lost * inverse, zero)
        let y = logarithm(onePlus: f, exponent: k)
        let infinite = all(.infinity)
        let upper = choose(x .< infinite, y, x)
        let nonzero = choose(x .== all(-1), zero - infinite, upper)
        let signed = choose(x .== zero, x, nonzero)
        return choose(x .< all(-1), all(.nan), signed)
    }
}
