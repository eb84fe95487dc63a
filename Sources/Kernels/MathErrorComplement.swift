// erfc, with full relative precision in its tail: 1 - erf(x) for small x, exp(-t^2) times a polynomial further
// out, and 2 minus that on the negative side. Coefficients: Tests/Oracle/math_coefficients.py; the polynomials are
// off by at most 0.6 ulp.

enum ErrorComplement: DoubleFormula {
    @_transparent static func value(_ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        // From 27.3 on the result rounds to 0.
        let t = V.atMost(V.magnitude(x), V.all(27.5))
        // t^2 with its rounding error: exp(-t^2) = exp(-square) (1 - error).
        let (square, error) = V.exactProduct(t, t)
        let e = V.expOfNegative(V.zero - square)
        let tail = V.fma(V.zero - error, e, e) * V.scaledErrorComplement(t)
        let outer = V.choose(x .< V.zero, V.all(2) - tail, tail)
        return V.choose(V.magnitude(x) .< V.all(0.5), V.one - V.erf(x), outer)
    }
}

extension DoubleVector {
    /// exp(t^2) erfc(t) for 0.5 <= t <= 27.5: a polynomial of (t - 1.5) / (t + 1.5) up to 4, one of 1 / t^2
    /// divided by t beyond. The two share the division.
    @_transparent static func scaledErrorComplement(_ t: Self) -> Self {
        let near = t .< all(4)
        let u = choose(near, t - all(1.5), one) / choose(near, t + all(1.5), t)
        let w = u * u
        var p = fma(all(0x1.2299889174dc5p-23), u, all(0x1.58c0214f390adp-21))
        p = fma(p, u, all(0x1.120306105655ap-20))
        p = fma(p, u, all(-0x1.67571a2dde2a7p-29))
        p = fma(p, u, all(-0x1.a8d0f50852c05p-19))
        p = fma(p, u, all(-0x1.c7045eff2b4ccp-18))
        p = fma(p, u, all(-0x1.33af27e2d708ap-18))
        p = fma(p, u, all(0x1.a574187074c37p-17))
        p = fma(p, u, all(0x1.63d4e66818c0cp-15))
        p = fma(p, u, all(0x1.6cced6db5f5a6p-15))
        p = fma(p, u, all(-0x1.265ecb485d6d6p-14))
        p = fma(p, u, all(-0x1.4537a62e82abfp-12))
        p = fma(p, u, all(-0x1.36461889b0d97p-12))
        p = fma(p, u, all(0x1.c345603209a9dp-11))
        p = fma(p, u, all(0x1.79f871b9da8b9p-9))
        p = fma(p, u, all(-0x1.d4ea449b61261p-12))
        p = fma(p, u, all(-0x1.3139524d9573ep-6))
        p = fma(p, u, all(-0x1.303bda9733a3fp-7))
        p = fma(p, u, all(0x1.8e51173011c6ep-3))
        p = fma(p, u, all(-0x1.f6a64c6673072p-2))
        p = fma(p, u, all(0x1.494daffa2ad68p-2))
        var q = fma(all(-0x1.064b19725a195p+23), w, all(0x1.1e3b99c521201p+22))
        q = fma(q, w, all(-0x1.305f3350c0387p+20))
        q = fma(q, w, all(0x1.b435e163ba270p+17))
        q = fma(q, w, all(-0x1.f64bc3c9ed35dp+14))
        q = fma(q, w, all(0x1.0b798b164f39ap+12))
        q = fma(q, w, all(-0x1.27927b0e78d2bp+9))
        q = fma(q, w, all(0x1.6e3bf41e97e37p+6))
        q = fma(q, w, all(-0x1.0a90709692625p+4))
        q = fma(q, w, all(0x1.d9eb10eb529f7p+1))
        q = fma(q, w, all(-0x1.0ecf9cfd0b1bcp+0))
        q = fma(q, w, all(0x1.b14c2f83f7922p-2))
        q = fma(q, w, all(-0x1.20dd750428cd2p-2))
        q = fma(q, w, all(0x1.20dd750429b6cp-1))
        return choose(near, p, q * u)
    }
}
