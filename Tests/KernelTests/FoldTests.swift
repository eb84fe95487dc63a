// Reductions and running ones along a dimension, and sorting, against plain loops.

import Foundation
import KernelDispatch
import KernelInterface
import Testing

/// [outer, columns, inner] as lists of one row each, in the order outer, inner.
private func rowsOf<T>(_ x: [T], _ outer: Int, _ columns: Int, _ inner: Int) -> [[T]] {
    (0..<outer * inner).map { row in
        (0..<columns).map { x[row / inner * columns * inner + $0 * inner + row % inner] }
    }
}

private let forms = [(1, 1, 1), (3, 5, 1), (2, 33, 1), (3, 4, 5), (2, 7, 16), (2, 3, 37), (1, 9000, 1), (70, 3, 33)]

@Suite struct FoldTests {
    @Test func folds() {
        folds(Float.self)
        folds(Double.self)
    }

    private func folds<T: TestScalar>(_: T.Type) {
        var numbers = Numbers(7)
        for (outer, columns, inner) in forms {
            for fold in [RowFold.largest, .smallest, .product, .logSumExp] {
                var x: [T] = numbers.array(outer * columns * inner, 0.9, 1.1)
                if columns > 2 { x[inner] = x[0] }
                let dy: [T] = numbers.array(outer * inner)
                let rows = rowsOf(x, outer, columns, inner).map { $0.map { Double($0) } }
                let y = rows.map { row in
                    switch fold {
                    case .largest: row.max()!
                    case .smallest: row.min()!
                    case .product: row.reduce(1, *)
                    case .logSumExp: log(row.reduce(0) { $0 + exp($1) })
                    }
                }
                var slopes = [Double](repeating: 0, count: x.count)
                for (number, row) in rows.enumerated() {
                    for (j, value) in row.enumerated() {
                        let share = fold == .largest || fold == .smallest ? Double(row.count { $0 == y[number] }) : 1
                        let slope =
                            switch fold {
                            case .largest, .smallest: value == y[number] ? 1 / share : 0
                            case .product: y[number] / value
                            case .logSumExp: exp(value - y[number])
                            }
                        slopes[number / inner * columns * inner + j * inner + number % inner] = Double(dy[number]) * slope
                    }
                }
                let units = outer * ((inner + 15) / 16)
                for perPiece in [1, 3] {
                    let setup: (inout KernelCall) -> Void = { call in
                        call.integers[0] = outer
                        call.integers[1] = columns
                        call.integers[2] = inner
                        call.integers[3] = perPiece
                        call.integers[4] = fold.rawValue
                    }
                    everyWay(
                        .foldRows, isDouble: T.isDouble, pieces: pieces(units, per: perPiece), inputs: [0: GuardedArray(x)],
                        outputs: [1: GuardedArray([T](repeating: 9, count: y.count))], setup
                    ) { _, results in expectClose(results[1]!.array(T.self), y, factor: 40, "\(fold) \(outer) \(columns) \(inner)") }
                    everyWay(
                        .foldRowsBackward, isDouble: T.isDouble, pieces: pieces(units, per: perPiece),
                        inputs: [0: GuardedArray(x), 1: GuardedArray(y.map { T($0) }), 2: GuardedArray(dy)],
                        outputs: [3: GuardedArray([T](repeating: 9, count: x.count))], setup
                    ) { _, results in expectClose(results[3]!.array(T.self), slopes, factor: 400, "\(fold) \(outer) \(columns) \(inner)") }
                    guard fold == .largest || fold == .smallest else { continue }
                    let places = rows.enumerated().map { $0.element.firstIndex(of: y[$0.offset])! }
                    everyWay(
                        .foldPosition, isDouble: T.isDouble, pieces: pieces(units, per: perPiece), inputs: [0: GuardedArray(x)],
                        outputs: [1: T.isDouble ? GuardedArray([Int64](repeating: 9, count: y.count)) : GuardedArray([Int32](repeating: 9, count: y.count))],
                        setup
                    ) { _, results in
                        let got = T.isDouble ? results[1]!.array(Int64.self).map { Int($0) } : results[1]!.array(Int32.self).map { Int($0) }
                        #expect(got == places)
                    }
                }
            }
        }
    }

    @Test func running() {
        var numbers = Numbers(8)
        for (outer, columns, inner) in forms where columns < 1000 {
            let x: [Double] = numbers.array(outer * columns * inner)
            for (kind, combine) in [
                (RowCumulation.sum, { (a: Double, b: Double) in a + b }), (.product, { $0 * $1 }), (.largest, { max($0, $1) }), (.smallest, { min($0, $1) }),
            ] {
                var expected = x
                for start in 0..<outer * inner {
                    let first = start / inner * columns * inner + start % inner
                    for j in 1..<max(columns, 1) {
                        expected[first + j * inner] = combine(expected[first + (j - 1) * inner], x[first + j * inner])
                    }
                }
                everyWay(
                    .cumulateRows, isDouble: true, pieces: pieces(outer * inner, per: 2), inputs: [0: GuardedArray(x)],
                    outputs: [1: GuardedArray([Double](repeating: 9, count: x.count)), 2: GuardedArray([Int64](repeating: 0, count: x.count))],
                    { call in
                        call.integers[0] = outer
                        call.integers[1] = columns
                        call.integers[2] = inner
                        call.integers[3] = 2
                        call.integers[4] = kind.rawValue
                    }
                ) { _, results in
                    expectClose(results[1]!.array(Double.self), expected, factor: 10, "\(kind)")
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3, 17, 64, 1000]) func sorts(columns: Int) {
        var numbers = Numbers(9)
        let rows = 3
        var x: [Float] = numbers.array(rows * columns)
        for i in stride(from: 0, to: x.count, by: 5) { x[i] = (x[i] * 2).rounded() }
        if columns > 3 { x[2] = .nan }
        for (descending, kept) in [(false, columns), (true, columns), (true, min(columns, 5))] {
            let expected = (0..<rows).flatMap { row -> [Int32] in
                let part = Array(x[row * columns..<(row + 1) * columns])
                let order = (0..<columns).sorted { a, b in
                    let p = part[a], q = part[b]
                    if p.isNaN || q.isNaN { return p.isNaN != q.isNaN ? p.isNaN == descending : a < b }
                    return p == q ? a < b : descending ? p > q : p < q
                }
                return order.prefix(kept).map { Int32($0) }
            }
            everyWay(
                .sortRows, isDouble: false, pieces: rows, inputs: [0: GuardedArray(x)],
                outputs: [
                    1: GuardedArray([Float](repeating: 9, count: rows * kept)),
                    2: GuardedArray([Int32](repeating: 9, count: rows * kept)),
                    3: GuardedArray([Int32](repeating: 9, count: 2 * x.count)),
                ],
                { call in
                    call.integers[0] = rows
                    call.integers[1] = columns
                    call.integers[2] = 1
                    call.integers[3] = descending ? 1 : 0
                    call.integers[4] = kept
                }
            ) { _, results in #expect(results[2]!.array(Int32.self) == expected) }
        }
    }
}
