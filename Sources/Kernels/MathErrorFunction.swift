// erf: x + x p(x^2) near zero, 1 - erfc(|x|) further out, both computed and one chosen. There erfc is
// at most 0.2, so that its own errors hardly count. Coefficients: Tests/Oracle/math_coefficients.py;
// the approximations are off by at most 0.15 ulp (float) and 0.07 ulp (double).

extension FloatVector {
    /// erfc(t) = exp(-t + t p(t)) for 0.92 < t < 4; beyond 3.92 erf rounds to 1.
    @_transparent static func erf(_ x: Self) -> Self {
        let t = atMost(magnitude(x), all(4))
        let z = t * t
        var near = fma(all(-0x1.386bf4p-11), z, all(0x1.46d836p-8))
        near = fma(near, z, all(-0x1.b67bcep-6))
        near = fma(near, z, all(0x1.ce1984p-4))
        near = fma(near, z, all(-0x1.8126e2p-2))
        near = fma(near, z, all(0x1.06eba6p-3))
        var far = fma(all(0x1.bfce12p-13), t, all(-0x1.a4e9bcp-9))
        far = fma(far, t, all(0x1.76d7e4p-6))
        far = fma(far, t, all(-0x1.af150ep-4))
        far = fma(far, t, all(-0x1.457e86p-1))
        far = fma(far, t, all(-0x1.0730a6p-3))
        let outer = one - expOfModerate(fma(far, t, zero - t))
        return sign(choose(t .< all(0.925), fma(near, t, t), outer), from: x)
    }
}

extension DoubleVector {
    /// erfc(t) = exp(-t^2) p((t - 2) / (t + 2)) for 1 < t < 6; beyond 5.93 erf rounds to 1.
    @_transparent static func erf(_ x: Self) -> Self {
        let t = atMost(magnitude(x), all(6))
        let z = t * t
        let z2 = z * z
        var even = fma(all(0x1.3b620572d4c4fp-33), z2, all(0x1.1319fba5f5ad0p-26))
        even = fma(even, z2, all(0x1.ba68f53d81c03p-20))
        even = fma(even, z2, all(0x1.f9a3b93b40331p-14))
        even = fma(even, z2, all(0x1.565bcd2c6066ap-8))
        even = fma(even, z2, all(0x1.ce2f21a0458d7p-4))
        even = fma(even, z2, all(0x1.06eba8214db69p-3))
        var odd = fma(all(-0x1.c48e0978565b0p-30), z2, all(-0x1.638f9ff817eacp-23))
        odd = fma(odd, z2, all(-0x1.f4dcef34133c9p-17))
        odd = fma(odd, z2, all(-0x1.c02db93275cfcp-11))
        odd = fma(odd, z2, all(-0x1.b82ce31354c44p-6))
        odd = fma(odd, z2, all(-0x1.812746b037a25p-2))
        let near = fma(odd, z, even)
        let u = (t - all(2)) / (t + all(2))
        let u2 = u * u
        var evenFar = fma(all(-0x1.4e3873750af79p-16), u2, all(0x1.d08540007d7f2p-16))
        evenFar = fma(evenFar, u2, all(0x1.6d7a448ffed70p-15))
        evenFar = fma(evenFar, u2, all(-0x1.bc25c80020048p-11))
        evenFar = fma(evenFar, u2, all(0x1.e94715b967ec4p-9))
        evenFar = fma(evenFar, u2, all(0x1.eeea7dc8a71f7p-3))
        evenFar = fma(evenFar, u2, all(0x1.058671b52c776p-2))
        var oddFar = fma(all(-0x1.a768bf4f73630p-18), u2, all(-0x1.e9801b66df2e3p-16))
        oddFar = fma(oddFar, u2, all(0x1.6dfb4fc171353p-13))
        oddFar = fma(oddFar, u2, all(-0x1.016bb8e9b3e65p-10))
        oddFar = fma(oddFar, u2, all(0x1.ca95ed65be85ep-8))
        oddFar = fma(oddFar, u2, all(-0x1.437f0b68b4ea5p-4))
        oddFar = fma(oddFar, u2, all(-0x1.b57034efd3fa2p-2))
        let far = fma(oddFar, u, evenFar)
        let outer = one - expOfModerate(zero - z) * far
        return sign(choose(t .< one, fma(near, t, t), outer), from: x)
    }
}
