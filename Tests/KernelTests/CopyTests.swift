import KernelDispatch
import KernelInterface
import Testing

@Suite struct CopyTests {
    /// Sizes, source strides, destination strides, first source element.
    static let layouts: [([Int], [Int], [Int], Int)] = [
        ([5], [1], [1], 0), ([100], [1], [1], 0), ([100], [0], [1], 0), ([100], [-1], [1], 99), ([33], [3], [1], 0),
        ([33], [1], [2], 0), ([4, 6], [1, 4], [6, 1], 0), ([40, 33], [1, 40], [33, 1], 0),
        ([130, 70], [1, 130], [70, 1], 0),
        ([3, 4, 5], [20, 1, 4], [20, 5, 1], 0), ([3, 4, 5], [0, 1, 0], [20, 5, 1], 0),
        ([2, 3, 2, 3, 4], [12, 4, -36, 0, 1], [72, 24, 12, 4, 1], 36), ([2, 700], [700, 1], [1000, 1], 0),
        ([300, 3], [5, 1], [3, 1], 0), ([1, 1], [1, 1], [1, 1], 0),
        ([8, 16, 3, 4], [192, 1, 64, 16], [192, 12, 4, 1], 0),
    ]

    @Test(arguments: layouts) func strided(sizes: [Int], from: [Int], to: [Int], start: Int) {
        strided(Float.self, sizes, from, to, start)
        strided(Double.self, sizes, from, to, start)
    }

    private func strided<T: TestScalar>(_: T.Type, _ sizes: [Int], _ from: [Int], _ to: [Int], _ start: Int) {
        var numbers = Numbers(1)
        let sources = offsets(sizes, from).map { $0 + start }
        let destinations = offsets(sizes, to)
        let source: [T] = numbers.array(sources.max()! + 1)
        let old: [T] = numbers.array(destinations.max()! + 1)
        let space = StridedSpace(sizes: sizes, strides: [from, to])!
        let array = GuardedArray(source)
        for mode in 0...2 {
            var expected = old.map { Double($0) }
            for (s, d) in zip(sources, destinations) {
                let value = Double(source[s])
                expected[d] = mode == 0 ? value : mode == 1 ? 0.5 * value : expected[d] + 0.5 * value
            }
            for perPiece in [1, space.rowsPerPiece] {
                everyWay(
                    .copyStrided, isDouble: T.isDouble, pieces: pieces(space.rows, per: perPiece),
                    inputs: [0: array, 2: GuardedArray([space])], outputs: [1: GuardedArray(old)],
                    { call in
                        call.pointers[0] = array.pointer + start * MemoryLayout<T>.stride
                        call.integers[0] = perPiece
                        call.integers[1] = mode
                        call.scalars[0] = 0.5
                    }
                ) { _, results in expectClose(results[1]!.array(T.self), expected, "\(sizes) \(from) \(to)") }
            }
        }
    }

