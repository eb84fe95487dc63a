// sin and cos: x = n pi/2 + r with |r| <= pi/4, sin(r) = r + r^3 p(r^2) and cos(r) = 1 - r^2/2 +
// r^4 q(r^2), of which n chooses one and the sign. pi/2 is subtracted in four parts, the first three
// so short that their products with n are exact without FMA; arguments too large for that, and
// infinities and NaN, go lane by lane through MathReduction.swift. Coefficients:
// Tests/Oracle/math_coefficients.py; the polynomials are off by at most 0.04 ulp.

extension FloatVector {
    @inline(__always) static var quarterTurnParts: (Float, Float, Float, Float) {
        (0x1.92p+0, 0x1.fb4p-12, 0x1.444p-24, 0x1.68c234p-39)
    }
    /// n stays below 2^13: 11 bits of a part and 13 of n make 24.
    @inline(__always) static var reductionLimit: Float { 12800 }
    @_transparent static func sinePolynomial(_ z: Self) -> Self {
        var p = fma(all(-0x1.9952fap-13), z, all(0x1.110776p-7))
        p = fma(p, z, all(-0x1.555546p-3))
        return p
    }
    @_transparent static func cosinePolynomial(_ z: Self) -> Self {
        var p = fma(all(0x1.99e80cp-16), z, all(-0x1.6c0c28p-10))
        p = fma(p, z, all(0x1.55554ap-5))
        return p
    }
}

extension DoubleVector {
    @inline(__always) static var quarterTurnParts: (Double, Double, Double, Double) {
        (0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69, 0x1.b839a252049c1p-104)
    }
    /// n stays below 2^20: 33 bits of a part and 20 of n make 53.
    @inline(__always) static var reductionLimit: Double { 1_600_000 }
    @_transparent static func sinePolynomial(_ z: Self) -> Self {
        var p = fma(all(0x1.5d8b55a682c36p-33), z, all(-0x1.ae5e4b8418ee9p-26))
        p = fma(p, z, all(0x1.71de35552b852p-19))
        p = fma(p, z, all(-0x1.a01a019be9219p-13))
        p = fma(p, z, all(0x1.111111110f730p-7))
        p = fma(p, z, all(-0x1.5555555555548p-3))
        return p
    }
    @_transparent static func cosinePolynomial(_ z: Self) -> Self {
        var p = fma(all(-0x1.8fa5ec6ebc234p-37), z, all(0x1.1ee9dacb65a65p-29))
        p = fma(p, z, all(-0x1.27e4f7f04ffa0p-22))
        p = fma(p, z, all(0x1.a01a019c8dd1cp-16))
        p = fma(p, z, all(-0x1.6c16c16c1500dp-10))
        p = fma(p, z, all(0x1.555555555554bp-5))
        return p
    }
}

extension KernelMath {
    /// The sine of x + turn * pi/2 for a whole number `turn`.
    @_transparent static func sine(_ x: Self, turn: Bits.Scalar) -> Self {
        // x = n pi/2 + r; the lowest two bits of t are those of n.
        let magic = all(1.5 * wholeShift)
        let t = fma(x, all(0x1.45f306dc9c883p-1), magic)
        let n = zero - (t - magic)
        let parts = quarterTurnParts
        let r1 = fma(n, all(parts.0), x)
        let r2 = fma(n, all(parts.1), r1)
        let r3 = fma(n, all(parts.2), r2)
        let r = fma(n, all(parts.3), r3)
        let result = sineOfQuarters(r, t.bits &+ Bits(repeating: turn))
        // Whole results are mended, not r: what crosses a branch lane by lane is no longer computed
        // in whole vectors.
        let large = opposite(magnitude(x) .< all(reductionLimit))
        return anyLane(large) ? mendLargeLanes(x, turn, result) : result
    }

    /// The sine of r + quarter * pi/2 for |r| <= pi/4.
    @_transparent static func sineOfQuarters(_ r: Self, _ quarter: Bits) -> Self {
        let z = r * r
        let sine = fma(r * z, sinePolynomial(z), r)
        let cosine = one - fma(zero - z * z, cosinePolynomial(z), all(0.5) * z)
        let swap = bitsDiffer(quarter & Bits(repeating: 1), Bits.zero)
        let chosen = choose(swap, cosine, sine)
        let negative = (quarter & Bits(repeating: 2)) &<< (fractionShift &+ exponentWidthLessOne)
        return Self(bits: chosen.bits ^ negative)
    }
    /// From bit 1 to the sign bit: 30 or 62 places.
    @inline(__always) static var exponentWidthLessOne: Bits {
        Bits(repeating: fractionBits == 23 ? 7 : 10)
    }

    @_transparent static func sin(_ x: Self) -> Self { choose(x .== zero, x, sine(x, turn: 0)) }

    @_transparent static func cos(_ x: Self) -> Self { sine(x, turn: 1) }
}
