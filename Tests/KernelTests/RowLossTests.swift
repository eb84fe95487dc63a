import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// Losses of rows, and of two predictions: values by plain formulas, gradients by differences of them.
@Suite struct RowLossTests {
    private static func softmax(_ x: [Double]) -> [Double] {
        let e = x.map { exp($0 - x.max()!) }
        return e.map { $0 / e.reduce(0, +) }
    }

    private static func norm(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { $0 + ($1.0 - $1.1 + 0.01) * ($1.0 - $1.1 + 0.01) }.squareRoot()
    }

    /// A row's loss; z: the third prediction, or the target.
    static func reference(_ loss: RowLoss, _ x: [Double], _ y: [Double], _ z: [Double], label: Int) -> Double {
        switch loss {
        case .negativeLogLikelihood: return -x[label]
        case .softmaxFocal:
            let p = softmax(x)[label]
            return -(1 - p) * (1 - p) * log(p)
        case .multiMargin:
            return x.indices.reduce(0) { $1 == label ? $0 : $0 + pow(max(0, 0.5 - x[label] + x[$1]), 2) }
        case .multilabelMargin: return x.indices.reduce(0) { $1 == label ? $0 : $0 + max(0, 1 - x[label] + x[$1]) }
        case .cosineEmbedding:
            let product = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
            let sizes = x.reduce(1e-12) { $0 + $1 * $1 } * y.reduce(1e-12) { $0 + $1 * $1 }
            return 1 - product / sizes.squareRoot()
        case .tripletMargin: return max(0, 3 + norm(x, y) - min(norm(x, z), norm(y, z)))
        case .dice:
            let common = zip(x, z).reduce(0) { $0 + $1.0 * $1.1 }
            return 1 - (2 * common + 0.5) / (x.reduce(0, +) + z.reduce(0, +) + 0.5)
        }
    }

    @Test(arguments: RowLoss.allCases) func rows(loss: RowLoss) {
        for (rows, columns) in [(1, 1), (5, 3), (40, 17), (3, 64), (2, 9000)] where columns > 1 || loss != .softmaxFocal {
            check(Float.self, loss, rows, columns)
            check(Double.self, loss, rows, columns)
        }
    }

