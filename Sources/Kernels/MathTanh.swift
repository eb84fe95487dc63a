// tanh. Both types use exp(2|x|) or its reciprocal in the form 2^n (1 + expm1(r)) of
// MathExponential.swift, one division, and end within 2 ulp with FMA or without.

extension FloatVector {
    /// (1 - e) / (1 + e) with e = exp(-2|x|): each of the two is one rounding away from exact, also
    /// near zero, so that one formula serves everywhere (1.9 ulp at most).
    @_transparent static func tanh(_ x: Self) -> Self {
        // From 9.02 on the result rounds to 1.
        let bounded = atMost(magnitude(x), all(10))
        let (r, shifted) = reduce(bounded * all(-2), bias: exponentBias)
        let scale = Self(bits: shifted)
        let p = expm1Reduced(r)
        let numerator = fma(zero - scale, p, one - scale)
        let denominator = fma(scale, p, one + scale)
        return sign(magnitude(numerator / denominator), from: x)
    }
}

extension DoubleVector {
    /// The formula above can be off by 2.1 ulp in Double. So 1 - 2 / (exp(2|x|) + 1) away from zero, and
    /// near it x + x q(x^2), q the eighth convergent of tanh's continued fraction (all its coefficients
    /// are whole numbers; off by 0.02 ulp at 0.55). The two share the division.
    @_transparent static func tanh(_ x: Self) -> Self {
        // From 19.07 on the result rounds to 1.
        let t = atMost(magnitude(x), all(20))
        let (r, shifted) = reduce(t + t, bias: exponentBias)
        let scale = Self(bits: shifted)
        let exponential = fma(scale, expm1Reduced(r), scale)
        let z = t * t
        let nearNumerator = fma(fma(z + all(594), z, all(45045)), z, all(675_675)) * z
        let nearDenominator = fma(fma(fma(z + all(630), z, all(51975)), z, all(945_945)), z, all(2_027_025))
        let near = t .< all(0.55)
        let quotient =
            choose(near, nearNumerator, all(2)) / choose(near, nearDenominator, exponential + one)
        let whole = choose(near, t, one)
        return sign(whole - whole * quotient, from: x)
    }
}
