// Losses that are a mean over elements: one pass gives the loss and the gradient. Formulas:
// LossesFormulas.swift; with two predictions: LossesPair.swift.
//
// elementLoss: prediction and target [rows, columns]; with sample weights (one per row) the loss is
//   sum(w * l) / (sum(w) * columns). Pieces: integer 2 rows.
//   pointers  0 prediction  1 target  2 sample weights or nil  3 weights of columns or nil  4 gradient or nil
//             5 partials: one Double per piece  6 sum of weights (Double, of weightSum) or nil
//             7 second prediction  8 its gradient or nil  9 the formula's numbers of columns or nil
//             10 each element's share of the loss or nil  11 (one piece) nil or the result of lossFinish
//   integers  0 rows  1 columns  2 rows per piece  3 ElementLoss  4 the formula's flag
//   scalars   0 divisor: rows * columns, or columns where pointer 6 is given  1, 2 numbers of the formula
// weightSum: the sum of the weights, in one piece: sample weights, the labels' class weights, or
//   the products of both; a label below 0 counts nothing.
//   pointers  0 sample weights or nil  1 class weights or nil  2 labels (Int32) or nil  3 result (Double)
//   integers  0 rows  1 rows of one sample
// lossFinish: adds the partials in order and divides; 0 where the weights' sum is 0. One piece.
//   pointers  0 partials (Double)  1 sum of weights or nil  2 result (Double)
//   integers  0 partials' count      scalars  0 divisor, as above

import CPUFeatures
import KernelInterface

let elementLossKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let isDone =
        arguments.isDouble
        ? elementLoss(DoubleVector.self, arguments, begin, end) : elementLoss(FloatVector.self, arguments, begin, end)
    #if AVX512
    if !isDone { avx2ElementLoss(call, begin, end) }
    #endif
}

let weightSumKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        weightSum(DoubleVector.self, arguments)
    } else {
        weightSum(FloatVector.self, arguments)
    }
}

let lossFinishKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    let partials = arguments.input(0, Double.self)
    var total = 0.0
    for i in 0..<arguments.integer(0) { total += partials[i] }
    arguments.output(2, Double.self)[0] = total * inverseDivisor(arguments, weights: 1)
}

/// 1 / (divisor * sum of weights); 0 where no weight counts.
@inline(__always) func inverseDivisor(_ arguments: Arguments, weights slot: Int) -> Double {
    let divisor: Double = arguments.scalar(0)
    guard arguments.has(slot) else { return 1 / divisor }
    let sum = arguments.input(slot, Double.self)[0]
    return sum == 0 ? 0 : 1 / (divisor * sum)
}

/// False, and nothing is done, if AVX-512 leaves the loss to AVX2's code.
private func elementLoss<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) -> Bool {
    let loss = unsafeBitCast(UInt8(truncatingIfNeeded: arguments.integer(3)), to: ElementLoss.self)
    if loss == .meanSquared && !arguments.has(2) && !arguments.has(10) {
        meanSquared(V.self, arguments, begin, end)
        return true
    }
    switch loss {
    case .binaryCrossEntropyWithLogits:
        if arguments.has(3) {
            elementLoss(BinaryCrossEntropyWithLogits.self, Columns<V>.self, arguments, begin, end)
        } else {
            elementLoss(BinaryCrossEntropyWithLogits.self, NoColumns<V>.self, arguments, begin, end)
        }
    #if AVX512
    default: return false
    #else
    case .meanSquared: elementLoss(MeanSquared.self, NoColumns<V>.self, arguments, begin, end)
    case .absolute: elementLoss(Absolute.self, NoColumns<V>.self, arguments, begin, end)
    case .huber: elementLoss(Huber.self, NoColumns<V>.self, arguments, begin, end)
    case .smoothAbsolute: elementLoss(SmoothAbsolute.self, NoColumns<V>.self, arguments, begin, end)
    case .binaryCrossEntropyWithPositiveWeights:
        elementLoss(BinaryCrossEntropyWithPositiveWeights.self, Columns<V>.self, arguments, begin, end)
    case .binaryCrossEntropy: elementLoss(BinaryCrossEntropy.self, Columns<V>.self, arguments, begin, end)
    case .divergence: elementLoss(Divergence.self, NoColumns<V>.self, arguments, begin, end)
    case .divergenceOfLogarithms: elementLoss(DivergenceOfLogarithms.self, NoColumns<V>.self, arguments, begin, end)
    case .poisson: elementLoss(Poisson.self, NoColumns<V>.self, arguments, begin, end)
    case .poissonOfLogarithm: elementLoss(PoissonOfLogarithm.self, NoColumns<V>.self, arguments, begin, end)
    case .hingeEmbedding: elementLoss(HingeEmbedding.self, NoColumns<V>.self, arguments, begin, end)
    case .softMargin: elementLoss(SoftMargin.self, NoColumns<V>.self, arguments, begin, end)
    case .logCosh: elementLoss(LogCosh.self, NoColumns<V>.self, arguments, begin, end)
    case .quantile: elementLoss(Quantile.self, Columns<V>.self, arguments, begin, end)
    case .sigmoidFocal: elementLoss(SigmoidFocal.self, NoColumns<V>.self, arguments, begin, end)
    case .gaussian: pairLoss(Gaussian.self, V.self, arguments, begin, end)
    case .marginRanking: pairLoss(MarginRanking.self, V.self, arguments, begin, end)
    #endif
    }
    return true
}

