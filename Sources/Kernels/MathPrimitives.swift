// What the elementary functions are built from. Everything is IEEE arithmetic, comparisons and
// selects, and FMA where the level has it: no reciprocal estimates, so that AVX2 and AVX-512 give
// the same bits, and no calls, so that loops over these functions stay in registers.
//
// The comparisons, `replacing` and `squareRoot` are requirements here although every SIMD type has
// them: a generic call then reaches the concrete vector version. Without a requirement it reaches
// the standard library's generic one, which loops over the lanes with branches. The functions are
// @_transparent because @inline(__always) gives up in large callers.

import CPUFeatures
import KernelInterface

protocol KernelMath: KernelVector {
    typealias Mask = SIMDMask<MaskStorage>
    typealias Bits = MaskStorage

    static func .< (a: Self, b: Self) -> SIMDMask<MaskStorage>
    static func .<= (a: Self, b: Self) -> SIMDMask<MaskStorage>
    static func .> (a: Self, b: Self) -> SIMDMask<MaskStorage>
    static func .>= (a: Self, b: Self) -> SIMDMask<MaskStorage>
    static func .== (a: Self, b: Self) -> SIMDMask<MaskStorage>
    static func .!= (a: Self, b: Self) -> SIMDMask<MaskStorage>
    func replacing(with other: Self, where mask: SIMDMask<MaskStorage>) -> Self
    func squareRoot() -> Self
    static func anyLane(_ mask: SIMDMask<MaskStorage>) -> Bool
    static func opposite(_ mask: SIMDMask<MaskStorage>) -> SIMDMask<MaskStorage>
    static func bitsDiffer(_ a: MaskStorage, _ b: MaskStorage) -> SIMDMask<MaskStorage>

    // The element type's format
    /// 23 or 52.
    static var fractionBits: MaskStorage.Scalar { get }
    /// 127 or 1023.
    static var exponentBias: Scalar { get }
    /// 2^fractionBits: adding it to a small whole number puts the number into the lowest bits.
    static var wholeShift: Scalar { get }
    /// fractionBits + 2: subnormal numbers are normal when multiplied by 2 to this.
    static var subnormalLift: Scalar { get }
    /// Bits shifted right as unsigned numbers by `fractionBits`.
    static func exponentField(_ bits: MaskStorage) -> MaskStorage

    // Polynomials and constants that differ between the types (MathExponential.swift and so on)
    static var ln2High: Scalar { get }
    static var ln2Low: Scalar { get }
    static func exponentialTail(_ r: Self) -> Self
    static var exponentialLowest: Scalar { get }
    static var exponentialSubnormal: Scalar { get }
    static var exponentialHighest: Scalar { get }
    static var expm1Saturation: Scalar { get }
    static func logarithm(onePlus f: Self, exponent k: Self) -> Self
    static func tanh(_ x: Self) -> Self
    static func erf(_ x: Self) -> Self
    static func normalDistribution(_ x: Self) -> Self
    static func geluSlope(_ x: Self) -> Self
    static var quarterTurnParts: (Scalar, Scalar, Scalar, Scalar) { get }
    static var reductionLimit: Scalar { get }
    static func sinePolynomial(_ z: Self) -> Self
    static func cosinePolynomial(_ z: Self) -> Self
    /// |x| ** y without the special cases of C's pow.
    static func powerOfMagnitude(_ x: Self, _ y: Self) -> Self
    /// Functions that are written once, for Double.
    static func throughDouble<F: DoubleFormula>(_: F.Type, _ x: Self) -> Self
    static func throughDouble<F: DoublePairFormula>(_: F.Type, _ x: Self, _ y: Self) -> Self
}

extension FloatVector: KernelMath {
    // Not the standard library's any(): it leaves a copy of its own, compiled for this level, that the
    // linker could keep for the whole library.
    @inline(__always) static func anyLane(_ mask: SIMDMask<FloatBits>) -> Bool {
        #if BASELINE
        let four = unsafeBitCast(mask, to: FloatBits.self)
        #else
        let lanes = unsafeBitCast(mask, to: FloatBits.self)
        let eight = lanes.lowHalf | lanes.highHalf
        let four = eight.lowHalf | eight.highHalf
        #endif
        let two = four.lowHalf | four.highHalf
        return two[0] | two[1] != 0
    }
    @inline(__always) static func opposite(_ mask: SIMDMask<FloatBits>) -> SIMDMask<FloatBits> { .!mask }
    @inline(__always) static func bitsDiffer(_ a: FloatBits, _ b: FloatBits) -> SIMDMask<FloatBits> {
        a .!= b
    }
    @inline(__always) static var fractionBits: Int32 { 23 }
    @inline(__always) static var exponentBias: Float { 127 }
    @inline(__always) static var wholeShift: Float { 0x1p23 }
    @inline(__always) static var subnormalLift: Float { 25 }
    @inline(__always) static func exponentField(_ bits: FloatBits) -> FloatBits {
        let unsigned = unsafeBitCast(bits, to: cr_uints.self)
        return unsafeBitCast(unsigned &>> cr_uints(repeating: 23), to: FloatBits.self)
    }
}

