// pow(x, y) = exp(y log|x|) with C's special cases. The logarithm must be better than its type by the
// bits of the exponent: Float goes through Double, Double through pairs of Doubles.
// Coefficients: Tests/Oracle/math_coefficients.py.

import CPUFeatures

extension FloatVector {
    @_transparent static func powerOfMagnitude(_ x: Self, _ y: Self) -> Self {
        Self(lowHalf: powerInDouble(x.lowHalf, y.lowHalf), highHalf: powerInDouble(x.highHalf, y.highHalf))
    }
}

/// x ** y for x >= 0. Not inlined: with both halves in one function the compiler cuts the vectors
/// elsewhere and takes twice the time.
@inline(never) func powerInDouble(_ x: HalfFloatVector, _ y: HalfFloatVector) -> HalfFloatVector {
    typealias V = DoubleVector
    let (m, k) = V.decomposeNormal(cr_widen_floats(x))
    let logarithm = V.logarithm(onePlus: m - V.one, exponent: k)
    // Finite, so that 0 * y is not NaN for an infinite y.
    let bounded = V.atMost(V.atLeast(cr_widen_floats(y), V.all(-0x1p140)), V.all(0x1p140))
    return cr_narrow_doubles(V.exp(logarithm * bounded))
}

extension DoubleVector {
    @_transparent static func powerOfMagnitude(_ x: Self, _ y: Self) -> Self { powerInPairs(x, y) }

    /// x ** y for x >= 0. Not inlined: it is long, and six loops use it.
    @inline(never) static func powerInPairs(_ x: Self, _ y: Self) -> Self {
        let (m, k) = decompose(x)
        // s = (m - 1) / (m + 1) as a pair.
        let f = m - one
        let d = m + one
        let dLow = m - (d - one)
        let s = f / d
        let (sd, sdLow) = exactProduct(s, d)
        let sLow = (((f - sd) - sdLow) - s * dLow) / d
        // z = s^2 and s^3 as pairs; log m = 2s + 2/3 s^3 + s^5 p(z).
        let (z, zError) = exactProduct(s, s)
        let zLow = fma(s + s, sLow, zError)
        let (cube, cubeError) = exactProduct(s, z)
        let cubeLow = cubeError + fma(s, zLow, sLow * z)
        let twoThirds = all(0x1.5555555555555p-1)
        let (third, thirdError) = exactProduct(cube, twoThirds)
        let thirdLow = thirdError + fma(cubeLow, twoThirds, cube * all(0x1.5555555555555p-55))
        var p = fma(all(0x1.da8345e5f78c3p-4), z, all(0x1.a73cf7bc9c18bp-4))
        p = fma(p, z, all(0x1.e24a155eaf28dp-4))
        p = fma(p, z, all(0x1.110f71ea59bb5p-3))
        p = fma(p, z, all(0x1.3b13b949fd29ap-3))
        p = fma(p, z, all(0x1.745d172d2edb7p-3))
        p = fma(p, z, all(0x1.c71c71c7482a7p-3))
        p = fma(p, z, all(0x1.2492492492357p-2))
        p = fma(p, z, all(0x1.999999999999ap-2))
        let (sum, sumError) = exactSum(k * all(ln2High), s + s)
        let (total, totalError) = exactSum(sum, third)
        let rest = fma(cube * z, p, fma(k, all(ln2Low), thirdLow)) + ((sLow + sLow) + (sumError + totalError))
        // y log|x|. Beyond 2^70 every y saturates, and splitting must not overflow.
        let exponent = atMost(atLeast(y, all(-0x1p70)), all(0x1p70))
        let (product, productError) = exactProduct(total, exponent)
        let productLow = fma(rest, exponent, productError)
        let bounded = atLeast(product, all(exponentialLowest))
        let (r, shifted) = reduce(bounded, bias: 0)
        let power = one + expm1Reduced(r + productLow)
        let small = product .< all(exponentialSubnormal)
        let lift = all(0x1p64).bits &- one.bits
        let scaled = Self(bits: power.bits &+ shifted)
        let lifted = Self(bits: scaled.bits &+ lift) * all(0x1p-64)
        let result = choose(product .< all(exponentialLowest), zero, choose(small, lifted, scaled))
        return choose(opposite(product .<= all(exponentialHighest)), product * all(.infinity), result)
    }
}

extension KernelMath {
    @_transparent static func isWhole(_ y: Self) -> Mask {
        let a = magnitude(y)
        let shift = all(wholeShift)
        return (((a + shift) - shift) .== a) .| (a .>= shift)
    }

    @_transparent static func pow(_ x: Self, _ y: Self) -> Self {
        let infinite = all(.infinity)
        let a = magnitude(x)
        let whole = isWhole(y)
        let odd = whole .& opposite(isWhole(all(0.5) * y))
        var result = powerOfMagnitude(a, y)
        // 0 and infinity, by the sign of y.
        let flipped = choose(a .== zero, infinite, zero)
        result = choose((a .== zero) .| (a .== infinite), choose(y .< zero, flipped, a), result)
        // The sign of x where y is odd; no value where a negative number has a broken exponent.
        result = choose(odd, Self(bits: result.bits | (x.bits & signBit)), result)
        result = choose((x .< zero) .& (a .< infinite) .& opposite(whole), all(.nan), result)
        result = choose(x .!= x, x, choose(y .!= y, y, result))
        return choose((y .== zero) .| (x .== one), one, result)
    }
}