/// What a piece leaves; the only one also leaves the loss.
@inline(__always)
private func finishPiece(_ arguments: Arguments, _ piece: Int, _ total: Double, _ inverse: Double) {
    arguments.output(5, Double.self)[piece] = total
    if arguments.has(11) { arguments.output(11, Double.self)[0] = total * inverse }
}

/// The most frequent case of the most frequent loss, without what others need: tiny networks notice. The bits are those of
/// `elementLoss`, whose weight is 1.
@inline(never)
private func meanSquared<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let inverse = inverseDivisor(arguments, weights: 6)
    let factor = V(repeating: V.Scalar(inverse))
    for piece in begin..<end {
        let first = piece &* arguments.integer(2)
        let start = first &* arguments.integer(1)
        let end = min(arguments.integer(0), first &+ arguments.integer(2)) &* arguments.integer(1)
        let prediction = arguments.input(0, V.Scalar.self)
        let target = arguments.input(1, V.Scalar.self)
        var even = V.zero
        var odd = V.zero
        var i = start
        while i < end {
            let n = min(V.lanes, end &- i)
            let isWhole = n == V.lanes
            let d = (isWhole ? V.load(prediction + i) : V.load(prediction + i, n)) - (isWhole ? V.load(target + i) : V.load(target + i, n))
            (even, odd) = (odd, even + d * d)
            if arguments.has(4) {
                let slope = (d + d) * factor
                let gradient = arguments.output(4, V.Scalar.self) + i
                if isWhole { slope.store(gradient) } else { slope.store(gradient, n) }
            }
            i &+= V.lanes
        }
        finishPiece(arguments, piece, Double((even + odd).laneSum), inverse)
    }
}

/// What depends on an element's column: how much its loss counts, and a number of the formula.
private protocol ColumnNumbers<V> {
    associatedtype V: KernelMath
    init(_ arguments: Arguments)
    /// Rows are alike and may be walked as one.
    var areNone: Bool { get }
    func weighted(_ weight: V, _ column: Int, _ count: Int) -> V
    func number(_ column: Int, _ count: Int) -> V
}

private struct NoColumns<V: KernelMath>: ColumnNumbers {
    @inline(__always) init(_: Arguments) {}
    @inline(__always) var areNone: Bool { true }
    @inline(__always) func weighted(_ weight: V, _: Int, _: Int) -> V { weight }
    @inline(__always) func number(_: Int, _: Int) -> V { V.zero }
}

private struct Columns<V: KernelMath>: ColumnNumbers {
    let weights: UnsafePointer<V.Scalar>?
    let numbers: UnsafePointer<V.Scalar>?
    @inline(__always) init(_ arguments: Arguments) {
        weights = arguments.has(3) ? arguments.input(3) : nil
        numbers = arguments.has(9) ? arguments.input(9) : nil
    }
    @inline(__always) var areNone: Bool { weights == nil && numbers == nil }
    @inline(__always) func weighted(_ weight: V, _ column: Int, _ count: Int) -> V {
        weights.map { weight * V.load($0 + column, count) } ?? weight
    }
    @inline(__always) func number(_ column: Int, _ count: Int) -> V { numbers.map { V.load($0 + column, count) } ?? V.zero }
}

