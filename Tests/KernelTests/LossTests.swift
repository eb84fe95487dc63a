import Glibc
import KernelDispatch
import KernelInterface
import Testing

@Suite struct LossTests {
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    static func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
    static let (first, second) = (0.75, 1.5)

    /// PyTorch's formulas; `first` and `second` are their numbers, c that of the column.
    static func reference(_ loss: ElementLoss, _ x: Double, _ t: Double, _ c: Double) -> (Double, Double) {
        let d = x - t
        let a = first
        switch loss {
        case .meanSquared: return (d * d, 2 * d)
        case .absolute: return (abs(d), d > 0 ? 1 : d < 0 ? -1 : 0)
        case .huber:
            return abs(d) <= a ? (0.5 * d * d, d) : (a * (abs(d) - 0.5 * a), d > 0 ? a : -a)
        case .smoothAbsolute:
            return abs(d) <= a ? (0.5 * d * d / a, d / a) : (abs(d) - 0.5 * a, d > 0 ? 1 : -1)
        case .binaryCrossEntropyWithLogits: return (softplus(x) - x * t, sigmoid(x) - t)
        case .binaryCrossEntropyWithPositiveWeights:
            let height = (c - 1) * t + 1
            return ((1 - t) * x + height * softplus(-x), (1 - t) - height * sigmoid(-x))
        case .binaryCrossEntropy: return (-t * log(x) - (1 - t) * log1p(-x), (x - t) / ((1 - x) * x))
        case .divergence: return (t * log(t) - t * x, -t)
        case .divergenceOfLogarithms: return (exp(t) * (t - x), -exp(t))
        case .poisson: return (x - t * log(x + a), 1 - t / (x + a))
        case .poissonOfLogarithm: return (exp(x) - t * x, exp(x) - t)
        case .hingeEmbedding: return (max(0, a - x) + x, x <= a ? 0 : 1)
        case .softMargin: return (softplus(-t * x), -t * sigmoid(-t * x))
        case .logCosh: return (log(cosh(d)), tanh(d))
        case .quantile: return d < 0 ? (-c * d, -c) : d > 0 ? ((1 - c) * d, 1 - c) : (0, 0)
        case .sigmoidFocal:
            let p = sigmoid(x)
            let miss = p + t - 2 * p * t
            let entropy = softplus(x) - x * t
            let height = a * t + (1 - a) * (1 - t)
            let slope = (p - t) * pow(miss, second) + entropy * second * pow(miss, second - 1) * (1 - 2 * t) * p * (1 - p)
            return (height * pow(miss, second) * entropy, height * slope)
        case .gaussian, .marginRanking: return (0, 0)
        }
    }

    static let single = ElementLoss.allCases.filter { $0 != .gaussian && $0 != .marginRanking }

    @Test(arguments: single) func elements(loss: ElementLoss) {
        for (rows, columns) in [(1, 1), (20000, 1), (33, 1), (5, 3), (100, 17), (3, 10000), (64, 10), (7, 64)] {
            elements(Float.self, loss, rows, columns)
            elements(Double.self, loss, rows, columns)
        }
    }

