// Cross entropy over logits [rows, columns]: softmax, loss and gradient in one pass over each row.
//
// With the row's goal a over the classes c (below) and p = softmax(x):
//   loss = sum a_c (-log p_c)        gradient_c = p_c sum(a) - a_c
// labels:        a = (1 - smoothing) w_label at the label, and smoothing / columns * w_c everywhere
// probabilities: a_c = ((1 - smoothing) t_c + smoothing / columns) w_c
// with class weights w (1 where none), all times the sample's weight. The mean divides by the sum
// of sample weights, for labels times their class weights (PyTorch's rules).
//
// A label below 0 counts nothing.
//
// crossEntropy. Pieces: integer 2 rows. Labels lie under columns: the caller has checked it.
//   pointers  0 logits  1 labels (Int32) or probabilities  2 sample weights or nil
//             3 class weights or nil  4 gradient or nil  5 partials: one Double per piece
//             6 sum of weights (Double, of weightSum) or nil  7 each row's share of the loss or nil
//   integers  0 rows  1 columns  2 rows per piece  3 whether targets are probabilities
//             4 rows of one sample
//   scalars   0 divisor: rows, or 1 where pointer 6 is given  1 label smoothing
// weightSum and lossFinish stand in LossesElement.swift.

import KernelInterface

let crossEntropyKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        crossEntropy(DoubleVector.self, arguments, begin, end)
    } else {
        crossEntropy(FloatVector.self, arguments, begin, end)
    }
}

private func crossEntropy<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    if arguments.integer(3) != 0 {
        crossEntropy(Probabilities<V>(arguments), arguments, begin, end)
    } else if arguments.call.pointee.scalars[1] != 0 {
        crossEntropy(SmoothedLabels<V>(arguments), arguments, begin, end)
    } else {
        crossEntropy(Labels<V>(arguments), arguments, begin, end)
    }
}

/// Where a row's goal comes from: a dense part over the classes and a spike at the label.
private protocol Goal<V> {
    associatedtype V: KernelMath
    var isDense: Bool { get }
    /// `count` classes from `column` of the dense part, zero behind them.
    func dense(_ row: Int, _ column: Int, _ count: Int) -> V
    /// The spike's class (-1: none) and height.
    func spike(_ row: Int) -> (column: Int, height: V.Scalar)
}

private struct Labels<V: KernelMath>: Goal {
    let labels: UnsafePointer<Int32>
    let weights: UnsafePointer<V.Scalar>?

    @inline(__always) init(_ arguments: Arguments) {
        labels = arguments.input(1)
        weights = arguments.has(3) ? arguments.input(3) : nil
    }

    @inline(__always) var isDense: Bool { false }
    @inline(__always) func dense(_: Int, _: Int, _: Int) -> V { V(repeating: 0) }
    @inline(__always) func spike(_ row: Int) -> (column: Int, height: V.Scalar) {
        let label = Int(labels[row])
        if label < 0 { return (-1, 0) }
        if let weights { return (label, weights[label]) }
        return (label, 1)
    }
}

private struct SmoothedLabels<V: KernelMath>: Goal {
    let labels: Labels<V>
    let share: V
    let rest: V.Scalar

    @inline(__always) init(_ arguments: Arguments) {
        labels = Labels(arguments)
        let smoothing: Double = arguments.scalar(1)
        share = V(repeating: V.Scalar(smoothing / Double(arguments.integer(1))))
        rest = V.Scalar(1 - smoothing)
    }

    @inline(__always) var isDense: Bool { true }
    @inline(__always) func dense(_ row: Int, _ column: Int, _ count: Int) -> V {
        if labels.labels[row] < 0 { return V(repeating: 0) }
        if let weights = labels.weights { return V.load(weights + column, count) * share }
        return count == V.lanes ? share : V.choose(V.firstLanes(count), share, V(repeating: 0))
    }
    @inline(__always) func spike(_ row: Int) -> (column: Int, height: V.Scalar) {
        let (column, height) = labels.spike(row)
        return (column, rest * height)
    }
}

private struct Probabilities<V: KernelMath>: Goal {
    let targets: UnsafePointer<V.Scalar>
    let weights: UnsafePointer<V.Scalar>?
    let columns: Int
    let share: V
    let rest: V

    @inline(__always) init(_ arguments: Arguments) {
        targets = arguments.input(1)
        weights = arguments.has(3) ? arguments.input(3) : nil
        columns = arguments.integer(1)
        let smoothing: Double = arguments.scalar(1)
        share = V(repeating: V.Scalar(smoothing / Double(columns)))
        rest = V(repeating: V.Scalar(1 - smoothing))
    }

    @inline(__always) var isDense: Bool { true }
    @inline(__always) func dense(_ row: Int, _ column: Int, _ count: Int) -> V {
        var goal = V.fma(V.load(targets + row * columns + column, count), rest, share)
        if let weights { goal *= V.load(weights + column, count) }
        return count == V.lanes ? goal : V.choose(V.firstLanes(count), goal, V(repeating: 0))
    }
    @inline(__always) func spike(_: Int) -> (column: Int, height: V.Scalar) { (-1, 0) }
}

