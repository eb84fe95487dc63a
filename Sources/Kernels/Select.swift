// z = x where a condition is not 0, y elsewhere, with broadcasting. Elements that aren't chosen have no
// influence, be they NaN.
//
// select. Pieces: elementsPerPiece of z, or integer 0 rows of the space where there is one.
//   pointers  0 condition  1 x (nil: scalar 0)  2 y (nil: scalar 0)  3 z (contiguous)
//             4 StridedSpace (operands condition, x, y), or nil: steps of 1 or 0
//   integers  0 count, or rows per piece  1 step of the condition  2 step of x  3 step of y
//   scalars   0 the constant operand, where a pointer is nil

import KernelInterface

let selectKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        select(DoubleVector.self, arguments, begin, end)
    } else {
        select(FloatVector.self, arguments, begin, end)
    }
}

@inline(__always) private func selectRow<V: KernelMath>(
    _ condition: RowOperand<V>, _ x: RowOperand<V>, _ y: RowOperand<V>, _ z: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    var i = 0
    while i + V.lanes <= count {
        V.choose(condition.load(i) .!= V.zero, x.load(i), y.load(i)).store(z + i)
        i += V.lanes
    }
    if i < count {
        let n = count - i
        V.choose(condition.load(i, n) .!= V.zero, x.load(i, n), y.load(i, n)).store(z + i, n)
    }
}

private func select<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let z = arguments.output(3, V.Scalar.self)
    guard arguments.has(4) else {
        let range = flatRange(begin, end, arguments.integer(0))
        let low = range.lowerBound
        return selectRow(
            arguments.operand(0, step: arguments.integer(1), offset: low, V.self),
            arguments.operand(1, step: arguments.integer(2), offset: low, V.self),
            arguments.operand(2, step: arguments.integer(3), offset: low, V.self), z + low, range.count)
    }
    let condition = arguments.input(0, V.Scalar.self)
    let x = arguments.has(1) ? arguments.input(1, V.Scalar.self) : nil
    let y = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let constant: V.Scalar = arguments.scalar(0)
    let space = arguments.input(4, StridedSpace.self)
    let rowsPerPiece = arguments.integer(0)
    let columns = space.pointee.columns
    let steps = space.pointee.columnStrides
    var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
    while runs.next() {
        for number in 0..<runs.count {
            selectRow(
                RowOperand<V>(condition + runs.offset0 + number * runs.step(0), step: steps[0], constant: 0),
                RowOperand<V>(x.map { $0 + runs.offset1 + number * runs.step(1) }, step: steps[1], constant: constant),
                RowOperand<V>(y.map { $0 + runs.offset2 + number * runs.step(2) }, step: steps[2], constant: constant),
                z + (runs.first + number) * columns, columns)
        }
    }
}
