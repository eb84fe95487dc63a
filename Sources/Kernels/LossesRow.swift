// Losses with one number for each row: labels among scores, vectors that are compared.
//
// rowLoss. Pieces: integer 2 rows. Labels lie in 0..<columns, or are -1: the caller has checked it.
//   pointers  0 x  1 second prediction  2 target (labels Int32, or real numbers) or third prediction
//             3 sample weights or nil  4 class weights or nil; multilabelMargin: workspace [rows, columns]
//             5, 6, 7 gradients in the predictions or nil  8 partials: one Double per piece
//             9 sum of weights (Double, of weightSum) or nil  10 each row's share of the loss or nil
//   integers  0 rows  1 columns  2 rows per piece  3 RowLoss  4 rows of one sample  5 flag
//   scalars   0 divisor  1, 2, 3 numbers of the formula
// A row's loss is multiplied by its sample's weight; the formulas are in LossesRowFormulas.swift.

import KernelInterface

let rowLossKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        rowLoss(DoubleVector.self, arguments, begin, end)
    } else {
        rowLoss(FloatVector.self, arguments, begin, end)
    }
}

/// One row on its way through a formula.
struct LossRow<V: KernelMath> {
    typealias Number = V.Scalar
    let arguments: Arguments
    let columns: Int
    let row: Int
    /// What the row's gradient is multiplied by.
    let factor: Number

    @inline(__always) init(_ arguments: Arguments, row: Int, factor: Number) {
        self.arguments = arguments
        columns = arguments.integer(1)
        self.row = row
        self.factor = factor
    }

    /// The row in prediction 0, 1, 2.
    @inline(__always) func prediction(_ index: Int) -> UnsafePointer<Number> { arguments.input(index) + row * columns }
    @inline(__always) func gradient(_ index: Int) -> UnsafeMutablePointer<Number>? {
        arguments.has(5 + index) ? arguments.output(5 + index) + row * columns : nil
    }
    @inline(__always) var label: Int { Int(arguments.input(2, Int32.self)[row]) }
    @inline(__always) func classWeight(_ label: Int) -> Number {
        arguments.has(4) ? arguments.input(4, Number.self)[label] : 1
    }
    @inline(__always) var flag: Bool { arguments.integer(5) != 0 }
    @inline(__always) func number(_ index: Int) -> Number { arguments.scalar(1 + index) }

    /// Vectors of the row: the place of the first element, and how many there are.
    @inline(__always) func forEach(_ body: (_ column: Int, _ count: Int) -> Void) {
        var i = 0
        while i < columns {
            let n = min(V.lanes, columns - i)
            body(i, n)
            i += n
        }
    }

    /// The sum over the row's elements.
    @inline(__always) func sum(_ body: (_ column: Int, _ count: Int) -> V) -> Number {
        var total = V.zero
        forEach { i, n in total += V.choose(V.firstLanes(n), body(i, n), V.zero) }
        return total.laneSum
    }

    @inline(__always) func clear(_ gradient: UnsafeMutablePointer<Number>) {
        forEach { i, n in V.zero.store(gradient + i, n) }
    }

    /// The vector of the row that begins at `column` with 1 at `label`, 0 elsewhere.
    @inline(__always) static func spike(_ label: Int, _ column: Int) -> V {
        let lane = label - column
        return lane >= 0 && lane < V.lanes ? V.choose(V.lane(lane), V.one, V.zero) : V.zero
    }
}

/// Functions of single numbers, by the vectors' own.
@inline(__always) func logarithmOf<V: KernelMath>(_ x: V.Scalar, _: V.Type) -> V.Scalar { V.log(V(repeating: x))[0] }
@inline(__always) func exponentialOf<V: KernelMath>(_ x: V.Scalar, _: V.Type) -> V.Scalar { V.exp(V(repeating: x))[0] }
@inline(__always) func powerOf<V: KernelMath>(_ x: V.Scalar, _ y: V.Scalar, _: V.Type) -> V.Scalar {
    V.pow(V(repeating: x), V(repeating: y))[0]
}
@inline(__always) func squareRootOf<V: KernelMath>(_ x: V.Scalar, _: V.Type) -> V.Scalar { V(repeating: x).root[0] }

private func rowLoss<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    switch unsafeBitCast(UInt8(truncatingIfNeeded: arguments.integer(3)), to: RowLoss.self) {
    case .negativeLogLikelihood: rowLoss(NegativeLogLikelihood.self, V.self, arguments, begin, end)
    case .softmaxFocal: rowLoss(SoftmaxFocal.self, V.self, arguments, begin, end)
    case .multiMargin: rowLoss(MultiMargin.self, V.self, arguments, begin, end)
    case .multilabelMargin: rowLoss(MultilabelMargin.self, V.self, arguments, begin, end)
    case .cosineEmbedding: rowLoss(CosineEmbedding.self, V.self, arguments, begin, end)
    case .tripletMargin: rowLoss(TripletMargin.self, V.self, arguments, begin, end)
    case .dice: rowLoss(Dice.self, V.self, arguments, begin, end)
    }
}

@inline(never)
private func rowLoss<Formula: RowFormula, V: KernelMath>(
    _: Formula.Type, _: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let weights = arguments.has(3) ? arguments.input(3, V.Scalar.self) : nil
    let partials = arguments.output(8, Double.self)
    let losses = arguments.has(10) ? arguments.output(10, V.Scalar.self) : nil
    let perPiece = arguments.integer(2)
    let positions = max(arguments.integer(4), 1)
    let factor = inverseDivisor(arguments, weights: 9)
    for piece in begin..<end {
        let first = piece * perPiece
        let last = min(arguments.integer(0), first + perPiece)
        var total = 0.0
        var row = first
        while row < last {
            let weight = weights.map { Double($0[row / positions]) } ?? 1
            let value = Formula.loss(LossRow<V>(arguments, row: row, factor: V.Scalar(weight * factor)))
            total += weight * Double(value)
            if let losses { losses[row] = V.Scalar(weight * Double(value) * factor) }
            row += 1
        }
        partials[piece] = total
    }
}