@inline(never)
private func crossEntropy<G: Goal>(_ goal: G, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    typealias V = G.V
    let logits = arguments.input(0, V.Scalar.self)
    let weights = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let gradient = arguments.has(4) ? arguments.output(4, V.Scalar.self) : nil
    let losses = arguments.has(7) ? arguments.output(7, V.Scalar.self) : nil
    let partials = arguments.output(5, Double.self)
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let positions = max(arguments.integer(4), 1)
    let factor = V.Scalar(inverseDivisor(arguments, weights: 6))
    for piece in begin..<end {
        let first = piece * perPiece
        let last = min(arguments.integer(0), first + perPiece)
        var total = V(repeating: 0)
        var row = first
        while row < last {
            // A vector's worth of rows shares one logarithm.
            let count = min(V.lanes, last - row)
            var sums = V(repeating: 1)
            var heights = V(repeating: 0)
            var products = V(repeating: 0)
            for lane in 0..<count {
                let start = (row + lane) * columns
                let weight = weights.map { $0[positions == 1 ? row + lane : (row + lane) / positions] } ?? 1
                let result =
                    columns <= V.lanes
                    ? narrowRow(
                        goal, row + lane, logits + start, gradient.map { $0 + start }, columns, weight * factor)
                    : wideRow(goal, row + lane, logits + start, gradient.map { $0 + start }, columns, weight * factor)
                // Not through memory: a vector read right after its elements are written waits.
                let here = V.lane(lane)
                sums = V.choose(here, V(repeating: result.sum), sums)
                heights = V.choose(here, V(repeating: weight * result.height), heights)
                products = V.choose(here, V(repeating: weight * result.product), products)
            }
            let found = heights * V.log(sums) - products
            total += found
            if let losses { (found * V(repeating: factor)).store(losses + row, count) }
            row += count
        }
        partials[piece] = Double(total.laneSum)
    }
}

/// sum: of exp(x - max); height: sum(a); product: sum(a (x - max)). The row's loss is
/// height * log(sum) - product.
private typealias RowResult<T> = (sum: T, height: T, product: T)

@_transparent
private func narrowRow<G: Goal>(
    _ goal: G, _ row: Int, _ x: UnsafePointer<G.V.Scalar>, _ gradient: UnsafeMutablePointer<G.V.Scalar>?,
    _ columns: Int, _ factor: G.V.Scalar
) -> RowResult<G.V.Scalar> {
    typealias V = G.V
    let zero = V(repeating: 0)
    let inside = V.firstLanes(columns)
    let v = V.load(x, columns)
    let maximum = V.choose(inside, v, V(repeating: -V.Scalar.infinity)).laneMaximum
    // Zeros behind the end: the exponential of -inf would be slow (a subnormal on the way).
    let shifted = V.choose(inside, v - V(repeating: maximum), zero)
    let e = V.choose(inside, V.expOfNegative(shifted), zero)
    let sum = e.laneSum
    let (column, spike) = goal.spike(row)
    var height = spike
    var product = column >= 0 ? spike * (x[column] - maximum) : 0
    let dense = goal.dense(row, 0, columns)
    if goal.isDense {
        height += dense.laneSum
        product += (dense * shifted).laneSum
    }
    if let gradient {
        var g = e * V(repeating: factor * height / sum)
        if goal.isDense { g -= dense * V(repeating: factor) }
        if column >= 0 { g -= V.choose(V.lane(column), V(repeating: factor * spike), zero) }
        g.store(gradient, columns)
    }
    return (sum, height, product)
}

@inline(never)
private func wideRow<G: Goal>(
    _ goal: G, _ row: Int, _ x: UnsafePointer<G.V.Scalar>, _ gradient: UnsafeMutablePointer<G.V.Scalar>?,
    _ columns: Int, _ factor: G.V.Scalar
) -> RowResult<G.V.Scalar> {
    typealias V = G.V
    let zero = V(repeating: 0)
    let maximum = largestElement(x, columns, V.self)
    let (column, spike) = goal.spike(row)
    var height = spike
    var product = column >= 0 ? spike * (x[column] - maximum) : 0
    var sums = zero
    var heights = zero
    var products = zero
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        let shifted = (n == V.lanes ? V.load(x + i) : V.load(x + i, n)) - V(repeating: maximum)
        let e = V.expOfNegative(shifted)
        sums += n == V.lanes ? e : V.choose(V.firstLanes(n), e, zero)
        if goal.isDense {
            let dense = goal.dense(row, i, n)
            heights += dense
            // Behind the end, `dense` is zero and `shifted` finite or NaN with the whole row.
            products = V.fma(dense, shifted, products)
        }
        if let gradient {
            if n == V.lanes { e.store(gradient + i) } else { e.store(gradient + i, n) }
        }
        i += n
    }
    let sum = sums.laneSum
    if goal.isDense {
        height += heights.laneSum
        product += products.laneSum
    }
    if let gradient {
        let share = V(repeating: factor * height / sum)
        i = 0
        while i < columns {
            let n = min(V.lanes, columns - i)
            var g = V.load(gradient + i, n) * share
            if goal.isDense { g -= goal.dense(row, i, n) * V(repeating: factor) }
            g.store(gradient + i, n)
            i += n
        }
        if column >= 0 { gradient[column] -= factor * spike }
    }
    return (sum, height, product)
}
