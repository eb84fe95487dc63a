// Work on those rows of a table alone that the indices of the last step named: its gradient is zero elsewhere.
// `first` is what embeddingLists has left (Embedding.swift): -1 at a row that no entry names. Of zeros, as at first,
// all rows count as named.
//
// clearTouchedRows: zeros in these rows. Pieces: rowsPerTouchedPiece rows.
//   pointers  1 gradient  6 first      integers  0 rows  1 columns
// touchedRowsFinite: whether these rows are finite, also times a scale. Pieces: rowsPerTouchedPiece rows.
//   pointers  1 gradient  2 flags, one Int32 a piece: 1 if not  6 first
//   integers  0 rows  1 columns      scalars  0 the scale
// updateTouchedRows: a flat optimizer's kernel on each of these rows. Pieces: rowsPerTouchedPiece rows.
//   pointers  as the optimizer's  6 first
//   integers  0 rows  1, 2, 3 as the optimizer's  4 columns  5 the optimizer: 0 sgd  1 adagrad      scalars  as its

import KernelInterface

let clearTouchedRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        clearTouchedRows(DoubleVector.self, arguments, begin, end)
    } else {
        clearTouchedRows(FloatVector.self, arguments, begin, end)
    }
}

let touchedRowsFiniteKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        touchedRowsFinite(DoubleVector.self, arguments, begin, end)
    } else {
        touchedRowsFinite(FloatVector.self, arguments, begin, end)
    }
}

let updateTouchedRowsKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    let columns = arguments.integer(4)
    let pieces = (columns + parametersPerPiece - 1) / parametersPerPiece
    let rowBytes = columns * (arguments.isDouble ? 8 : 4)
    let kernel = arguments.integer(5) == 0 ? sgdKernel : adagradKernel
    forTouchedRows(arguments, begin, end) { row in
        var own = arguments.call.pointee
        own.integers[0] = columns
        // Parameter, gradient and the optimizer's own arrays are tables alike; the scale is one number.
        for slot in 0..<4 {
            if let place = own.pointers[slot] { own.pointers[slot] = place + row * rowBytes }
        }
        withUnsafePointer(to: &own) { kernel(UnsafeRawPointer($0), 0, pieces, scratch) }
    }
}

@inline(__always)
private func forTouchedRows(_ arguments: Arguments, _ begin: Int, _ end: Int, _ body: (_ row: Int) -> Void) {
    let first = arguments.input(6, Int64.self)
    for row in begin * rowsPerTouchedPiece..<min(end * rowsPerTouchedPiece, arguments.integer(0)) where first[row] >= 0 {
        body(row)
    }
}

private func clearTouchedRows<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let gradient = arguments.output(1, V.Scalar.self)
    let columns = arguments.integer(1)
    forTouchedRows(arguments, begin, end) { row in
        copyContiguous(RowOperand<V>(nil, step: 0, constant: 0), gradient + row * columns, columns)
    }
}

private func touchedRowsFinite<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let gradient = arguments.input(1, V.Scalar.self)
    let flags = arguments.output(2, Int32.self)
    let columns = arguments.integer(1)
    let scale = V(repeating: arguments.scalar(0))
    for piece in begin..<end {
        var isFinite = true
        forTouchedRows(arguments, piece, piece + 1) { row in
            if !allFinite(gradient + row * columns, columns, scale) { isFinite = false }
        }
        flags[piece] = isFinite ? 0 : 1
    }
}
