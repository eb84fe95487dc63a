// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011):
// number i of a stream is a function of (seed, stream, i), so it doesn't depend on the order of work.

import Glibc

public struct Philox: Sendable {
    public let seed: UInt64
    public let stream: UInt64

    public init(seed: UInt64, stream: UInt64) {
        self.seed = seed
        self.stream = stream
    }

    /// Four 32-bit words for a counter.
    public func block(_ counter: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
        var c0 = UInt32(truncatingIfNeeded: counter)
        var c1 = UInt32(truncatingIfNeeded: counter >> 32)
        var c2 = UInt32(truncatingIfNeeded: stream)
        var c3 = UInt32(truncatingIfNeeded: stream >> 32)
        var k0 = UInt32(truncatingIfNeeded: seed)
        var k1 = UInt32(truncatingIfNeeded: seed >> 32)
        for _ in 0..<10 {
            let p0 = UInt64(c0) &* 0xD251_1F53
            let p1 = UInt64(c2) &* 0xCD9E_8D57
            let n0 = UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0
            let n2 = UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1
            c1 = UInt32(truncatingIfNeeded: p1)
            c3 = UInt32(truncatingIfNeeded: p0)
            c0 = n0
            c2 = n2
            k0 = k0 &+ 0x9E37_79B9
            k1 = k1 &+ 0xBB67_AE85
        }
        return (c0, c1, c2, c3)
    }

    /// 64 random bits; distinct for distinct indices.
    public func bits(_ index: UInt64) -> UInt64 {
        let (a, b, _, _) = block(index)
        return UInt64(a) | UInt64(b) << 32
    }

    /// Uniform in [0, 1) with 53 bits.
    public func uniform(_ index: UInt64) -> Double { Double(bits(index) >> 11) * 0x1p-53 }

    /// Standard normal (Box and Muller 1958).
    public func normal(_ index: UInt64) -> Double {
        let (a, b, c, d) = block(index)
        let first = (Double((UInt64(a) | UInt64(b) << 32) >> 11) + 1) * 0x1p-53
        let second = Double((UInt64(c) | UInt64(d) << 32) >> 11) * 0x1p-53
        return (-2 * log(first)).squareRoot() * cos(2 * Double.pi * second)
    }

    /// A random order of 0..<count (Fisher-Yates) written to `order`.
    public func shuffle(_ order: UnsafeMutablePointer<Int32>, count: Int) {
        guard count > 0 else { return }
        for i in 0..<count { order[i] = Int32(truncatingIfNeeded: i) }
        var i = count - 1
        while i > 0 {
            // Multiply-shift: a bias of at most 2^-32.
            let j = Int((UInt64(i + 1) &* (bits(UInt64(i)) >> 32)) >> 32)
            let swap = order[i]
            order[i] = order[j]
            order[j] = swap
            i -= 1
        }
    }
}