    private func check<T: TestScalar>(_: T.Type, _ loss: RowLoss, _ rows: Int, _ columns: Int) {
        var numbers = Numbers(3)
        let predictions: [[T]] = (0..<3).map { _ in
            loss == .dice ? numbers.array(rows * columns, 0.1, 0.9) : numbers.array(rows * columns)
        }
        let weights: [T] = numbers.array((rows + 1) / 2, 0.5, 2)
        let labels = numbers.labels(rows, below: columns)
        // A label, then none.
        let lists: [Int32] = (0..<rows * columns).map { $0 % columns == 0 ? labels[$0 / columns] : -1 }
        func row(_ index: Int, _ row: Int) -> [Double] { predictions[index][row * columns..<(row + 1) * columns].map(Double.init) }

        let used = loss == .tripletMargin ? 3 : loss == .cosineEmbedding ? 2 : 1
        var total = 0.0
        var gradients = [[Double]](repeating: [Double](repeating: 0, count: rows * columns), count: 3)
        for r in 0..<rows {
            let w = Double(weights[r / 2]) / 4
            var values = (0..<3).map { row($0, r) }
            total += w * Self.reference(loss, values[0], values[1], values[2], label: Int(labels[r]))
            for index in 0..<used {
                for column in [0, columns / 2, columns - 1, Int(labels[r])] {
                    let kept = values[index][column]
                    let sides = [1e-6, -1e-6].map { step in
                        values[index][column] = kept + step
                        return Self.reference(loss, values[0], values[1], values[2], label: Int(labels[r]))
                    }
                    values[index][column] = kept
                    gradients[index][r * columns + column] = w * (sides[0] - sides[1]) / 2e-6
                }
            }
        }
        var inputs = [0: GuardedArray(predictions[0]), 3: GuardedArray(weights)]
        if used > 1 { inputs[1] = GuardedArray(predictions[1]) }
        switch loss {
        case .cosineEmbedding: inputs[2] = GuardedArray([T](repeating: 1, count: rows))
        case .tripletMargin, .dice: inputs[2] = GuardedArray(predictions[2])
        case .multilabelMargin: inputs[2] = GuardedArray(lists)
        default: inputs[2] = GuardedArray(labels)
        }
        let perPiece = max(1, rows / 2)
        let parts = pieces(rows, per: perPiece)
        var outputs = [8: GuardedArray([Double](repeating: 9, count: parts))]
        for index in 0..<used { outputs[5 + index] = GuardedArray([T](repeating: 9, count: rows * columns)) }
        if loss == .multilabelMargin { outputs[4] = GuardedArray([T](repeating: 9, count: rows * columns)) }
        everyWay(
            .rowLoss, isDouble: T.isDouble, pieces: parts, inputs: inputs, outputs: outputs,
            { call in
                for (slot, value) in [rows, columns, perPiece, loss.rawValue, 2, 1].enumerated() { call.integers[slot] = value }
                call.scalars[0] = 4
                let own: [RowLoss: [Double]] = [
                    .softmaxFocal: [2], .multiMargin: [0.5], .tripletMargin: [3, 2, 0.01], .dice: [0.5], .cosineEmbedding: [0.1],
                ]
                for (slot, value) in (own[loss] ?? []).enumerated() { call.scalars[1 + slot] = value }
            }
        ) { _, results in
            let sum = results[8]!.array(Double.self).reduce(0, +) / 4
            #expect(abs(sum - total) <= 40 * T.tolerance * (1 + abs(total)), "\(loss) \(rows) \(columns): \(sum) for \(total)")
            for index in 0..<used {
                let got = results[5 + index]!.array(T.self)
                for r in 0..<rows {
                    for column in [0, columns / 2, columns - 1, Int(labels[r])] {
                        let place = r * columns + column
                        let wanted = gradients[index][place]
                        let off = abs(Double(got[place]) - wanted)
                        #expect(off <= 1e-5 * (1 + abs(wanted)), "\(loss) \(rows) \(columns): \(got[place]) for \(wanted)")
                    }
                }
            }
        }
    }

    @Test(arguments: [ElementLoss.gaussian, .marginRanking]) func pairs(loss: ElementLoss) {
        for (rows, columns) in [(1, 1), (5, 3), (40, 17), (20000, 1)] {
            pairs(Float.self, loss, rows, columns)
            pairs(Double.self, loss, rows, columns)
        }
    }

    private func pairs<T: TestScalar>(_: T.Type, _ loss: ElementLoss, _ rows: Int, _ columns: Int) {
        var numbers = Numbers(4)
        let count = rows * columns
        let x: [T] = numbers.array(count)
        let y: [T] = numbers.array(count, 0.3, 2)
        let t: [T] = numbers.array(count)
        let weights: [T] = numbers.array(rows, 0.5, 2)
        for weighted in [false, true] {
            var total = 0.0
            var slopes = [[Double]](repeating: [], count: 2)
            for i in 0..<count {
                let w = weighted ? Double(weights[i / columns]) : 1
                let (a, b, c) = (Double(x[i]), Double(y[i]), Double(t[i]))
                if loss == .gaussian {
                    total += w * (0.5 * (log(b) + (a - c) * (a - c) / b) + 0.25)
                    slopes[0].append(w * (a - c) / b)
                    slopes[1].append(w * 0.5 * (1 / b - (a - c) * (a - c) / (b * b)))
                } else {
                    let room = 0.125 - c * (a - b)
                    total += w * max(0, room)
                    slopes[0].append(room > 0 ? -w * c : 0)
                    slopes[1].append(room > 0 ? w * c : 0)
                }
            }
            var inputs = [0: GuardedArray(x), 1: GuardedArray(t), 7: GuardedArray(y)]
            if weighted { inputs[2] = GuardedArray(weights) }
            let perPiece = max(1, rows / 3)
            let parts = pieces(rows, per: perPiece)
            everyWay(
                .elementLoss, isDouble: T.isDouble, pieces: parts, inputs: inputs,
                outputs: [
                    4: GuardedArray([T](repeating: 9, count: count)), 8: GuardedArray([T](repeating: 9, count: count)),
                    5: GuardedArray([Double](repeating: 9, count: parts)),
                ],
                { call in
                    for (slot, value) in [rows, columns, perPiece, loss.rawValue].enumerated() { call.integers[slot] = value }
                    call.scalars[0] = 1
                    call.scalars[1] = 0.125
                    call.scalars[2] = 0.25
                }
            ) { _, results in
                let sum = results[5]!.array(Double.self).reduce(0, +)
                #expect(abs(sum - total) <= 10 * T.tolerance * (1 + Double(count)), "\(loss): \(sum) for \(total)")
                expectClose(results[4]!.array(T.self), slopes[0], factor: 4)
                expectClose(results[8]!.array(T.self), slopes[1], factor: 4)
            }
        }
    }

