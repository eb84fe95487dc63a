import Glibc
import KernelDispatch
import KernelInterface
import Testing

@Suite struct SoftmaxTests {
    @Test(arguments: [
        (1, 1, 1), (4, 3, 1), (300, 10, 1), (7, 16, 1), (5, 17, 1), (3, 100, 1), (2, 1000, 1), (3, 64, 1), (9, 8, 1),
        (2, 3, 5), (3, 10, 16), (2, 7, 37), (1, 4, 300),
    ]) func allShapes(outer: Int, columns: Int, inner: Int) {
        for isLog in [false, true] {
            allShapes(Float.self, outer, columns, inner, isLog)
            allShapes(Double.self, outer, columns, inner, isLog)
        }
    }

    private func allShapes<T: TestScalar>(_: T.Type, _ outer: Int, _ columns: Int, _ inner: Int, _ isLog: Bool) {
        var numbers = Numbers(2)
        let count = outer * columns * inner
        let x: [T] = numbers.array(count, -8, 8)
        let dy: [T] = numbers.array(count)
        var y = [Double](repeating: 0, count: count)
        var dx = y
        for o in 0..<outer {
            for i in 0..<inner {
                let at = (0..<columns).map { (o * columns + $0) * inner + i }
                let total = at.reduce(0.0) { $0 + exp(Double(x[$1])) }
                for k in at { y[k] = isLog ? Double(x[k]) - log(total) : exp(Double(x[k])) / total }
                let dot = at.reduce(0.0) { $0 + Double(dy[$1]) * (isLog ? 1 : y[$1]) }
                for k in at { dx[k] = isLog ? Double(dy[k]) - exp(y[k]) * dot : y[k] * (Double(dy[k]) - dot) }
            }
        }
        let units = outer * (inner == 1 ? 1 : (inner + 15) / 16)
        for perPiece in [1, 3, StridedSpace.rowsPerPiece(columns: columns)] {
            let setup: (inout KernelCall) -> Void = { call in
                for (slot, value) in [outer, columns, inner, isLog ? 1 : 0, perPiece].enumerated() {
                    call.integers[slot] = value
                }
            }
            everyWay(
                .softmaxForward, isDouble: T.isDouble, pieces: pieces(units, per: perPiece),
                inputs: [0: GuardedArray(x)],
                outputs: [1: GuardedArray([T](repeating: 9, count: count))], setup
            ) { _, results in expectClose(results[1]!.array(T.self), y, factor: 4, "\(outer) \(columns) \(inner)") }
            everyWay(
                .softmaxBackward, isDouble: T.isDouble, pieces: pieces(units, per: perPiece),
                inputs: [0: GuardedArray(y.map { T($0) }), 1: GuardedArray(dy)],
                outputs: [2: GuardedArray([T](repeating: 9, count: count))], setup
            ) { _, results in expectClose(results[2]!.array(T.self), dx, factor: 50, "\(outer) \(columns) \(inner)") }
        }
    }

    /// PyTorch's values for what is not finite.
    @Test(arguments: [1, 4]) func edges(inner: Int) {
        let infinity = Float.infinity
        let rows: [[Float]] = [
            [1000, 1000, -1000], [-infinity, 0, 0], [-infinity, -infinity, -infinity], [infinity, 0, 0], [.nan, 0, 0],
        ]
        let nan = [Double](repeating: .nan, count: 3)
        let expected = [[0.5, 0.5, 0], [0, 0.5, 0.5], nan, nan, nan]
        let logs = [[log(0.5), log(0.5), -2000 + log(0.5)], [-.infinity, log(0.5), log(0.5)], nan, nan, nan]
        for (row, (want, wantLog)) in zip(rows, zip(expected, logs)) {
            for isLog in [false, true] {
                let x = row.flatMap { [Float](repeating: $0, count: inner) }
                everyWay(
                    .softmaxForward, isDouble: false, pieces: 1, inputs: [0: GuardedArray(x)],
                    outputs: [1: GuardedArray([Float](repeating: 9, count: 3 * inner))],
                    { call in
                        for (slot, value) in [1, 3, inner, isLog ? 1 : 0, 1].enumerated() {
                            call.integers[slot] = value
                        }
                    }
                ) { _, results in
                    let y: [Float] = results[1]!.array()
                    expectClose((0..<3).map { y[$0 * inner] }, isLog ? wantLog : want, "\(row)")
                }
            }
        }
    }
}
