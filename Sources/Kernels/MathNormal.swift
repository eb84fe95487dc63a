// The normal distribution function and what gelu makes of it. float32: one polynomial each, since these are wanted to
// within rounding of 1, also where they are nearly 0; an error function and an exponential would take three times as long.
// Coefficients: Tests/Oracle/math_coefficients.py; the polynomials are off by at most 0.1 ulp of 1.
// Without FMA each step of such a polynomial rounds twice: the baseline goes the long way, as float64 does.

#if !BASELINE
extension FloatVector {
    /// Phi(x). Beyond 5.5 it rounds to 0 or 1.
    @_transparent static func normalDistribution(_ x: Self) -> Self {
        let w = fma(x * x, all(2 / 5.5 / 5.5), all(-1))
        var p = fma(all(-0x1.1f610ap-12), w, all(0x1.577c8p-11))
        p = fma(p, w, all(-0x1.a3a2bcp-12))
        p = fma(p, w, all(0x1.517dp-11))
        p = fma(p, w, all(-0x1.53f67cp-9))
        p = fma(p, w, all(0x1.3538e2p-8))
        p = fma(p, w, all(-0x1.b71a3cp-8))
        p = fma(p, w, all(0x1.4d2d5p-7))
        p = fma(p, w, all(-0x1.ece862p-7))
        p = fma(p, w, all(0x1.4df6e6p-6))
        p = fma(p, w, all(-0x1.aaa53ap-6))
        p = fma(p, w, all(0x1.06b246p-5))
        p = fma(p, w, all(-0x1.3dcbacp-5))
        p = fma(p, w, all(0x1.871164p-5))
        p = fma(p, w, all(-0x1.06d99p-4))
        p = fma(p, w, all(0x1.07463cp-3))
        return normal(x, x * p, end: 5.5)
    }

    /// The derivative of x Phi(x): Phi(x) + x phi(x). Beyond 6 it rounds to 0 or 1.
    @_transparent static func geluSlope(_ x: Self) -> Self {
        let w = fma(x * x, all(2 / 6.0 / 6), all(-1))
        var p = fma(all(0x1.a817f8p-9), w, all(-0x1.d716b6p-8))
        p = fma(p, w, all(-0x1.8213dep-15))
        p = fma(p, w, all(0x1.714912p-9))
        p = fma(p, w, all(0x1.3d3c54p-6))
        p = fma(p, w, all(-0x1.1df6bep-5))
        p = fma(p, w, all(0x1.d02c4cp-6))
        p = fma(p, w, all(-0x1.1bf6bap-5))
        p = fma(p, w, all(0x1.cb6c3cp-5))
        p = fma(p, w, all(-0x1.10addep-4))
        p = fma(p, w, all(0x1.0fce12p-4))
        p = fma(p, w, all(-0x1.067f52p-4))
        p = fma(p, w, all(0x1.e18a0cp-5))
        p = fma(p, w, all(-0x1.a18996p-5))
        p = fma(p, w, all(0x1.6cf02ap-5))
        p = fma(p, w, all(-0x1.5b0a9p-5))
        p = fma(p, w, all(0x1.794e88p-5))
        p = fma(p, w, all(-0x1.e622fap-5))
        p = fma(p, w, all(0x1.e2e8c4p-4))
        return normal(x, x * p, end: 6)
    }

    /// 1/2 + odd, and 0 or 1 from `end` on.
    @_transparent private static func normal(_ x: Self, _ odd: Self, end: Float) -> Self {
        all(0.5) + choose(magnitude(x) .>= all(end), sign(all(0.5), from: x), odd)
    }
}
#endif

extension KernelMath {
    @_transparent static func normalDistribution(_ x: Self) -> Self {
        fma(all(0.5), erf(x * all(0x1.6a09e667f3bcdp-1)), all(0.5))
    }

    @_transparent static func geluSlope(_ x: Self) -> Self {
        // 1/sqrt(2 pi). Subnormal densities, which take a CPU ten times as long, are left out.
        let near = atMost(atLeast(x, all(-40)), all(40))
        let exponent = all(-0.5) * near * near
        let lowest = all(exponentialSubnormal + 1)
        let density = all(0x1.9884533d43651p-2) * expOfModerate(atLeast(exponent, lowest))
        return fma(near, choose(exponent .< lowest, zero, density), normalDistribution(x))
    }
}