    private func elements<T: TestScalar>(_: T.Type, _ loss: ElementLoss, _ rows: Int, _ columns: Int) {
        var numbers = Numbers(7)
        let count = rows * columns
        let isPositive = loss == .binaryCrossEntropy || loss == .poisson
        var x: [T] = isPositive ? numbers.array(count, 0.1, 0.9) : numbers.array(count, -4, 4)
        let t: [T] = numbers.array(count, isPositive ? 0.1 : 0, isPositive ? 0.9 : 1)
        x[0] = t[0]
        let weights: [T] = numbers.array(rows, 0, 2)
        let hasNumbers = loss == .quantile || loss == .binaryCrossEntropyWithPositiveWeights
        let hasWeights = loss == .binaryCrossEntropyWithLogits || loss == .binaryCrossEntropy
        let own: [T] = numbers.array(columns, 0, 1)
        for weighted in [false, true] {
            let sum = weighted ? weights.reduce(0.0) { $0 + Double($1) } : Double(rows)
            var total = 0.0
            var slopes = [Double](repeating: 0, count: count)
            for i in 0..<count {
                let (value, slope) = Self.reference(loss, Double(x[i]), Double(t[i]), Double(own[i % columns]))
                let w = (weighted ? Double(weights[i / columns]) * (hasWeights ? Double(own[i % columns]) : 1) : 1)
                    / (sum * Double(columns))
                total += w * value
                slopes[i] = w * slope
            }
            var inputs = [0: GuardedArray(x), 1: GuardedArray(t)]
            if weighted {
                inputs[2] = GuardedArray(weights)
                inputs[6] = GuardedArray([sum])
                if hasWeights { inputs[3] = GuardedArray(own) }
            }
            if hasNumbers { inputs[9] = GuardedArray(own) }
            let perPiece = StridedSpace.rowsPerPiece(columns: columns)
            let parts = pieces(rows, per: perPiece)
            let setup: (inout KernelCall) -> Void = { call in
                call.integers[0] = rows
                call.integers[1] = columns
                call.integers[2] = perPiece
                call.integers[3] = loss.rawValue
                call.scalars[0] = Double(weighted ? columns : count)
                call.scalars[1] = Self.first
                call.scalars[2] = Self.second
            }
            for hasGradient in [true, false] {
                var outputs = [5: GuardedArray([Double](repeating: 9, count: parts))]
                if hasGradient { outputs[4] = GuardedArray([T](repeating: 9, count: count)) }
                everyWay(
                    .elementLoss, isDouble: T.isDouble, pieces: parts, inputs: inputs, outputs: outputs, setup
                ) { set, results in
                    // Slopes are as small as the divisor is large.
                    let scale = Double(count)
                    if hasGradient {
                        expectClose(
                            results[4]!.array(T.self).map { T(Double($0) * scale) }, slopes.map { $0 * scale },
                            factor: 4,
                            "\(loss) \(rows) \(columns) \(weighted)")
                    }
                    finishes(results[5]!, inputs[6], Double(weighted ? columns : count), parts, total, T.tolerance * 10)
                }
            }
        }
    }

    private func finishes(
        _ partials: GuardedArray, _ sum: GuardedArray?, _ divisor: Double, _ parts: Int, _ expected: Double,
        _ tolerance: Double
    ) {
        var inputs = [0: partials]
        inputs[1] = sum
        everyWay(
            .lossFinish, isDouble: false, pieces: 1, inputs: inputs, outputs: [2: GuardedArray([9.0])],
            { call in
                call.integers[0] = parts
                call.scalars[0] = divisor
            }
        ) { _, results in
            let value = results[2]!.array(Double.self)[0]
            #expect(abs(value - expected) <= tolerance * (1 + abs(expected)), "\(value) for \(expected)")
        }
    }

    enum Targets: CaseIterable { case labels, smoothedLabels, probabilities, smoothedProbabilities }

    @Test(arguments: Targets.allCases) func crossEntropy(targets: Targets) {
        for (rows, columns) in [(1, 1), (3, 3), (256, 10), (20, 16), (17, 17), (900, 8), (40, 100), (2, 9000)] {
            for weights in 0..<4 {
                crossEntropy(Float.self, targets, rows, columns, sample: weights & 1 != 0, classes: weights & 2 != 0)
                crossEntropy(Double.self, targets, rows, columns, sample: weights & 1 != 0, classes: weights & 2 != 0)
            }
        }
    }

