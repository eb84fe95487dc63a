// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): random words
// as a function of a counter and a key. Element i of an array depends on seed, stream, channel and
// i alone, never on pieces, vector width or element type.
//
// Elements go by groups of 64: element i has word (i % 64) / 16 of block (i / 64) * 16 + i % 16, so
// that a vector of blocks is a vector of neighbours. Key: the seed. Counter: words 0 and 1 the
// block (40 bits) and, above them, the channel (23 bits) and the extra bit; words 2 and 3 the
// stream. float32 takes the first 24 bits of an element's word, float64 all 32 and 21 of the same
// word of the block with the extra bit set.

import CPUFeatures
import KernelInterface

typealias Words8 = SIMD8<UInt64>

struct Philox {
    private let seed: UInt64
    private let stream: UInt64
    private let channel: UInt64

    /// `state`: two UInt64, seed and stream (for example the number of the step).
    @inline(__always) init(state: UnsafePointer<UInt64>, channel: Int) {
        seed = state[0]
        stream = state[1]
        self.channel = UInt64(truncatingIfNeeded: channel)
    }

    /// Words 0 to 3 of eight blocks, each in the low half of 64 bits, the high half being rubbish.
    struct Words {
        var w0, w1, w2, w3: Words8

        @inline(__always) mutating func round(_ key0: UInt32, _ key1: UInt32) {
            let product0 = cr_multiply_words(w0, Words8(repeating: 0xD251_1F53))
            let product1 = cr_multiply_words(w2, Words8(repeating: 0xCD9E_8D57))
            let shift = Words8(repeating: 32)
            w0 = (product1 &>> shift) ^ w1 ^ Words8(repeating: UInt64(key0))
            w1 = product1
            w2 = (product0 &>> shift) ^ w3 ^ Words8(repeating: UInt64(key1))
            w3 = product0
        }
    }

    /// The words of the blocks `first + lanesA` and `first + lanesB`.
    @inline(__always) func blocks(
        _ first: UInt64, _ lanesA: Words8, _ lanesB: Words8, extra: Bool
    ) -> (a: Words, b: Words) {
        // `first` is a multiple of 16: adding a lane never carries into word 1.
        let base = Words8(repeating: first & 0xffff_ffff)
        let w1 = Words8(repeating: (first >> 32) | (channel << 8) | (extra ? 0x8000_0000 : 0))
        let w2 = Words8(repeating: stream & 0xffff_ffff)
        let w3 = Words8(repeating: stream >> 32)
        var a = Words(w0: base | lanesA, w1: w1, w2: w2, w3: w3)
        var b = Words(w0: base | lanesB, w1: w1, w2: w2, w3: w3)
        var key0 = UInt32(truncatingIfNeeded: seed)
        var key1 = UInt32(truncatingIfNeeded: seed >> 32)
        #if AVX512
            // Together, each hides the other's latency.
            for _ in 0..<10 {
                a.round(key0, key1)
                b.round(key0, key1)
                key0 &+= 0x9E37_79B9
                key1 &+= 0xBB67_AE85
            }
        #else
            // Both do not fit into 16 registers.
            for _ in 0..<10 {
                a.round(key0, key1)
                key0 &+= 0x9E37_79B9
                key1 &+= 0xBB67_AE85
            }
            key0 = UInt32(truncatingIfNeeded: seed)
            key1 = UInt32(truncatingIfNeeded: seed >> 32)
            for _ in 0..<10 {
                b.round(key0, key1)
                key0 &+= 0x9E37_79B9
                key1 &+= 0xBB67_AE85
            }
        #endif
        return (a, b)
    }
}

/// How an element type is made from random words.
protocol RandomVector: KernelMath {
    /// The 64 values in [0, 1) of a group, multiples of 2^-24 or 2^-53.
    static func uniforms(_ philox: Philox, _ group: Int, _ p: UnsafeMutablePointer<Scalar>)
    /// `kept` where the element's first 24 bits are at least `threshold`, else 0; the same choice
    /// for every element type.
    static func choices(
        _ philox: Philox, _ group: Int, _ threshold: Int32, _ kept: Scalar, _ p: UnsafeMutablePointer<Scalar>)
}

extension SIMD16<Float>: RandomVector {
    /// Even and odd blocks, whose words join without a shuffle.
    @inline(__always) private static func words(_ philox: Philox, _ group: Int) -> (a: Philox.Words, b: Philox.Words) {
        philox.blocks(
            UInt64(truncatingIfNeeded: group) &* 16, Words8(0, 2, 4, 6, 8, 10, 12, 14),
            Words8(1, 3, 5, 7, 9, 11, 13, 15), extra: false)
    }

