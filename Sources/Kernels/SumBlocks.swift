// The second half of a product whose blocks of k were multiplied apart (KernelDispatch/SplitProduct.swift): the blocks'
// matrices are added up in their order, then the bias, then the function. An element goes through the same additions as in
// MatrixMultiply.swift.
//
// sumBlocks. Slots as in KernelInterface/MatrixMultiplyCall.swift: the workspace holds the blocks' matrices one after the
//   other, the depth is their number, C is dense. Flags: bias, relu, forwardFunction. Pieces: pieceShape rows.

import KernelInterface

let sumBlocksKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        sumBlocks(DoubleVector.self, arguments, begin, end)
    } else {
        sumBlocks(FloatVector.self, arguments, begin, end)
    }
}

private typealias Slot = MatrixMultiplySlot
private typealias Flags = MatrixMultiplyFlags

private func sumBlocks<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let rows = arguments.integer(Slot.rows)
    let columns = arguments.integer(Slot.columns)
    let blocks = arguments.integer(Slot.depth)
    let first = begin * arguments.integer(Slot.pieceShape)
    let last = min(end * arguments.integer(Slot.pieceShape), rows)
    let parts = arguments.input(Slot.workspace, V.Scalar.self)
    let c = arguments.output(Slot.c, V.Scalar.self)
    let isRelu = flags.has(Flags.relu)
    for row in first..<last {
        var column = 0
        while column < columns {
            let count = min(V.lanes, columns - column)
            let place = row * columns + column
            var sum = V.load(parts + place, count)
            for block in 1..<blocks { sum += V.load(parts + (block * rows * columns + place), count) }
            if flags.has(Flags.bias) { sum += V.load(arguments.input(Slot.bias, V.Scalar.self) + column, count) }
            if isRelu { sum = V.atLeast(sum, V.zero) }
            sum.store(c + place, count)
            column += V.lanes
        }
    }
    guard flags.has(Flags.forwardFunction), first < last else { return }
    let begin = c + first * columns
    unaryForwardLoop(
        V.self, flags.function, arguments.scalar(Slot.functionA), arguments.scalar(Slot.functionB), UnsafePointer(begin), begin,
        (last - first) * columns)
}
