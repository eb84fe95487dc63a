// The logarithm of the gamma function's magnitude, and its slope, digamma. Coefficients:
// Tests/Oracle/math_coefficients.py. For x > 0 lgamma is off by at most 2.5 ulp; where x < 0 makes it small, and
// where digamma crosses 0, the errors are those of the larger numbers that it is the difference of.

enum LogGamma: DoubleFormula {
    @_transparent static func value(_ x: SIMD8<Double>) -> SIMD8<Double> {
        typealias V = SIMD8<Double>
        let z = V.magnitude(x)
        let infinite = V.all(.infinity)
        // lgamma(x) = lgamma(1 + x) - log |x| near 0 on both sides.
        let isSmall = z .< V.all(0.5)
        let isNearOne = z .< V.all(1.375)
        let isMiddle = z .< V.all(8)
        // lgamma(z) = lgamma(z - k) + log((z - 1) ... (z - k)); the differences are exact.
        var y = z
        var product = V.one
        for _ in 0..<6 {
            let isLarge = (y .>= V.all(2.5)) .& isMiddle
            y = V.choose(isLarge, y - V.one, y)
            product = V.choose(isLarge, product * y, product)
        }
        let t = V.choose(isSmall, x, V.choose(isNearOne, y - V.one, y - V.all(2)))
        let polynomial = t * V.choose(isNearOne, V.logGammaAtOne(t), V.logGammaAtTwo(t))
        let logarithm = V.log(V.choose(isSmall .| V.opposite(isMiddle), z, product))
        let far = V.fma(z - V.all(0.5), logarithm - V.one, V.logGammaRemainder(z))
        let near = V.choose(isSmall, polynomial - logarithm, polynomial + logarithm)
        var result = V.choose(isMiddle, near, V.choose(z .< infinite, far, z))
        // lgamma(-z) = log(pi / |z sin(pi z)|) - lgamma(z)
        let isReflected = V.opposite(x .> V.all(-0.5)) .& (z .< infinite)
        if V.anyLane(isReflected) {
            let turn = V.sin((z - V.rounded(z)) * V.all(0x1.921fb54442d18p+1))
            let mirrored = V.log(V.all(0x1.921fb54442d18p+1) / V.magnitude(z * turn)) - result
            result = V.choose(isReflected, mirrored, result)
        }
        return V.choose(x .== x, result, x)
    }
}

enum Digamma: DoubleFormula {
    @_transparent static func value(_ x: SIMD8<Double>) -> SIMD8<Double> {
        typealias V = SIMD8<Double>
        let isReflected = x .< V.zero
        // digamma(y) = digamma(y + n) - (1 / y + ... + 1 / (y + n - 1)), the sum as one fraction
        var y = V.choose(isReflected, V.one - x, x)
        var numerator = V.zero
        var denominator = V.one
        for _ in 0..<6 {
            let isSmall = y .< V.all(6)
            numerator = V.choose(isSmall, V.fma(numerator, y, denominator), numerator)
            denominator = V.choose(isSmall, denominator * y, denominator)
            y = V.choose(isSmall, y + V.one, y)
        }
        let inverse = V.one / y
        let far = (V.log(y) - V.all(0.5) * inverse) - V.digammaRemainder(inverse * inverse)
        var result = far - numerator / denominator
        // digamma(1 - x) - pi / tan(pi x)
        if V.anyLane(isReflected) {
            let angle = (x - V.rounded(x)) * V.all(0x1.921fb54442d18p+1)
            result = V.choose(isReflected, result - V.all(0x1.921fb54442d18p+1) * (V.cos(angle) / V.sin(angle)), result)
        }
        return result
    }
}