extension DoubleVector: KernelMath {
    @inline(__always) static func anyLane(_ mask: SIMDMask<DoubleBits>) -> Bool {
        #if BASELINE
        let two = unsafeBitCast(mask, to: DoubleBits.self)
        #else
        let lanes = unsafeBitCast(mask, to: DoubleBits.self)
        let four = lanes.lowHalf | lanes.highHalf
        let two = four.lowHalf | four.highHalf
        #endif
        return two[0] | two[1] != 0
    }
    @inline(__always) static func opposite(_ mask: SIMDMask<DoubleBits>) -> SIMDMask<DoubleBits> { .!mask }
    @inline(__always) static func bitsDiffer(_ a: DoubleBits, _ b: DoubleBits) -> SIMDMask<DoubleBits> {
        a .!= b
    }
    @inline(__always) static var fractionBits: Int64 { 52 }
    @inline(__always) static var exponentBias: Double { 1023 }
    @inline(__always) static var wholeShift: Double { 0x1p52 }
    @inline(__always) static var subnormalLift: Double { 54 }
    @inline(__always) static func exponentField(_ bits: DoubleBits) -> DoubleBits {
        let unsigned = unsafeBitCast(bits, to: WordVector.self)
        return unsafeBitCast(unsigned &>> WordVector(repeating: 52), to: DoubleBits.self)
    }
}

extension KernelMath {
    /// A constant in every lane.
    @inline(__always) static func all(_ value: Scalar) -> Self { Self(repeating: value) }
    @inline(__always) static var one: Self { all(1) }

    @inline(__always) var bits: Bits { unsafeBitCast(self, to: Bits.self) }
    @inline(__always) init(bits: Bits) { self = unsafeBitCast(bits, to: Self.self) }

    @inline(__always) static func choose(_ mask: Mask, _ yes: Self, _ no: Self) -> Self {
        no.replacing(with: yes, where: mask)
    }
    /// The larger of x and a limit; NaN stays.
    @inline(__always) static func atLeast(_ x: Self, _ limit: Self) -> Self {
        x.replacing(with: limit, where: x .< limit)
    }
    /// The smaller of x and a limit; NaN stays.
    @inline(__always) static func atMost(_ x: Self, _ limit: Self) -> Self {
        x.replacing(with: limit, where: x .> limit)
    }
    /// The larger of two; a NaN in either gives NaN. (Two masks joined by `.|` would become a loop over lanes.)
    @_transparent static func larger(_ a: Self, _ b: Self) -> Self { choose(b .!= b, b, atLeast(a, b)) }
    @_transparent static func smaller(_ a: Self, _ b: Self) -> Self { choose(b .!= b, b, atMost(a, b)) }
    @inline(__always) static var signBit: Bits { all(-0.0).bits }
    @inline(__always) static func magnitude(_ x: Self) -> Self { Self(bits: x.bits & ~signBit) }
    /// `x`, which has no sign of its own, with the sign of `source`.
    @inline(__always) static func sign(_ x: Self, from source: Self) -> Self {
        Self(bits: x.bits | (source.bits & signBit))
    }
    @inline(__always) static var fractionShift: Bits { Bits(repeating: fractionBits) }

    /// a * b as a rounded product and its rounding error.
    @inline(__always) static func exactProduct(_ a: Self, _ b: Self) -> (Self, Self) {
        let product = a * b
        #if BASELINE
        // Dekker: halves of the factors, whose products are exact. 2^27 + 1 is for Double.
        let splitter = all(0x1p27 + 1)
        let aScaled = a * splitter
        let bScaled = b * splitter
        let aHigh = aScaled - (aScaled - a)
        let bHigh = bScaled - (bScaled - b)
        let aLow = a - aHigh
        let bLow = b - bHigh
        return (product, ((aHigh * bHigh - product) + aHigh * bLow + aLow * bHigh) + aLow * bLow)
        #else
        return (product, fma(a, b, Self.zero - product))
        #endif
    }
    /// a + b as a rounded sum and its rounding error.
    @inline(__always) static func exactSum(_ a: Self, _ b: Self) -> (Self, Self) {
        let sum = a + b
        let bPart = sum - a
        return (sum, (a - (sum - bPart)) + (b - bPart))
    }
}
