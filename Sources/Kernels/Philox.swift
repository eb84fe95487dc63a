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

    /// Words 0 to 3 of a vector of blocks, each in the low half of 64 bits, the high half being rubbish.
    struct Words {
        var w0, w1, w2, w3: WordVector

        @inline(__always) mutating func round(_ key0: UInt32, _ key1: UInt32) {
            let product0 = cr_multiply_words(w0, WordVector(repeating: 0xD251_1F53))
            let product1 = cr_multiply_words(w2, WordVector(repeating: 0xCD9E_8D57))
            let shift = WordVector(repeating: 32)
            w0 = (product1 &>> shift) ^ w1 ^ WordVector(repeating: UInt64(key0))
            w1 = product1
            w2 = (product0 &>> shift) ^ w3 ^ WordVector(repeating: UInt64(key1))
            w3 = product0
        }

        /// All ten.
        @inline(__always) mutating func rounds(_ seed: UInt64) {
            var key0 = UInt32(truncatingIfNeeded: seed)
            var key1 = UInt32(truncatingIfNeeded: seed >> 32)
            for _ in 0..<10 {
                round(key0, key1)
                key0 &+= 0x9E37_79B9
                key1 &+= 0xBB67_AE85
            }
        }
    }

    /// One value in [0, 1) from each of these blocks.
    @inline(__always) func uniforms(at numbers: WordVector) -> DoubleVector {
        var words = Words(
            w0: numbers, w1: numbers &>> WordVector(repeating: 32), w2: WordVector(repeating: stream & 0xffff_ffff),
            w3: WordVector(repeating: stream >> 32))
        words.rounds(seed)
        return DoubleVector.uniform(words.w1, words.w0)
    }

    /// The words of the blocks `first + lanesA` and `first + lanesB`.
    @inline(__always) func blocks(
        _ first: UInt64, _ lanesA: WordVector, _ lanesB: WordVector, extra: Bool
    ) -> (a: Words, b: Words) {
        // `first` is a multiple of 16: adding a lane never carries into word 1.
        let base = WordVector(repeating: first & 0xffff_ffff)
        let w1 = WordVector(repeating: (first >> 32) | (channel << 8) | (extra ? 0x8000_0000 : 0))
        let w2 = WordVector(repeating: stream & 0xffff_ffff)
        let w3 = WordVector(repeating: stream >> 32)
        var a = Words(w0: base | lanesA, w1: w1, w2: w2, w3: w3)
        var b = Words(w0: base | lanesB, w1: w1, w2: w2, w3: w3)
        #if AVX512
            var key0 = UInt32(truncatingIfNeeded: seed)
            var key1 = UInt32(truncatingIfNeeded: seed >> 32)
            // Together, each hides the other's latency.
            for _ in 0..<10 {
                a.round(key0, key1)
                b.round(key0, key1)
                key0 &+= 0x9E37_79B9
                key1 &+= 0xBB67_AE85
            }
        #else
            // Both do not fit into 16 registers.
            a.rounds(seed)
            b.rounds(seed)
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

/// 0, 1, 2, ...
@inline(__always) var blockNumbers: WordVector {
    #if BASELINE
    WordVector(0, 1)
    #else
    WordVector(0, 1, 2, 3, 4, 5, 6, 7)
    #endif
}

/// Calls `body` with the first of each two vectors of a group's 16 blocks.
@inline(__always) private func forEachPair(_ body: (Int) -> Void) {
    var block = 0
    while block < 16 {
        body(block)
        block &+= 2 &* WordVector.scalarCount
    }
}

extension FloatVector: RandomVector {
    /// Even and odd blocks, whose words join without a shuffle.
    @inline(__always) private static func words(
        _ philox: Philox, _ group: Int, _ block: Int
    ) -> (a: Philox.Words, b: Philox.Words) {
        let even = (blockNumbers &+ blockNumbers) &+ WordVector(repeating: UInt64(truncatingIfNeeded: block))
        return philox.blocks(
            UInt64(truncatingIfNeeded: group) &* 16, even, even | WordVector(repeating: 1), extra: false)
    }

    @inline(__always) static func uniforms(_ philox: Philox, _ group: Int, _ p: UnsafeMutablePointer<Float>) {
        forEachPair { block in
            let c = words(philox, group, block)
            cr_uniform_floats(c.a.w0, c.b.w0).store(p + block)
            cr_uniform_floats(c.a.w1, c.b.w1).store(p + block + 16)
            cr_uniform_floats(c.a.w2, c.b.w2).store(p + block + 32)
            cr_uniform_floats(c.a.w3, c.b.w3).store(p + block + 48)
        }
    }

    @inline(__always) static func choices(
        _ philox: Philox, _ group: Int, _ threshold: Int32, _ kept: Float, _ p: UnsafeMutablePointer<Float>
    ) {
        forEachPair { block in
            let c = words(philox, group, block)
            cr_choice_floats(c.a.w0, c.b.w0, threshold, kept).store(p + block)
            cr_choice_floats(c.a.w1, c.b.w1, threshold, kept).store(p + block + 16)
            cr_choice_floats(c.a.w2, c.b.w2, threshold, kept).store(p + block + 32)
            cr_choice_floats(c.a.w3, c.b.w3, threshold, kept).store(p + block + 48)
        }
    }
}

extension DoubleVector: RandomVector {
    @inline(__always) private static func words(
        _ philox: Philox, _ group: Int, _ block: Int, extra: Bool
    ) -> (a: Philox.Words, b: Philox.Words) {
        let first = blockNumbers &+ WordVector(repeating: UInt64(truncatingIfNeeded: block))
        return philox.blocks(
            UInt64(truncatingIfNeeded: group) &* 16, first, first &+ WordVector(repeating: UInt64(lanes)), extra: extra)
    }

    /// 32 bits of `upper` and 21 of `lower`: exact in every step.
    @inline(__always) static func uniform(_ upper: WordVector, _ lower: WordVector) -> Self {
        let mask = WordVector(repeating: 0xffff_ffff)
        let exponent = WordVector(repeating: 0x4330_0000_0000_0000)
        let offset = Self(repeating: 0x1p52)
        let high = unsafeBitCast((upper & mask) | exponent, to: Self.self) - offset
        let low = unsafeBitCast(((lower & mask) &>> WordVector(repeating: 11)) | exponent, to: Self.self) - offset
        return high * Self(repeating: 0x1p-32) + low * Self(repeating: 0x1p-53)
    }

    @inline(__always) static func uniforms(_ philox: Philox, _ group: Int, _ p: UnsafeMutablePointer<Double>) {
        forEachPair { block in
            let c = words(philox, group, block, extra: false)
            let d = words(philox, group, block, extra: true)
            let p = p + block
            uniform(c.a.w0, d.a.w0).store(p)
            uniform(c.b.w0, d.b.w0).store(p + lanes)
            uniform(c.a.w1, d.a.w1).store(p + 16)
            uniform(c.b.w1, d.b.w1).store(p + 16 + lanes)
            uniform(c.a.w2, d.a.w2).store(p + 32)
            uniform(c.b.w2, d.b.w2).store(p + 32 + lanes)
            uniform(c.a.w3, d.a.w3).store(p + 48)
            uniform(c.b.w3, d.b.w3).store(p + 48 + lanes)
        }
    }

    @inline(__always) private static func choice(_ words: WordVector, _ threshold: Int32, _ kept: Double) -> Self {
        let bits = (words & WordVector(repeating: 0xffff_ffff)) &>> WordVector(repeating: 8)
        let isKept = unsafeBitCast(bits, to: DoubleBits.self) .>= DoubleBits(repeating: Int64(threshold))
        return Self(repeating: 0).replacing(with: Self(repeating: kept), where: isKept)
    }

    @inline(__always) static func choices(
        _ philox: Philox, _ group: Int, _ threshold: Int32, _ kept: Double, _ p: UnsafeMutablePointer<Double>
    ) {
        forEachPair { block in
            let c = words(philox, group, block, extra: false)
            let p = p + block
            choice(c.a.w0, threshold, kept).store(p)
            choice(c.b.w0, threshold, kept).store(p + lanes)
            choice(c.a.w1, threshold, kept).store(p + 16)
            choice(c.b.w1, threshold, kept).store(p + 16 + lanes)
            choice(c.a.w2, threshold, kept).store(p + 32)
            choice(c.b.w2, threshold, kept).store(p + 32 + lanes)
            choice(c.a.w3, threshold, kept).store(p + 48)
            choice(c.b.w3, threshold, kept).store(p + 48 + lanes)
        }
    }
}
