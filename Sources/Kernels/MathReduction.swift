// Large angles for sin and cos, one lane at a time: x 2/pi modulo 4 in 192-bit integers (Payne and
// Hanek), so that the result is good to the last bits for every finite number.

/// 64 bits of 2/pi, with 64 zero bits before the first (words: Tests/Oracle/math_coefficients.py). A
/// switch, because a global array would need an initialiser and an object.
@inline(__always) private func twoOverPi(word: Int) -> UInt64 {
    switch word {
    case 1: 0xA2F9836E4E441529
    case 2: 0xFC2757D1F534DDC0
    case 3: 0xDB6295993C439041
    case 4: 0xFE5163ABDEBBC561
    case 5: 0xB7246E3A424DD2E0
    case 6: 0x06492EEA09D1921C
    case 7: 0xFE1DEB1CB129A73E
    case 8: 0xE88235F52EBB4484
    case 9: 0xE99C7026B45F7E41
    case 10: 0x3991D639835339F4
    case 11: 0x9C845F8BBDF9283B
    case 12: 0x1FF897FFDE05980F
    case 13: 0xEF2F118B5A0A6D1F
    case 14: 0x6D367ECF27CB09B7
    case 15: 0x4F463F669E5FEA2D
    case 16: 0x7527BAC7EBE5F17B
    case 17: 0x3D0739F78A5292EA
    case 18: 0x6BFB5FB11F8D5D08
    case 19: 0x56033046FC7B6BAB
    case 20: 0xF0CFBC209AF4361D
    default: 0
    }
}

/// 64 bits of 2/pi from a bit position on.
@inline(__always) private func twoOverPi(bit: Int) -> UInt64 {
    let word = bit >> 6
    let shift = UInt64(truncatingIfNeeded: bit & 63)
    let high = twoOverPi(word: word)
    return shift == 0 ? high : high &<< shift | twoOverPi(word: word &+ 1) &>> (64 &- shift)
}

/// x = n pi/2 + r for |x| >= 1: r, and n modulo 4. NaN for infinities and NaN.
@inline(never) func reduceLargeAngle(_ x: Double) -> (r: Double, quarter: Int) {
    let pattern = x.bitPattern
    let field = Int(truncatingIfNeeded: pattern &>> 52) & 0x7ff
    if field == 0x7ff { return (.nan, 0) }
    // |x| = mantissa * 2^exponent. Bits of 2/pi whose product is a multiple of 4 are left out, so
    // the product below is x 2/pi / 4 modulo 1, in units of 2^-192.
    let mantissa = pattern & 0xF_FFFF_FFFF_FFFF | 0x10_0000_0000_0000
    let first = field &- 1075 &+ 64 &- 2
    let product0 = mantissa &* twoOverPi(bit: first)
    let product1 = mantissa.multipliedFullWidth(by: twoOverPi(bit: first &+ 64))
    let product2 = mantissa.multipliedFullWidth(by: twoOverPi(bit: first &+ 128))
    let (middle, carry) = product1.low.addingReportingOverflow(product2.high)
    let high = product0 &+ product1.high &+ (carry ? 1 : 0)
    var quarter = Int(truncatingIfNeeded: high &>> 62)
    // The fraction as 128 bits; from 1/2 on it counts down from the next quarter.
    var upper = high &<< 2 | middle &>> 62
    var lower = middle &<< 2 | product2.low &>> 62
    let counted = upper &>> 63 == 1
    if counted {
        quarter &+= 1
        lower = 0 &- lower
        upper = ~upper &+ (lower == 0 ? 1 : 0)
    }
    var scale = 0x1.921fb54442d18p-64
    if upper == 0 {
        upper = lower
        lower = 0
        scale *= 0x1p-64
    }
    let zeros = UInt64(truncatingIfNeeded: upper.leadingZeroBitCount)
    if zeros > 0 && zeros < 64 { upper = upper &<< zeros | lower &>> (64 &- zeros) }
    scale *= Double(bitPattern: (1023 &- zeros) &<< 52)
    // The top 53 bits, so that the conversion is exact whatever instruction makes it.
    let r = Double(Int64(truncatingIfNeeded: upper &>> 11)) * (scale * 2048)
    return (x < 0) != counted ? (-r, x < 0 ? 0 &- quarter : quarter) : (r, x < 0 ? 0 &- quarter : quarter)
}

extension KernelMath {
    /// `result` with the sines of x + turn * pi/2 in the lanes whose x is beyond the vector reduction.
    @inline(never) static func mendLargeLanes(_ x: Self, _ turn: Bits.Scalar, _ result: Self) -> Self {
        var mended = result
        for lane in 0..<lanes where !(x[lane].magnitude < reductionLimit) {
            let reduced = reduceLargeAngle(Double(x[lane]))
            let quarter = Bits(repeating: Bits.Scalar(truncatingIfNeeded: reduced.quarter) &+ turn)
            mended[lane] = sineOfQuarters(all(Scalar(reduced.r)), quarter)[0]
        }
        return mended
    }
}