    /// CTC against the sum over all ways, written out.
    @Test func connectionist() {
        connectionist(Float.self)
        connectionist(Double.self)
    }

    private func connectionist<T: TestScalar>(_: T.Type) {
        let (samples, time, classes, longest) = (4, 5, 3, 3)
        let labels: [Int32] = [1, 1, 2, 2, 1, -1, 2, -1, -1, -1, -1, -1]
        let times: [Int32] = [5, 4, 3, 2]
        let counts: [Int32] = [3, 2, 1, 0]
        var numbers = Numbers(5)
        let x: [T] = numbers.array(samples * time * classes, -2, 0)
        var gradient = [Double](repeating: 0, count: x.count)
        var losses: [Double] = []
        for sample in 0..<samples {
            let wanted = labels[sample * longest..<sample * longest + Int(counts[sample])].map { Int($0) }
            let steps = Int(times[sample])
            var ways: [(probability: Double, path: [Int])] = []
            for code in 0..<Int(pow(Double(classes), Double(steps))) {
                var (rest, path) = (code, [Int]())
                for _ in 0..<steps {
                    path.append(rest % classes)
                    rest /= classes
                }
                let collapsed = path.indices.filter { path[$0] != 0 && ($0 == 0 || path[$0] != path[$0 - 1]) }.map { path[$0] }
                guard collapsed == wanted else { continue }
                let sum = path.indices.reduce(0.0) { $0 + Double(x[(sample * time + $1) * classes + path[$1]]) }
                ways.append((exp(sum), path))
            }
            let all = ways.reduce(0) { $0 + $1.probability }
            let share = 1 / Double(max(wanted.count, 1))
            losses.append(-log(all) * share)
            for way in ways {
                for (t, c) in way.path.enumerated() { gradient[(sample * time + t) * classes + c] -= way.probability / all * share / 2 }
            }
        }
        everyWay(
            .connectionistLoss, isDouble: T.isDouble, pieces: samples,
            inputs: [0: GuardedArray(x), 1: GuardedArray(labels), 2: GuardedArray(times), 3: GuardedArray(counts)],
            outputs: [
                5: GuardedArray([T](repeating: 9, count: samples * (time + 5) * (2 * longest + 5))),
                6: GuardedArray([Double](repeating: 9, count: samples)), 7: GuardedArray([T](repeating: 9, count: x.count)),
            ],
            { call in
                for (slot, value) in [time, classes, longest, 0, 0, 1].enumerated() { call.integers[slot] = value }
                call.scalars[0] = 2
            }
        ) { _, results in
            for (got, wanted) in zip(results[6]!.array(Double.self), losses) {
                #expect(abs(got - wanted) <= 4 * T.tolerance * (1 + wanted))
            }
            expectClose(results[7]!.array(T.self), gradient, factor: 4)
        }
    }
}
