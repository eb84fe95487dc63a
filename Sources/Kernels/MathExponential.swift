// exp, expm1 and sigmoid (tanh: MathTanh.swift): one reduction, x = n ln 2 + r with |r| <= ln(2)/2, and one
// polynomial, expm1(r) = r + r^2 q(r). Coefficients: Tests/Oracle/math_coefficients.py (weighted
// minimax); the polynomials are off by at most 0.12 ulp (float) and 0.06 ulp (double), the
// functions by the ulps that Tests/KernelTests/MathTests.swift insists on.

extension FloatVector {
    // 15 bits: n * ln2High is exact for every n that occurs, with FMA or without.
    @inline(__always) static var ln2High: Float { 0x1.62e4p-1 }
    @inline(__always) static var ln2Low: Float { 0x1.7f7d1cp-20 }
    @_transparent static func exponentialTail(_ r: Self) -> Self {
        let r2 = r * r
        let even = fma(fma(all(0x1.6ac032p-10), r2, all(0x1.55579ap-5)), r2, all(0x1.fffffep-2))
        let odd = fma(all(0x1.122c38p-7), r2, all(0x1.5554aap-3))
        return fma(odd, r, even)
    }
    /// Below this exp rounds to zero.
    @inline(__always) static var exponentialLowest: Float { -104 }
    /// Below this exp is subnormal or nearly.
    @inline(__always) static var exponentialSubnormal: Float { -87 }
    /// The largest argument whose exp is finite.
    @inline(__always) static var exponentialHighest: Float { 0x1.62e42ep+6 }
    @inline(__always) static var expm1Saturation: Float { -25 }
}

extension DoubleVector {
    // 41 bits, as above.
    @inline(__always) static var ln2High: Double { 0x1.62e42fefa3000p-1 }
    @inline(__always) static var ln2Low: Double { 0x1.3de6af278ece6p-42 }
    @_transparent static func exponentialTail(_ r: Self) -> Self {
        let r2 = r * r
        var even = fma(all(0x1.1f417e2f96a56p-29), r2, all(0x1.27e50003499aep-22))
        even = fma(even, r2, all(0x1.a01a0196bf191p-16))
        even = fma(even, r2, all(0x1.6c16c16c181bap-10))
        even = fma(even, r2, all(0x1.5555555555558p-5))
        even = fma(even, r2, all(0x1.0000000000000p-1))
        var odd = fma(all(0x1.af6be704b930cp-26), r2, all(0x1.71ddf3af9b452p-19))
        odd = fma(odd, r2, all(0x1.a01a01b08388cp-13))
        odd = fma(odd, r2, all(0x1.111111110f792p-7))
        odd = fma(odd, r2, all(0x1.5555555555559p-3))
        return fma(odd, r, even)
    }
    @inline(__always) static var exponentialLowest: Double { -746 }
    @inline(__always) static var exponentialSubnormal: Double { -708 }
    @inline(__always) static var exponentialHighest: Double { 0x1.62e42fefa39efp+9 }
    @inline(__always) static var expm1Saturation: Double { -60 }
}

extension KernelMath {
    /// x = n ln 2 + r. Also the bits of n + bias, ready to be shifted into an exponent.
    @_transparent static func reduce(_ x: Self, bias: Scalar) -> (r: Self, shifted: Bits) {
        // 1.5 * 2^fractionBits: the sum's lowest bits are the rounded whole number.
        let magic = all(1.5 * wholeShift + bias)
        let t = fma(x, all(0x1.71547652b82fep+0), magic)
        let n = t - magic
        let r = fma(n, all(-ln2Low), fma(n, all(-ln2High), x))
        return (r, t.bits &<< fractionShift)
    }

    /// expm1(r) for |r| <= ln(2)/2.
    @_transparent static func expm1Reduced(_ r: Self) -> Self { fma(r * r, exponentialTail(r), r) }

    @_transparent static func exp(_ x: Self) -> Self {
        // Exponents are added as integers, so that 2^128 (2^1024) need not be a number of its own;
        // a result that will be subnormal is made 2^64 times too large and then rounded once.
        let bounded = atLeast(x, all(exponentialLowest))
        let (r, shifted) = reduce(bounded, bias: 0)
        let p = one + expm1Reduced(r)
        let small = x .< all(exponentialSubnormal)
        let lift = all(0x1p64).bits &- one.bits
        let scaled = Self(bits: p.bits &+ shifted)
        let lifted = Self(bits: scaled.bits &+ lift) * all(0x1p-64)
        // Overflow, infinity and NaN: x * inf is what is wanted in all three.
        return choose(
            opposite(x .<= all(exponentialHighest)), x * all(.infinity), choose(small, lifted, scaled))
    }

    /// exp(x) for x <= 0 (or NaN).
    @_transparent static func expOfNegative(_ x: Self) -> Self {
        let small = x .< all(exponentialSubnormal)
        let (r, shifted) = reduce(atLeast(x, all(exponentialLowest)), bias: exponentBias)
        let lift = all(0x1p64).bits &- one.bits
        let p = one + expm1Reduced(r)
        let scaled = p * Self(bits: shifted)
        return choose(small, p * Self(bits: shifted &+ lift) * all(0x1p-64), scaled)
    }

    /// exp(x) where neither x nor the result leaves the normal range (or x is NaN).
    @_transparent static func expOfModerate(_ x: Self) -> Self {
        let (r, shifted) = reduce(x, bias: exponentBias)
        let scale = Self(bits: shifted)
        return fma(scale, expm1Reduced(r), scale)
    }

    @_transparent static func expm1(_ x: Self) -> Self {
        // 2^n (p + 1) - 1, halved in between because 2^n may overflow where the result does not.
        let bounded = atMost(atLeast(x, all(expm1Saturation)), all(exponentialHighest + 0.25))
        let (r, shifted) = reduce(bounded, bias: exponentBias - 1)
        let half = Self(bits: shifted)
        let y = fma(half, expm1Reduced(r), half - all(0.5))
        // Near zero the function is its argument, with its sign.
        return choose(magnitude(x) .< all(Scalar.ulpOfOne / 4), x, y + y)
    }

    /// 1 / (1 + exp(-x)), as exp(x) / (1 + exp(x)) on the negative side: no overflow, full relative
    /// precision in the tail.
    @_transparent static func sigmoid(_ x: Self) -> Self {
        let e = expOfNegative(Self(bits: x.bits | signBit))
        return choose(x .< zero, e, one) / (one + e)
    }
}