    private func crossEntropy<T: TestScalar>(
        _: T.Type, _ targets: Targets, _ rows: Int, _ columns: Int, sample: Bool, classes: Bool
    ) {
        var numbers = Numbers(11)
        let count = rows * columns
        let x: [T] = numbers.array(count, -6, 6)
        let labels = numbers.labels(rows, below: columns)
        var probabilities: [T] = numbers.array(count, 0, 1)
        for row in 0..<rows {
            let sum = probabilities[row * columns..<(row + 1) * columns].reduce(0, +)
            for i in row * columns..<(row + 1) * columns { probabilities[i] /= sum }
        }
        let sampleWeights: [T] = numbers.array(rows, 0, 2)
        let classWeights: [T] = numbers.array(columns, 0.5, 2)
        let dense = targets == .probabilities || targets == .smoothedProbabilities
        let smoothing = targets == .labels || targets == .probabilities ? 0 : 0.1
        // PyTorch's formulas, in Double.
        var total = 0.0
        var divisor = 0.0
        var slopes = [Double](repeating: 0, count: count)
        for row in 0..<rows {
            let s = sample ? Double(sampleWeights[row]) : 1
            let logits = (0..<columns).map { Double(x[row * columns + $0]) }
            let largest = logits.max()!
            let logTotal = largest + log(logits.reduce(0.0) { $0 + exp($1 - largest) })
            var goal = [Double](repeating: smoothing / Double(columns), count: columns)
            for c in 0..<columns {
                let own: Double = dense ? Double(probabilities[row * columns + c]) : c == Int(labels[row]) ? 1 : 0
                goal[c] += (1 - smoothing) * own
                if classes { goal[c] *= Double(classWeights[c]) }
            }
            let height = goal.reduce(0, +)
            for c in 0..<columns {
                total += s * goal[c] * (logTotal - logits[c])
                slopes[row * columns + c] = s * (exp(logits[c] - logTotal) * height - goal[c])
            }
            divisor += s * (classes && !dense ? Double(classWeights[Int(labels[row])]) : 1)
        }
        let weighted = sample || (classes && !dense)
        var inputs = [0: GuardedArray(x), 1: dense ? GuardedArray(probabilities) : GuardedArray(labels)]
        if sample { inputs[2] = GuardedArray(sampleWeights) }
        if classes { inputs[3] = GuardedArray(classWeights) }
        if weighted {
            var parts: [Int: GuardedArray] = [2: GuardedArray(labels)]
            if sample { parts[0] = inputs[2] }
            if classes && !dense { parts[1] = inputs[3] }
            everyWay(
                .weightSum, isDouble: T.isDouble, pieces: 1, inputs: parts, outputs: [3: GuardedArray([9.0])],
                { $0.integers[0] = rows }
            ) { _, results in
                let value = results[3]!.array(Double.self)[0]
                #expect(abs(value - divisor) <= 10 * T.tolerance * divisor)
            }
            inputs[6] = GuardedArray([divisor])
        }
        let perPiece = StridedSpace.rowsPerPiece(columns: columns)
        let parts = pieces(rows, per: perPiece)
        let constant = weighted ? 1 : Double(rows)
        for hasGradient in [true, false] {
            var outputs = [5: GuardedArray([Double](repeating: 9, count: parts))]
            if hasGradient { outputs[4] = GuardedArray([T](repeating: 9, count: count)) }
            everyWay(
                .crossEntropy, isDouble: T.isDouble, pieces: parts, inputs: inputs, outputs: outputs,
                { call in
                    for (slot, value) in [rows, columns, perPiece, dense ? 1 : 0].enumerated() {
                        call.integers[slot] = value
                    }
                    call.scalars[0] = constant
                    call.scalars[1] = smoothing
                }
            ) { set, results in
                if hasGradient {
                    expectClose(
                        results[4]!.array(T.self).map { T(Double($0) * divisor) }, slopes, factor: 10,
                        "\(targets) \(rows) \(columns) \(sample) \(classes)")
                }
                finishes(results[5]!, inputs[6], constant, parts, total / divisor, T.tolerance * 10)
            }
        }
    }

    /// No weight counts: loss 0 and gradient 0. Logits of -inf beside the label are fine.
    @Test func edges() {
        let logits: [Float] = [-.infinity, 2, 1, 1000, -1000, 0]
        for (weights, expected) in [([Float](repeating: 0, count: 2), 0.0), ([1, 0], log(1 + exp(-1.0)))] {
            let sum = GuardedArray([Double(weights[0] + weights[1])])
            everyWay(
                .crossEntropy, isDouble: false, pieces: 1,
                inputs: [0: GuardedArray(logits), 1: GuardedArray([Int32(1), 0]), 2: GuardedArray(weights), 6: sum],
                outputs: [4: GuardedArray([Float](repeating: 9, count: 6)), 5: GuardedArray([9.0])],
                { call in
                    for (slot, value) in [2, 3, 2, 0].enumerated() { call.integers[slot] = value }
                    call.scalars[0] = 1
                }
            ) { _, results in
                let p = exp(-1.0) / (1 + exp(-1.0))
                expectClose(
                    results[4]!.array(Float.self),
                    weights[0] == 0 ? [0, 0, 0, 0, 0, 0] : [0, -p, p, 0, 0, 0])
                finishes(results[5]!, sum, 1, 1, expected, 1e-6)
            }
        }
    }
}
