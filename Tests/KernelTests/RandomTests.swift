import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// Philox4x32-10 as in the paper, one block at a time.
func philox(_ counter: [UInt32], _ key: [UInt32]) -> [UInt32] {
    var c = counter
    var k = key
    for _ in 0..<10 {
        let first = UInt64(c[0]) * 0xD251_1F53
        let second = UInt64(c[2]) * 0xCD9E_8D57
        c = [
            UInt32(second >> 32) ^ c[1] ^ k[0], UInt32(truncatingIfNeeded: second),
            UInt32(first >> 32) ^ c[3] ^ k[1], UInt32(truncatingIfNeeded: first),
        ]
        k[0] &+= 0x9E37_79B9
        k[1] &+= 0xBB67_AE85
    }
    return c
}

@Suite struct RandomTests {
    static let seed: UInt64 = 0x0123_4567_89ab_cdef
    static let stream: UInt64 = 0xfedc_ba98_7654_3210
    static let channel = 77

    /// Random123's known answers.
    @Test func knownAnswers() {
        #expect(philox([0, 0, 0, 0], [0, 0]) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        #expect(
            philox([.max, .max, .max, .max], [.max, .max]) == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
        #expect(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])
                == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    }

    /// The 32 bits of element `i`.
    static func word(_ i: Int, extra: Bool = false) -> UInt32 {
        let block = i / 64 * 16 + i % 16
        let high = UInt32(block >> 32) | UInt32(channel << 8) | (extra ? 1 << 31 : 0)
        return philox(
            [UInt32(truncatingIfNeeded: block), high, UInt32(truncatingIfNeeded: stream), UInt32(stream >> 32)],
            [UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32)])[i % 64 / 16]
    }

    static func uniform<T: TestScalar>(_ i: Int, _: T.Type) -> Double {
        T.isDouble
            ? Double(UInt64(word(i)) << 21 | UInt64(word(i, extra: true)) >> 11) * 0x1p-53
            : Double(word(i) >> 8) * 0x1p-24
    }

    private func draw<T: TestScalar>(
        _ name: KernelName, _: T.Type, _ count: Int, _ first: Double, _ second: Double, _ check: ([T]) -> Void
    ) {
        everyWay(
            name, isDouble: T.isDouble, pieces: pieces(count), inputs: [1: GuardedArray([Self.seed, Self.stream])],
            outputs: [0: GuardedArray([T](repeating: 9, count: count))],
            { call in
                call.integers[0] = count
                call.integers[1] = Self.channel
                call.scalars[0] = first
                call.scalars[1] = second
            }
        ) { _, results in check(results[0]!.array()) }
    }

    @Test func uniform() {
        uniform(Float.self)
        uniform(Double.self)
    }

    private func uniform<T: TestScalar>(_: T.Type) {
        for count in borderSizes {
            let expected = (0..<count).map { Self.uniform($0, T.self) }
            draw(.randomUniform, T.self, count, 0, 1) { #expect($0.map { Double($0) } == expected) }
        }
        draw(.randomUniform, T.self, 1000, -3, 2) { values in
            #expect(values.allSatisfy { $0 >= -3 && $0 <= 2 })
            expectClose(values, (0..<1000).map { -3 + 5 * Self.uniform($0, T.self) })
        }
    }

    /// Numbers in the order of the matrix, whatever the order of its memory.
    @Test(arguments: [(1, 1), (1, 37), (5, 8), (3, 17), (2, 100)], [false, true]) func matrix(_ shape: (Int, Int), isTurned: Bool) {
        matrix(Float.self, shape, isTurned)
        matrix(Double.self, shape, isTurned)
    }

    private func matrix<T: TestScalar>(_: T.Type, _ shape: (rows: Int, columns: Int), _ isTurned: Bool) {
        let (lines, length) = isTurned ? (shape.columns, shape.rows) : (shape.rows, shape.columns)
        let expected = (0..<lines * length).map { place in
            let (line, index) = (place / length, place % length)
            let number = isTurned ? index * shape.columns + line : line * shape.columns + index
            let words = philox(
                [UInt32(number), 0, UInt32(truncatingIfNeeded: Self.stream), UInt32(Self.stream >> 32)],
                [UInt32(truncatingIfNeeded: Self.seed), UInt32(Self.seed >> 32)])
            return T(-3 + 5 * Double((UInt64(words[0]) | UInt64(words[1]) << 32) >> 11) * 0x1p-53)
        }
        everyWay(
            .uniformMatrix, isDouble: T.isDouble, pieces: lines, inputs: [1: GuardedArray([Self.seed, Self.stream])],
            outputs: [0: GuardedArray([T](repeating: 9, count: lines * length))],
            { call in
                call.integers[0] = length
                (call.integers[1], call.integers[2]) = isTurned ? (1, shape.columns) : (shape.columns, 1)
                (call.integers[3], call.integers[4]) = (length, 1)
                (call.scalars[0], call.scalars[1]) = (-3, 2)
            }
        ) { _, results in #expect((results[0]!.array() as [T]) == expected) }
    }

    @Test func normal() {
        normal(Float.self)
        normal(Double.self)
    }

    private func normal<T: TestScalar>(_: T.Type) {
        for count in borderSizes {
            let expected = (0..<count).map { i in
                let first = i % 32 < 16 ? i : i - 16
                let radius = sqrt(-2 * log(1 - Self.uniform(first, T.self)))
                let angle = 2 * Double.pi * Self.uniform(first + 16, T.self)
                return 10 + 2 * radius * (i == first ? cos(angle) : sin(angle))
            }
            draw(.randomNormal, T.self, count, 10, 2) { expectClose($0, expected, factor: 2) }
        }
        draw(.randomNormal, T.self, 200_000, 0, 1) { values in
            let mean = values.reduce(0.0) { $0 + Double($1) } / 200_000
            let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / 200_000
            let fourth = values.reduce(0.0) { $0 + pow(Double($1), 4) } / 200_000
            #expect(abs(mean) < 0.01 && abs(variance - 1) < 0.015 && abs(fourth - 3) < 0.12)
        }
    }

    @Test(arguments: [0, 0.25, 0.5, 0.9, 1]) func dropout(p: Double) {
        dropout(Float.self, p)
        dropout(Double.self, p)
    }

    /// The same elements fall out in both types, and in the backward pass.
    private func dropout<T: TestScalar>(_: T.Type, _ p: Double) {
        var numbers = Numbers(19)
        for count in borderSizes {
            let x: [T] = numbers.array(count)
            let expected = (0..<count).map { i in
                Double(Self.word(i) >> 8) * 0x1p-24 >= p ? Double(x[i]) / (1 - p) : 0
            }
            everyWay(
                .dropout, isDouble: T.isDouble, pieces: pieces(count),
                inputs: [0: GuardedArray(x), 1: GuardedArray([Self.seed, Self.stream])],
                outputs: [2: GuardedArray([T](repeating: 9, count: count))],
                { call in
                    call.integers[0] = count
                    call.integers[1] = Self.channel
                    call.scalars[0] = p
                }
            ) { _, results in expectClose(results[2]!.array(T.self), expected, "p \(p)") }
        }
    }
}