    @inline(__always) static func uniforms(_ philox: Philox, _ group: Int, _ p: UnsafeMutablePointer<Float>) {
        let c = words(philox, group)
        cr_uniform_float16(c.a.w0, c.b.w0).store(p)
        cr_uniform_float16(c.a.w1, c.b.w1).store(p + 16)
        cr_uniform_float16(c.a.w2, c.b.w2).store(p + 32)
        cr_uniform_float16(c.a.w3, c.b.w3).store(p + 48)
    }

    @inline(__always) static func choices(
        _ philox: Philox, _ group: Int, _ threshold: Int32, _ kept: Float, _ p: UnsafeMutablePointer<Float>
    ) {
        let c = words(philox, group)
        cr_choice_float16(c.a.w0, c.b.w0, threshold, kept).store(p)
        cr_choice_float16(c.a.w1, c.b.w1, threshold, kept).store(p + 16)
        cr_choice_float16(c.a.w2, c.b.w2, threshold, kept).store(p + 32)
        cr_choice_float16(c.a.w3, c.b.w3, threshold, kept).store(p + 48)
    }
}

extension SIMD8<Double>: RandomVector {
    @inline(__always) private static func words(_ philox: Philox, _ group: Int, extra: Bool) -> (
        a: Philox.Words, b: Philox.Words
    ) {
        philox.blocks(
            UInt64(truncatingIfNeeded: group) &* 16, Words8(0, 1, 2, 3, 4, 5, 6, 7),
            Words8(8, 9, 10, 11, 12, 13, 14, 15), extra: extra)
    }

    /// 32 bits of `upper` and 21 of `lower`: exact in every step.
    @inline(__always) private static func uniform(_ upper: Words8, _ lower: Words8) -> Self {
        let mask = Words8(repeating: 0xffff_ffff)
        let exponent = Words8(repeating: 0x4330_0000_0000_0000)
        let offset = Self(repeating: 0x1p52)
        let high = unsafeBitCast((upper & mask) | exponent, to: Self.self) - offset
        let low = unsafeBitCast(((lower & mask) &>> Words8(repeating: 11)) | exponent, to: Self.self) - offset
        return high * Self(repeating: 0x1p-32) + low * Self(repeating: 0x1p-53)
    }

    @inline(__always) static func uniforms(_ philox: Philox, _ group: Int, _ p: UnsafeMutablePointer<Double>) {
        let c = words(philox, group, extra: false)
        let d = words(philox, group, extra: true)
        uniform(c.a.w0, d.a.w0).store(p)
        uniform(c.b.w0, d.b.w0).store(p + 8)
        uniform(c.a.w1, d.a.w1).store(p + 16)
        uniform(c.b.w1, d.b.w1).store(p + 24)
        uniform(c.a.w2, d.a.w2).store(p + 32)
        uniform(c.b.w2, d.b.w2).store(p + 40)
        uniform(c.a.w3, d.a.w3).store(p + 48)
        uniform(c.b.w3, d.b.w3).store(p + 56)
    }

    @inline(__always) private static func choice(_ words: Words8, _ threshold: Int32, _ kept: Double) -> Self {
        let bits = (words & Words8(repeating: 0xffff_ffff)) &>> Words8(repeating: 8)
        let isKept = unsafeBitCast(bits, to: SIMD8<Int64>.self) .>= SIMD8<Int64>(repeating: Int64(threshold))
        return Self(repeating: 0).replacing(with: Self(repeating: kept), where: isKept)
    }

    @inline(__always) static func choices(
        _ philox: Philox, _ group: Int, _ threshold: Int32, _ kept: Double, _ p: UnsafeMutablePointer<Double>
    ) {
        let c = words(philox, group, extra: false)
        choice(c.a.w0, threshold, kept).store(p)
        choice(c.b.w0, threshold, kept).store(p + 8)
        choice(c.a.w1, threshold, kept).store(p + 16)
        choice(c.b.w1, threshold, kept).store(p + 24)
        choice(c.a.w2, threshold, kept).store(p + 32)
        choice(c.b.w2, threshold, kept).store(p + 40)
        choice(c.a.w3, threshold, kept).store(p + 48)
        choice(c.b.w3, threshold, kept).store(p + 56)
    }
}
