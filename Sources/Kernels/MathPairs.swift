// Functions of two variables that are written once, for Double, as those of MathInverse.swift are. Floats go through
// Double, but for remainders, which FMA makes exact in floats too.

import CPUFeatures

protocol DoublePairFormula {
    static func value(_ x: DoubleVector, _ y: DoubleVector) -> DoubleVector
    static func inFloats(_ x: FloatVector, _ y: FloatVector) -> FloatVector
}

extension DoublePairFormula {
    @_transparent static func inFloats(_ x: FloatVector, _ y: FloatVector) -> FloatVector { throughHalves(x, y) }

    @_transparent static func throughHalves(_ x: FloatVector, _ y: FloatVector) -> FloatVector {
        FloatVector(
            lowHalf: halfThroughDouble(Self.self, x.lowHalf, y.lowHalf),
            highHalf: halfThroughDouble(Self.self, x.highHalf, y.highHalf))
    }
}

/// Half of two vectors of floats. Not inlined, as powerInDouble isn't.
@inline(never) func halfThroughDouble<F: DoublePairFormula>(
    _: F.Type, _ x: HalfFloatVector, _ y: HalfFloatVector
) -> HalfFloatVector {
    cr_narrow_doubles(F.value(cr_widen_floats(x), cr_widen_floats(y)))
}

/// The angle of the point (x, y), -pi to pi; zeros and infinities as in C.
enum AngleOfPoint: DoublePairFormula {
    @_transparent static func value(_ y: DoubleVector, _ x: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let infinite = V.all(.infinity)
        // The sides' sum must not overflow, and two infinite ones are equal.
        let a = V.magnitude(y) * V.all(0.5)
        let b = V.magnitude(x) * V.all(0.5)
        let both = (a .== infinite) .& (b .== infinite)
        let angle = V.angle(V.choose(both, V.one, a), V.choose(both, V.one, b))
        let left = V.bitsDiffer(x.bits & V.signBit, V.Bits.zero)
        let turned = V.all(0x1.921fb54442d18p+1) - (angle - V.all(0x1.1a62633145c07p-53))
        let found = V.choose(left, turned, angle)
        return V.choose(x .!= x, x, V.sign(found, from: y))
    }
}

/// The root of x^2 + y^2, which may overflow or vanish where the result does not.
enum Hypotenuse: DoublePairFormula {
    @_transparent static func value(_ x: DoubleVector, _ y: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let a = V.magnitude(x)
        let b = V.magnitude(y)
        let long = V.choose(b .> a, b, a)
        let short = V.choose(b .> a, a, b)
        let ratio = short / long
        let root = V.choose(long .== V.zero, long, long * V.fma(ratio, ratio, V.one).root)
        let infinite = V.all(.infinity)
        return V.choose((a .== infinite) .| (b .== infinite), infinite, root)
    }
}

/// x - y n for the whole n nearest to x / y towards zero, exactly; C's fmod.
enum TruncatedRemainder: DoublePairFormula {
    @_transparent static func value(_ x: DoubleVector, _ y: DoubleVector) -> DoubleVector {
        DoubleVector.truncatedRemainder(x, y)
    }
}

/// The remainder with the sign of y: Python's %.
enum FlooredRemainder: DoublePairFormula {
    @_transparent static func value(_ x: DoubleVector, _ y: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let r = V.truncatedRemainder(x, y)
        let other = (r .!= V.zero) .& V.bitsDiffer((r.bits ^ y.bits) & V.signBit, V.Bits.zero)
        return V.choose(other, r + y, r)
    }
}

/// The whole number below x / y by way of the exact remainder: Python's //.
enum FlooredQuotient: DoublePairFormula {
    @_transparent static func value(_ x: DoubleVector, _ y: DoubleVector) -> DoubleVector {
        typealias V = DoubleVector
        let r = V.truncatedRemainder(x, y)
        let other = (r .!= V.zero) .& V.bitsDiffer((r.bits ^ y.bits) & V.signBit, V.Bits.zero)
        // x - r is a multiple of y but for the division's rounding.
        let quotient = V.rounded((x - r) / y) - V.choose(other, V.one, V.zero)
        let signed = V.choose(quotient .== V.zero, V.sign(V.zero, from: V(bits: x.bits ^ y.bits)), quotient)
        return V.choose(y .== V.zero, x / y, signed)
    }
}

#if !BASELINE
extension FloatVector {
    /// |x| modulo |y| and the whole quotient, in their places; false where one has more digits than a Float. By way of
    /// memory, since vectors of 16 are cut into four when they are passed in registers.
    @inline(never) fileprivate static func divide(_ x: inout Self, _ y: inout Self) -> Bool {
        let a = magnitude(x)
        let b = magnitude(y)
        let quotient = a / b
        let isLarge = choose(quotient .< all(0x1p24), zero, choose(a .< all(.infinity), choose(b .> zero, one, zero), zero))
        if anyLane(isLarge .!= zero) { return false }
        // As for Double: it may be one too large by rounding, and the difference is exact.
        let nearest = truncated(quotient)
        let difference = fma(zero - nearest, b, a)
        y = choose(difference .< zero, nearest - one, nearest)
        let least = choose(difference .< zero, difference + b, difference)
        let bounded = choose(b .== all(.infinity), choose(a .< all(.infinity), a, least), least)
        x = choose(b .== zero, all(.nan), bounded)
        return true
    }