extension SIMD8<Double> {
    /// lgamma(1 + t) / t for |t| < 0.5
    @_transparent static func logGammaAtOne(_ t: Self) -> Self {
        var p = fma(all(0x1.be0fa5f18da56p-3), t, all(-0x1.cc9446430c923p-3))
        p = fma(p, t, all(-0x1.30d5ed3a0bb72p-3))
        p = fma(p, t, all(0x1.39a81aed88a60p-3))
        p = fma(p, t, all(0x1.1f5848300acb3p-3))
        p = fma(p, t, all(-0x1.29508e430396fp-3))
        p = fma(p, t, all(0x1.b286a63d68a7bp-7))
        p = fma(p, t, all(-0x1.d8e833bfc93ecp-7))
        p = fma(p, t, all(0x1.d3207b005c627p-5))
        p = fma(p, t, all(-0x1.ea746561c2a95p-5))
        p = fma(p, t, all(0x1.be72b7d31440ap-5))
        p = fma(p, t, all(-0x1.d8f4921163a68p-5))
        p = fma(p, t, all(0x1.00757475f32e3p-4))
        p = fma(p, t, all(-0x1.118b3a1993ae9p-4))
        p = fma(p, t, all(0x1.248e6a1191589p-4))
        p = fma(p, t, all(-0x1.3b14df66efa90p-4))
        p = fma(p, t, all(0x1.556b4060dee24p-4))
        p = fma(p, t, all(-0x1.748ca07f21be1p-4))
        p = fma(p, t, all(0x1.9a01e029fda8cp-4))
        p = fma(p, t, all(-0x1.c8066cf738fe3p-4))
        p = fma(p, t, all(0x1.010b36b7a4757p-3))
        p = fma(p, t, all(-0x1.2703a1e547f0fp-3))
        p = fma(p, t, all(0x1.5b40cb0ff7c59p-3))
        p = fma(p, t, all(-0x1.a8b9c17a910a2p-3))
        p = fma(p, t, all(0x1.151322ac7d8eap-2))
        p = fma(p, t, all(-0x1.9a4d55beab37dp-2))
        p = fma(p, t, all(0x1.a51a6625307d3p-1))
        p = fma(p, t, all(-0x1.2788cfc6fb619p-1))
        return p
    }

    /// lgamma(2 + t) / t for -0.625 < t < 0.5
    @_transparent static func logGammaAtTwo(_ t: Self) -> Self {
        var p = fma(all(-0x1.17b38dd1a9439p-24), t, all(0x1.b4e41fb33af7ep-25))
        p = fma(p, t, all(-0x1.c16e4d531df6fp-25))
        p = fma(p, t, all(0x1.d60dc368c283ep-23))
        p = fma(p, t, all(-0x1.fd23ec3967b92p-22))
        p = fma(p, t, all(0x1.fddc0904347acp-21))
        p = fma(p, t, all(-0x1.10b6747cabd71p-19))
        p = fma(p, t, all(0x1.25b6e6fac0630p-18))
        p = fma(p, t, all(-0x1.3cc80bf202730p-17))
        p = fma(p, t, all(0x1.580c601c9417cp-16))
        p = fma(p, t, all(-0x1.78de07e9706c4p-15))
        p = fma(p, t, all(0x1.a127babfc8cdep-14))
        p = fma(p, t, all(-0x1.d3fd4df468324p-13))
        p = fma(p, t, all(0x1.0b36af72ecb87p-11))
        p = fma(p, t, all(-0x1.38ac5c29fbf49p-10))
        p = fma(p, t, all(0x1.7add6eaddf40ap-9))
        p = fma(p, t, all(-0x1.e404fc2192203p-8))
        p = fma(p, t, all(0x1.51322ac7d8353p-6))
        p = fma(p, t, all(-0x1.13e001a557600p-4))
        p = fma(p, t, all(0x1.4a34cc4a60fa6p-2))
        p = fma(p, t, all(0x1.b0ee6072093cep-2))
        return p
    }

    /// lgamma(x) - (x - 0.5) (log x - 1) for x >= 8
    @_transparent static func logGammaRemainder(_ x: Self) -> Self {
        let inverse = one / x
        let z = inverse * inverse
        var p = fma(all(0x1.224d9f9d0b6cbp-8), z, all(-0x1.e7d10c7bedb1cp-10))
        p = fma(p, z, all(0x1.b8e77695d5d24p-11))
        p = fma(p, z, all(-0x1.3812c0f8560fbp-11))
        p = fma(p, z, all(0x1.a01a00fcd5717p-11))
        p = fma(p, z, all(-0x1.6c16c16c09d8ep-9))
        p = fma(p, z, all(0x1.5555555555555p-4))
        return fma(p, inverse, all(0x1.acfe390c97d69p-2))
    }

    /// log x - 1 / (2 x) - digamma(x) for x >= 6 and z = 1 / x^2
    @_transparent static func digammaRemainder(_ z: Self) -> Self {
        var p = fma(all(-0x1.cc7b7416de76ep-3), z, all(0x1.321bbcafdcbc7p-4))
        p = fma(p, z, all(-0x1.566d674f3283ap-6))
        p = fma(p, z, all(0x1.f0528ae692847p-8))
        p = fma(p, z, all(-0x1.1110c574e74f6p-8))
        p = fma(p, z, all(0x1.041040bff2a39p-8))
        p = fma(p, z, all(-0x1.1111111105530p-7))
        p = fma(p, z, all(0x1.5555555555554p-4))
        return p * z
    }
}
