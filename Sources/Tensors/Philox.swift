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

    /// `uniform` of eight indices at once: initialising a network takes longer than a step of it.
    func uniform(_ indices: SIMD8<UInt64>) -> SIMD8<Double> {
        typealias Words = SIMD8<UInt64>
        let low = Words(repeating: 0xffff_ffff)
        let high = Words(repeating: 32)
        // In the low half of each lane, so that a product is one of 32 by 32 bits.
        var c0 = indices & low
        var c1 = indices &>> high
        var c2 = Words(repeating: stream & 0xffff_ffff)
        var c3 = Words(repeating: stream >> 32)
        var k0 = UInt32(truncatingIfNeeded: seed)
        var k1 = UInt32(truncatingIfNeeded: seed >> 32)
        for _ in 0..<10 {
            let p0 = c0 &* Words(repeating: 0xD251_1F53)
            let p1 = c2 &* Words(repeating: 0xCD9E_8D57)
            c0 = (p1 &>> high) ^ c1 ^ Words(repeating: UInt64(k0))
            c2 = (p0 &>> high) ^ c3 ^ Words(repeating: UInt64(k1))
            c1 = p1 & low
            c3 = p0 & low
            k0 = k0 &+ 0x9E37_79B9
            k1 = k1 &+ 0xBB67_AE85
        }
        let bits = (c0 | (c1 &<< high)) &>> Words(repeating: 11)
        return (Philox.double(bits &>> high) * 0x1p32 + Philox.double(bits & low)) * 0x1p-53
    }

    /// Whole numbers of up to 52 bits, put below the exponent of 2^52.
    @inline(__always)
    private static func double(_ bits: SIMD8<UInt64>) -> SIMD8<Double> {
        unsafeBitCast(bits | SIMD8(repeating: (0x1p52).bitPattern), to: SIMD8<Double>.self) - 0x1p52
    }

    /// Fills a matrix: its element in row r and column c gets number r * columns + c of `low + (high - low) * uniform`.
    public func fillUniform(_ matrix: ArrayView, from low: Double, to high: Double) {
        fill(matrix, lanes: 8) { low + (high - low) * uniform($0) }
    }

    /// The same with `mean + deviation * normal`.
    public func fillNormal(_ matrix: ArrayView, mean: Double, deviation: Double) {
        fill(matrix, lanes: 1) { SIMD8(repeating: mean + deviation * normal($0[0])) }
    }

    /// In the order of memory, whatever the matrix's strides. Of a value's lanes so many are used.
    @inline(__always)
    private func fill(_ matrix: ArrayView, lanes: Int, _ value: (SIMD8<UInt64>) -> SIMD8<Double>) {
        guard let data = matrix.data, matrix.rank == 2 else { return }
        let isTurned = matrix.strides[0] < matrix.strides[1]
        let (outer, inner) = isTurned ? (1, 0) : (0, 1)
        let (outerStep, innerStep) = isTurned ? (1, matrix.shape[1]) : (matrix.shape[1], 1)
        let count = matrix.shape[inner]
        let steps = SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7) &* UInt64(innerStep)
        for i in 0..<matrix.shape[outer] {
            let line = data + i * matrix.strides[outer]
            for j in stride(from: 0, to: count, by: lanes) {
                let numbers = value(SIMD8(repeating: UInt64(i * outerStep + j * innerStep)) &+ steps)
                for lane in 0..<min(lanes, count - j) {
                    let place = line + (j + lane) * matrix.strides[inner]
                    if matrix.type == .float64 {
                        place.storeBytes(of: numbers[lane], as: Double.self)
                    } else {
                        place.storeBytes(of: Float(numbers[lane]), as: Float.self)
                    }
                }
            }
        }
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
