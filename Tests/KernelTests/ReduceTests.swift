import KernelDispatch
import KernelInterface
import Testing

@Suite struct ReduceTests {
    @Test func everything() {
        everything(Float.self)
        everything(Double.self)
    }

    private func everything<T: TestScalar>(_: T.Type) {
        var numbers = Numbers(1)
        for count in borderSizes + [100_000] {
            let x: [T] = numbers.array(count)
            let expected = x.reduce(0.0) { $0 + Double($1) }
            let parts = pieces(count)
            everyWay(
                .reduceFlat, isDouble: T.isDouble, pieces: parts, inputs: [0: GuardedArray(x)],
                outputs: [1: GuardedArray([T](repeating: 9, count: parts))], { $0.integers[0] = count }
            ) { set, results in
                everyWay(
                    .reduceFlatFinish, isDouble: T.isDouble, pieces: 1, inputs: [0: results[1]!],
                    outputs: [1: GuardedArray([T(5)])],
                    { call in
                        call.integers[0] = parts
                        call.integers[1] = 1
                        call.scalars[0] = 2
                    }
                ) { _, sums in expectClose(sums[1]!.array(T.self), [5 + 2 * expected], factor: 30) }
            }
        }
    }

    @Test(arguments: [(1, 1), (3, 5), (4, 8), (17, 16), (300, 3), (129, 70), (1000, 64), (7, 1000)])
    func columns(rows: Int, columns: Int) {
        self.columns(Float.self, rows, columns)
        self.columns(Double.self, rows, columns)
    }

    private func columns<T: TestScalar>(_: T.Type, _ rows: Int, _ columns: Int) {
        var numbers = Numbers(2)
        let stride = columns + 3
        let x: [T] = numbers.array((rows - 1) * stride + columns)
        for (perPiece, adds) in [(rows, false), (rows, true), (2, false), (200, false)] {
            let parts = pieces(rows, per: perPiece)
            var expected = [Double](repeating: adds ? 7 : 0, count: parts * columns)
            for row in 0..<rows {
                for column in 0..<columns {
                    expected[row / perPiece * columns + column] += 0.5 * Double(x[row * stride + column])
                }
            }
            everyWay(
                .reduceColumns, isDouble: T.isDouble, pieces: parts, inputs: [0: GuardedArray(x)],
                outputs: [1: GuardedArray([T](repeating: 7, count: parts * columns))],
                { call in
                    call.integers[0] = rows
                    call.integers[1] = columns
                    call.integers[2] = stride
                    call.integers[3] = perPiece
                    call.integers[4] = adds ? 1 : 0
                    call.scalars[0] = 0.5
                }
            ) { _, results in expectClose(results[1]!.array(T.self), expected, factor: 10) }
        }
    }

    @Test(arguments: [
        ([6, 5], [true, false]), ([6, 5], [false, true]), ([6, 5], [true, true]), ([6, 5], [false, false]),
        ([3, 4, 5], [false, true, false]), ([3, 4, 5], [true, false, true]), ([3, 4, 50], [true, false, true]),
        ([2, 3, 40, 5], [true, false, true, false]), ([2, 3, 4, 37], [false, true, false, true]),
        ([300, 7], [true, false]), ([7, 300], [false, true]), ([400, 40], [true, false]), ([1], [true]),
        ([2, 2, 2, 2, 2, 2, 2, 2], [true, false, true, false, true, false, true, false]),
    ]) func anyDimensions(shape: [Int], reduced: [Bool]) {
        anyDimensions(Float.self, shape, reduced)
        anyDimensions(Double.self, shape, reduced)
    }

    private func anyDimensions<T: TestScalar>(_: T.Type, _ shape: [Int], _ reduced: [Bool]) {
        var numbers = Numbers(4)
        let count = shape.reduce(1, *)
        let x: [T] = numbers.array(count)
        let strides = rowMajorStrides(shape)
        func part(_ wanted: Bool) -> (sizes: [Int], strides: [Int]) {
            let chosen = shape.indices.filter { reduced[$0] == wanted }
            return (chosen.map { shape[$0] }, chosen.map { strides[$0] })
        }
        let outer = part(false)
        let inner = part(true)
        let innerOffsets = offsets(inner.sizes, inner.strides)
        let expected = offsets(outer.sizes, outer.strides).map { o in
            innerOffsets.reduce(1.0) { $0 + 0.25 * Double(x[o + $1]) }
        }
        let kept = StridedSpace(sizes: outer.sizes, strides: [outer.strides])!
        let over = StridedSpace(sizes: inner.sizes, strides: [inner.strides])!
        var bits: [T]?
        for perPiece in [1, 5, 16, 100_000] {
            everyWay(
                .reduceStrided, isDouble: T.isDouble, pieces: pieces(kept.count, per: perPiece),
                inputs: [0: GuardedArray(x), 2: GuardedArray([kept]), 3: GuardedArray([over])],
                outputs: [1: GuardedArray([T](repeating: 1, count: kept.count))],
                { call in
                    call.integers[0] = perPiece
                    call.integers[1] = 1
                    call.scalars[0] = 0.25
                }
            ) { set, results in
                let got: [T] = results[1]!.array()
                expectClose(got, expected, factor: 5, "\(shape) \(reduced)")
                if set.level != .baseline {
                    if let bits { #expect(bits == got, "the pieces changed the bits") } else { bits = got }
                }
            }
        }
    }
}