    /// Whether a remainder that is not 0 has the other sign than y, as 1 and 0.
    @_transparent fileprivate static func turns(_ rest: Self, _ x: Self, _ y: Self) -> Self {
        choose(rest .== zero, zero, choose(bitsDiffer((x.bits ^ y.bits) & signBit, Bits.zero), one, zero))
    }
}

extension TruncatedRemainder {
    @_transparent static func inFloats(_ x: FloatVector, _ y: FloatVector) -> FloatVector {
        var (rest, whole) = (x, y)
        if !FloatVector.divide(&rest, &whole) { return throughHalves(x, y) }
        return FloatVector.sign(rest, from: x)
    }
}

extension FlooredRemainder {
    @_transparent static func inFloats(_ x: FloatVector, _ y: FloatVector) -> FloatVector {
        typealias V = FloatVector
        var (rest, whole) = (x, y)
        if !V.divide(&rest, &whole) { return throughHalves(x, y) }
        let r = V.sign(rest, from: x)
        return V.choose(V.turns(rest, x, y) .== V.one, r + y, r)
    }
}

extension FlooredQuotient {
    @_transparent static func inFloats(_ x: FloatVector, _ y: FloatVector) -> FloatVector {
        typealias V = FloatVector
        var (rest, whole) = (x, y)
        if !V.divide(&rest, &whole) { return throughHalves(x, y) }
        let quotient = V.sign(whole, from: V(bits: x.bits ^ y.bits)) - V.turns(rest, x, y)
        return V.choose(y .== V.zero, x / y, V.choose(rest .!= rest, rest, quotient))
    }
}
#endif

extension DoubleVector {
    @_transparent static func truncatedRemainder(_ x: Self, _ y: Self) -> Self {
        let a = magnitude(x)
        let b = magnitude(y)
        let infinite = all(.infinity)
        // The quotient may be one too large by rounding; then the difference is negative. Both are exact.
        let quotient = a / b
        let whole = truncated(quotient)
        let (product, productLow) = exactProduct(whole, b)
        let difference = (a - product) - productLow
        var r = choose(difference .< zero, difference + b, difference)
        r = choose((b .== infinite) .& (a .< infinite), a, r)
        let large = ((quotient .>= all(0x1p52)) .| (b .> all(0x1p990))) .& (a .< infinite) .& (b .> zero) .& (b .< infinite)
        if anyLane(large) { r = remaindersOfLargeQuotients(a, b, r) }
        return choose(y .== zero, all(.nan), sign(magnitude(r), from: x))
    }

    /// `result` with the remainders in the lanes whose quotient has more digits than a Double.
    @inline(never) static func remaindersOfLargeQuotients(_ a: Self, _ b: Self, _ result: Self) -> Self {
        var mended = result
        for lane in 0..<lanes {
            let x = a[lane], y = b[lane]
            if x < .infinity && y > 0 && y < .infinity && (x / y >= 0x1p52 || y > 0x1p990) {
                mended[lane] = remainderOfMagnitudes(x, y)
            }
        }
        return mended
    }
}

/// x modulo y for finite x >= 0 and y > 0, by division of whole numbers, eleven bits at a time.
private func remainderOfMagnitudes(_ x: Double, _ y: Double) -> Double {
    if x < y { return x }
    let (xMantissa, xExponent) = wholeParts(x)
    let (yMantissa, yExponent) = wholeParts(y)
    var rest = xMantissa % yMantissa
    var shift = xExponent &- yExponent
    while shift > 0 && rest != 0 {
        let step = shift < 11 ? shift : 11
        rest = (rest &<< UInt64(truncatingIfNeeded: step)) % yMantissa
        shift &-= step
    }
    let scale =
        yExponent >= -1022
        ? Double(bitPattern: UInt64(truncatingIfNeeded: yExponent &+ 1023) &<< 52)
        : Double(bitPattern: 1 &<< UInt64(truncatingIfNeeded: yExponent &+ 1074))
    return Double(Int64(truncatingIfNeeded: rest)) * scale
}

/// value = mantissa * 2^exponent.
@inline(__always) private func wholeParts(_ value: Double) -> (mantissa: UInt64, exponent: Int) {
    let field = Int(truncatingIfNeeded: value.bitPattern &>> 52)
    let fraction = value.bitPattern & 0xF_FFFF_FFFF_FFFF
    return field == 0 ? (fraction, -1074) : (fraction | 0x10_0000_0000_0000, field &- 1075)
}