@inline(never)
private func elementLoss<Formula: LossFormula, C: ColumnNumbers>(
    _: Formula.Type, _: C.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    typealias V = C.V
    let prediction = arguments.input(0, V.Scalar.self)
    let target = arguments.input(1, V.Scalar.self)
    let weights = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let gradient = arguments.has(4) ? arguments.output(4, V.Scalar.self) : nil
    let losses = arguments.has(10) ? arguments.output(10, V.Scalar.self) : nil
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let numbers = LossNumbers<V>(arguments)
    let byColumn = C(arguments)
    let inverse = inverseDivisor(arguments, weights: 6)
    let factor = V(repeating: V.Scalar(inverse))
    var repeated = V.one
    withUnsafeMutableBytes(of: &repeated) { room in
        let repeated = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: V.Scalar.self)
        for piece in begin..<end {
            let first = piece * perPiece
            let last = min(arguments.integer(0), first + perPiece)
            let start = first * columns
            var total = LossSum<V>()
            if byColumn.areNone && (weights == nil || columns == 1) {
                let weight = weights.map { ElementRun<V>(base: $0 + first, mask: -1) }
                    ?? ElementRun<V>(base: UnsafePointer(repeated), mask: 0)
                lossRange(
                    Formula.self, prediction + start, target + start, weight, gradient.map { $0 + start },
                    losses.map { $0 + start }, (last - first) * columns, numbers, byColumn, factor, &total)
            } else {
                for row in first..<last {
                    let start = row * columns
                    if let weights { V(repeating: weights[row]).store(repeated) }
                    lossRange(
                        Formula.self, prediction + start, target + start,
                        ElementRun<V>(base: UnsafePointer(repeated), mask: 0), gradient.map { $0 + start },
                        losses.map { $0 + start }, columns, numbers, byColumn, factor, &total)
                }
            }
            finishPiece(arguments, piece, Double(total.value), inverse)
        }
    }
}

extension LossNumbers {
    @inline(__always) init(_ arguments: Arguments) {
        a = V(repeating: arguments.scalar(1))
        b = V(repeating: arguments.scalar(2))
        flag = arguments.integer(4) != 0
    }
}

/// Two accumulators, in turns: the losses' own work hides more latency than that.
private struct LossSum<V: KernelMath> {
    var even = V(repeating: 0)
    var odd = V(repeating: 0)
    @inline(__always) var value: V.Scalar { (even + odd).laneSum }
}

@inline(never) private func lossRange<Formula: LossFormula, C: ColumnNumbers>(
    _: Formula.Type, _ prediction: UnsafePointer<C.V.Scalar>, _ target: UnsafePointer<C.V.Scalar>,
    _ weight: ElementRun<C.V>, _ gradient: UnsafeMutablePointer<C.V.Scalar>?,
    _ losses: UnsafeMutablePointer<C.V.Scalar>?, _ count: Int,
    _ numbers: LossNumbers<C.V>, _ columns: C, _ factor: C.V, _ total: inout LossSum<C.V>
) {
    typealias V = C.V
    var i = 0
    // The last, partial vector takes the same path as the others, so that each formula's code exists once.
    while i < count {
        let rest = count &- i
        let n = rest < V.lanes ? rest : V.lanes
        let p = rest >= V.lanes ? V.load(prediction + i) : V.load(prediction + i, n)
        let t = rest >= V.lanes ? V.load(target + i) : V.load(target + i, n)
        let found = Formula.both(p, t, numbers, columns.number(i, n))
        let w = columns.weighted(rest >= V.lanes ? weight.load(i) : weight.load(i, n), i, n)
        // Behind the end the loss of zero and zero need not be zero.
        let value = rest >= V.lanes ? found.value : V.choose(V.firstLanes(n), found.value, V(repeating: 0))
        let sum = V.fma(value, w, total.even)
        total.even = total.odd
        total.odd = sum
        if let losses = apart(losses) { (found.value * (w * factor)).store(losses + i, n) }
        if let gradient {
            let slope = found.slope * (w * factor)
            if rest >= V.lanes { slope.store(gradient + i) } else { slope.store(gradient + i, n) }
        }
        i &+= V.lanes
    }
}

/// The same pointer, about which the compiler knows nothing: or else it makes one loop with and one without it.
@inline(__always) func apart<T>(_ losses: UnsafeMutablePointer<T>?) -> UnsafeMutablePointer<T>? {
    UnsafeMutableRawPointer(mutating: cr_separate(losses))?.assumingMemoryBound(to: T.self)
}

private func weightSum<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let samples = arguments.has(0) ? arguments.input(0, V.Scalar.self) : nil
    let rows = arguments.integer(0)
    let positions = max(arguments.integer(1), 1)
    var total = 0.0
    if arguments.has(1) {
        let classes = arguments.input(1, V.Scalar.self)
        let labels = arguments.input(2, Int32.self)
        for row in 0..<rows where labels[row] >= 0 {
            let weight = Double(classes[Int(labels[row])])
            total += samples.map { Double($0[row / positions]) * weight } ?? weight
        }
    } else if arguments.has(2) {
        let labels = arguments.input(2, Int32.self)
        if let samples {
            for row in 0..<rows where labels[row] >= 0 { total += Double(samples[row / positions]) }
        } else {
            var ignored: Int32 = 0
            for row in 0..<rows { ignored &+= labels[row] &>> 31 }
            total = Double(rows) + Double(ignored)
        }
    } else if let samples {
        var row = 0
        while row < rows {
            let count = min(elementsPerPiece, rows - row)
            total += Double(sumElements(samples + row, count, V.self))
            row += count
        }
    } else {
        total = Double(rows)
    }
    arguments.output(3, Double.self)[0] = total
}