    /// Bits that are no numbers survive.
    @Test func copiesIntegers() {
        let values: [Int32] = (0..<100).map { Int32(bitPattern: 0x7f80_0001 &+ UInt32($0) &* 0x9E37_79B9) }
        let space = StridedSpace(sizes: [10, 10], strides: [[1, 10], [10, 1]])!
        everyWay(
            .copyStrided, isDouble: false, pieces: 1, inputs: [0: GuardedArray(values), 2: GuardedArray([space])],
            outputs: [1: GuardedArray([Int32](repeating: 0, count: 100))], { $0.integers[0] = 100 }
        ) { _, results in
            let got: [Int32] = results[1]!.array()
            for i in 0..<100 { #expect(got[i] == values[i % 10 * 10 + i / 10]) }
        }
    }

    /// Form, table, and where each element of the destination comes from: -1 the filling, -2 nowhere.
    static let blockTables: [(BlockForm, [Int32], [Int])] = [
        (.gather, [3, 1, 4, 1, 0], [3, 1, 4, 1, 0]), (.scatter, [4, 0, 2], [1, -2, 2, -2, 0]),
        (.runs, [2, 0, 3, -1, 3, 2, 0, 5, 1, 1, 6, 2], [2, 3, 4, -1, -1, 0, 1, 2]),
        (.runs, [0, 0, 40, -1, 40, 19, 1, 59, 1], Array(0..<40) + Array(repeating: -1, count: 19) + [1]),
        (.runs, [5, 0, 7, 1, 7, 9, 9, 16, 17, 3, 33, 33], Array(5..<12) + Array(1..<10) + Array(9..<26) + Array(3..<36)),
    ]

    @Test(arguments: blockTables) func blocks(form: BlockForm, table: [Int32], from: [Int]) {
        blocks(Float.self, form, table, from)
        blocks(Double.self, form, table, from)
    }

    private func blocks<T: TestScalar>(_: T.Type, _ form: BlockForm, _ table: [Int32], _ from: [Int]) {
        var numbers = Numbers(3)
        let (number, width) = (7, 50)
        let source: [T] = numbers.array(number * width)
        let old: [T] = numbers.array(number * from.count)
        let additions: [Int32] = form == .runs ? [0, 1, 7, 1, 2, 0] : []
        let space = StridedSpace(blocks: [(number, [width, from.count])])!
        var expected = old.map { Double($0) }
        for block in 0..<number {
            for (i, place) in from.enumerated() where place > -2 {
                expected[block * from.count + i] = place < 0 ? 2.5 : Double(source[block * width + place])
            }
            for pair in stride(from: 0, to: additions.count, by: 2) {
                expected[block * from.count + Int(additions[pair + 1])] += Double(source[block * width + Int(additions[pair])])
            }
        }
        for perPiece in [1, 3, 100] {
            everyWay(
                .copyBlocks, isDouble: T.isDouble, pieces: pieces(number, per: perPiece),
                inputs: [0: GuardedArray(source), 2: GuardedArray([space]), 3: GuardedArray(table + additions)],
                outputs: [1: GuardedArray(old)],
                { call in
                    call.integers[0] = perPiece
                    call.integers[1] = form.rawValue
                    call.integers[2] = form == .runs ? table.count / 3 : table.count
                    call.integers[3] = additions.count / 2
                    call.scalars[0] = 2.5
                }
            ) { _, results in expectClose(results[1]!.array(T.self), expected, "\(form) \(table)") }
        }
    }

    @Test func fills() {
        for count in borderSizes {
            everyWay(
                .fill, isDouble: false, pieces: pieces(count), inputs: [:],
                outputs: [0: GuardedArray([Float](repeating: 1, count: count))],
                { call in
                    call.integers[0] = count
                    call.scalars[0] = -2.5
                }
            ) { _, results in #expect(results[0]!.array() == [Float](repeating: -2.5, count: count)) }
            everyWay(
                .fill, isDouble: true, pieces: pieces(count), inputs: [:],
                outputs: [0: GuardedArray([Int64](repeating: 1, count: count))], { $0.integers[0] = count }
            ) { _, results in #expect(results[0]!.array() == [Int64](repeating: 0, count: count)) }
        }
    }

    @Test(arguments: [(1, 1, 1), (5, 3, 1), (100, 17, 1), (40, 784, 1), (7, 9, 2), (3, 16, -1), (20000, 1, 1)])
    func gathers(rows: Int, columns: Int, columnStride: Int) {
        gathers(Float.self, Float.self, 1, rows, columns, columnStride)
        gathers(Double.self, Float.self, 1, rows, columns, columnStride)
        gathers(Float.self, Double.self, 2, rows, columns, columnStride)
        gathers(Double.self, Double.self, 2, rows, columns, columnStride)
        gathers(Float.self, Int32.self, 3, rows, columns, columnStride)
        gathers(Double.self, Int64.self, 4, rows, columns, columnStride)
    }

    private func gathers<T: TestScalar, S: Numeric>(
        _: T.Type, _: S.Type, _ type: Int, _ rows: Int, _ columns: Int, _ columnStride: Int
    ) {
        var numbers = Numbers(8)
        let width = (columns - 1) * abs(columnStride) + 1
        let stride = width + 2
        let sourceRows = rows + 5
        let plain: [Double] = (0..<((sourceRows - 1) * stride + width)).map { _ in numbers.next(-100, 100).rounded() }
        let source: [S] = plain.map { S(exactly: Int($0))! }
        let array = GuardedArray(source)
        let start = columnStride < 0 ? width - 1 : 0
        let picks = numbers.labels(rows, below: sourceRows)
        for indices in [GuardedArray(picks), GuardedArray(picks.map(Int64.init)), nil] {
            let isWide = indices.map { $0.byteCount == 8 * rows } ?? false
            let expected = (0..<rows).flatMap { row in
                (0..<columns).map {
                    plain[start + (indices == nil ? row : Int(picks[row])) * stride + $0 * columnStride]
                }
            }
            let perPiece = StridedSpace.rowsPerPiece(columns: columns)
            var inputs = [0: array]
            inputs[2] = indices
            everyWay(
                .gatherRows, isDouble: T.isDouble, pieces: pieces(rows, per: perPiece), inputs: inputs,
                outputs: [1: GuardedArray([T](repeating: 0, count: rows * columns))],
                { call in
                    call.pointers[0] = array.pointer + start * MemoryLayout<S>.stride
                    for (slot, value) in [rows, columns, stride, type, perPiece, isWide ? 1 : 0, columnStride]
                        .enumerated()
                    {
                        call.integers[slot] = value
                    }
                }
            ) { _, results in #expect(results[1]!.array(T.self).map { Double($0) } == expected) }
        }
    }

    @Test func gathersLabels() {
        gathersLabels(Int32.self)
        gathersLabels(Int64.self)
    }

    private func gathersLabels<S: FixedWidthInteger>(_: S.Type) {
        var numbers = Numbers(6)
        for count in borderSizes {
            var labels = numbers.labels(2 * count, below: 1000).map { S($0) - 500 }
            if S.self == Int64.self { labels[0] = S(truncatingIfNeeded: 1 << 40) }
            let picks = numbers.labels(count, below: count)
            for indexed in [true, false] {
                let expected = (0..<count).map { labels[(indexed ? Int(picks[$0]) : $0) * 2] }
                var inputs = [0: GuardedArray(Array(labels.prefix(2 * count - 1)))]
                if indexed { inputs[2] = GuardedArray(picks) }
                let parts = pieces(count)
                everyWay(
                    .gatherLabels, isDouble: false, pieces: parts, inputs: inputs,
                    outputs: [
                        1: GuardedArray([Int32](repeating: 0, count: count)),
                        3: GuardedArray([Int64](repeating: 0, count: 2 * parts)),
                    ],
                    { call in
                        call.integers[0] = count
                        call.integers[1] = 2
                        call.integers[2] = S.self == Int64.self ? 1 : 0
                    }
                ) { _, results in
                    #expect(results[1]!.array(Int32.self) == expected.map { Int32(clamping: $0) })
                    let ranges: [Int64] = results[3]!.array()
                    #expect(ranges.max() == Int64(expected.max()!) && ranges.min() == Int64(expected.min()!))
                }
            }
        }
    }
}
