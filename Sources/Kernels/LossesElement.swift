// Losses that are a mean over elements: one pass gives the loss and the gradient.
//
// elementLoss: prediction and target [rows, columns]; with sample weights (one per row) the loss is
//   sum(w * l) / (sum(w) * columns). Pieces: integer 2 rows.
//   pointers  0 prediction  1 target  2 sample weights or nil  4 gradient or nil
//             5 partials: one Double per piece  6 sum of weights (Double, of weightSum) or nil
//   integers  0 rows  1 columns  2 rows per piece  3 ElementLoss
//   scalars   0 divisor: rows * columns, or columns where pointer 6 is given  1 delta (huber)
// weightSum: the sum of the weights, in one piece: sample weights, the labels' class weights, or
//   the products of both.
//   pointers  0 sample weights or nil  1 class weights or nil  2 labels (Int32), with class weights
//             3 result (Double)
//   integers  0 rows
// lossFinish: adds the partials in order and divides; 0 where the weights' sum is 0. One piece.
//   pointers  0 partials (Double)  1 sum of weights or nil  2 result (Double)
//   integers  0 partials' count      scalars  0 divisor, as above

import KernelInterface

let elementLossKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        elementLoss(DoubleVector.self, arguments, begin, end)
    } else {
        elementLoss(FloatVector.self, arguments, begin, end)
    }
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

private protocol LossFunction {
    /// The loss of a prediction x with target t, and its derivative in x.
    static func both<V: KernelMath>(_ x: V, _ t: V, _ delta: V) -> (value: V, slope: V)
}

private enum MeanSquared: LossFunction {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: V) -> (value: V, slope: V) {
        let d = x - t
        return (d * d, d + d)
    }
}

private enum Absolute: LossFunction {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: V) -> (value: V, slope: V) {
        let d = x - t
        let zero = V(repeating: 0)
        let one = V(repeating: 1)
        return (V.magnitude(d), V.choose(d .> zero, one, V.choose(d .< zero, zero - one, zero)))
    }
}

private enum Huber: LossFunction {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ delta: V) -> (value: V, slope: V) {
        let d = x - t
        let size = V.magnitude(d)
        let half = V(repeating: 0.5)
        let value = V.choose(size .< delta, half * d * d, delta * (size - half * delta))
        return (value, V.atMost(V.atLeast(d, V.zero - delta), delta))
    }
}

private enum BinaryCrossEntropy: LossFunction {
    /// max(x, 0) - x t + log(1 + exp(-|x|)); slope sigmoid(x) - t. No overflow for any x.
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: V) -> (value: V, slope: V) {
        let zero = V(repeating: 0)
        let one = V(repeating: 1)
        let negative = x .< zero
        let e = V.expOfNegative(V.choose(negative, x, zero - x))
        let sigmoid = V.choose(negative, e, one) / (one + e)
        let value = V.choose(negative, zero, x) - x * t + V.log1p(e)
        return (value, sigmoid - t)
    }
}

private func elementLoss<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    switch unsafeBitCast(UInt8(truncatingIfNeeded: arguments.integer(3)), to: ElementLoss.self) {
    case .meanSquared: elementLoss(MeanSquared.self, V.self, arguments, begin, end)
    case .absolute: elementLoss(Absolute.self, V.self, arguments, begin, end)
    case .huber: elementLoss(Huber.self, V.self, arguments, begin, end)
    case .binaryCrossEntropyWithLogits: elementLoss(BinaryCrossEntropy.self, V.self, arguments, begin, end)
    }
}

@inline(never)
private func elementLoss<Loss: LossFunction, V: KernelMath>(
    _: Loss.Type, _: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let prediction = arguments.input(0, V.Scalar.self)
    let target = arguments.input(1, V.Scalar.self)
    let weights = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let gradient = arguments.has(4) ? arguments.output(4, V.Scalar.self) : nil
    let partials = arguments.output(5, Double.self)
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let delta = V(repeating: arguments.scalar(1))
    let factor = V(repeating: V.Scalar(inverseDivisor(arguments, weights: 6)))
    for piece in begin..<end {
        let first = piece * perPiece
        let last = min(arguments.integer(0), first + perPiece)
        let start = first * columns
        var total = LossSum<V>()
        if weights == nil || columns == 1 {
            let weight = RowOperand<V>(weights.map { $0 + first }, step: 1, constant: 1)
            lossRange(
                Loss.self, prediction + start, target + start, weight, gradient.map { $0 + start },
                (last - first) * columns, delta, factor, &total)
        } else {
            for row in first..<last {
                let start = row * columns
                let weight = RowOperand<V>(weights.unsafelyUnwrapped + row, step: 0, constant: 1)
                lossRange(
                    Loss.self, prediction + start, target + start, weight, gradient.map { $0 + start }, columns,
                    delta, factor, &total)
            }
        }
        partials[piece] = Double(total.value)
    }
}

/// Two accumulators: the losses' own work hides more latency than that.
private struct LossSum<V: KernelMath> {
    var even = V(repeating: 0)
    var odd = V(repeating: 0)
    @inline(__always) var value: V.Scalar { (even + odd).laneSum }
}

@inline(__always) private func lossRange<Loss: LossFunction, V: KernelMath>(
    _: Loss.Type, _ prediction: UnsafePointer<V.Scalar>, _ target: UnsafePointer<V.Scalar>,
    _ weight: RowOperand<V>, _ gradient: UnsafeMutablePointer<V.Scalar>?, _ count: Int,
    _ delta: V, _ factor: V, _ total: inout LossSum<V>
) {
    var i = 0
    while i + 2 * V.lanes <= count {
        let j = i + V.lanes
        let a = Loss.both(V.load(prediction + i), V.load(target + i), delta)
        let b = Loss.both(V.load(prediction + j), V.load(target + j), delta)
        let wa = weight.load(i)
        let wb = weight.load(j)
        total.even = V.fma(a.value, wa, total.even)
        total.odd = V.fma(b.value, wb, total.odd)
        if let gradient {
            (a.slope * (wa * factor)).store(gradient + i)
            (b.slope * (wb * factor)).store(gradient + j)
        }
        i += 2 * V.lanes
    }
    while i < count {
        let n = min(V.lanes, count - i)
        let a = Loss.both(V.load(prediction + i, n), V.load(target + i, n), delta)
        let w = weight.load(i, n)
        // Behind the end the loss of zero and zero need not be zero.
        let value = V.choose(V.firstLanes(n), a.value, V(repeating: 0))
        total.even = V.fma(value, w, total.even)
        if let gradient { (a.slope * (w * factor)).store(gradient + i, n) }
        i += n
    }
}

private func weightSum<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let samples = arguments.has(0) ? arguments.input(0, V.Scalar.self) : nil
    let rows = arguments.integer(0)
    var total = 0.0
    if arguments.has(1) {
        let classes = arguments.input(1, V.Scalar.self)
        let labels = arguments.input(2, Int32.self)
        for row in 0..<rows {
            let weight = Double(classes[Int(labels[row])])
            total += samples.map { Double($0[row]) * weight } ?? weight
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
