// Sums: of everything, over rows, over columns, over any dimensions; a mean is a scaled sum.
//
// reduceFlat: the sum of a flat array, piece by piece. Pieces: elementsPerPiece.
//   pointers  0 x  1 partials (one element per piece)      integers  0 count
// reduceFlatFinish: adds the partials in order. One piece.
//   pointers  0 partials  1 result      integers  0 partials' count  1 whether to add to the result
//   scalars   0 factor
// reduceColumns: [rows, columns] -> [pieces, columns], rows of x lying a stride apart. Pieces:
//   integer 3 rows. With more than one piece, a second call in one piece adds the partial rows.
//   pointers  0 x  1 result
//   integers  0 rows  1 columns  2 row stride  3 rows per piece  4 whether to add to the result
//   scalars   0 factor
// reduceStrided: any dimensions; the result is contiguous over the kept ones. Pieces: integer 0
//   kept elements; the bits of the result do not depend on that number.
//   pointers  0 x  1 result  2 StridedSpace kept  3 StridedSpace reduced (operand 0 of each: x)
//   integers  0 kept elements per piece  1 whether to add to the result
//   scalars   0 factor

import KernelInterface

let reduceFlatKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        reduceFlat(DoubleVector.self, arguments, begin, end)
    } else {
        reduceFlat(FloatVector.self, arguments, begin, end)
    }
}

let reduceFlatFinishKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        reduceFlatFinish(DoubleVector.self, arguments)
    } else {
        reduceFlatFinish(FloatVector.self, arguments)
    }
}

let reduceColumnsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        reduceColumns(DoubleVector.self, arguments, begin, end)
    } else {
        reduceColumns(FloatVector.self, arguments, begin, end)
    }
}

/// The sum of `count` elements: four accumulators of vectors, joined by a fixed tree; after every
/// `elementsPerPiece` they are emptied, so that rounding grows slowly.
@inline(__always) func sumElements<V: KernelMath>(_ x: UnsafePointer<V.Scalar>, _ count: Int, _: V.Type) -> V.Scalar {
    if count <= V.lanes { return V.load(x, count).laneSum }
    var total: V.Scalar = 0
    var start = 0
    while start < count {
        let end = min(count, start + elementsPerPiece)
        var a = V(repeating: 0)
        var b = a
        var c = a
        var d = a
        var i = start
        while i + 4 * V.lanes <= end {
            a += V.load(x + i)
            b += V.load(x + i + V.lanes)
            c += V.load(x + i + 2 * V.lanes)
            d += V.load(x + i + 3 * V.lanes)
            i += 4 * V.lanes
        }
        while i < end {
            a += V.load(x + i, min(V.lanes, end - i))
            i += V.lanes
        }
        total += ((a + b) + (c + d)).laneSum
        start = end
    }
    return total
}

private func reduceFlat<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let partials = arguments.output(1, V.Scalar.self)
    for piece in begin..<end {
        let range = flatRange(piece, piece + 1, arguments.integer(0))
        partials[piece] = sumElements(x + range.lowerBound, range.count, V.self)
    }
}

private func reduceFlatFinish<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let partials = arguments.input(0, V.Scalar.self)
    let result = arguments.output(1, V.Scalar.self)
    let total = sumElements(partials, arguments.integer(0), V.self) * arguments.scalar(0)
    result[0] = arguments.integer(1) != 0 ? result[0] + total : total
}

/// Rows added before the block's sum joins the total: keeps rounding small over many rows.
@inline(__always) private var rowsPerBlock: Int { 128 }

/// Sums `rows` rows over `width` vectors of columns side by side (the last one of `last` lanes).
@inline(__always) private func columnStrip<V: KernelMath>(
    _: V.Type, _ width: Int, _ x: UnsafePointer<V.Scalar>, _ rows: Int, _ stride: Int,
    _ result: UnsafeMutablePointer<V.Scalar>, _ last: Int, _ factor: V.Scalar, adds: Bool
) {
    var totals = InlineArray<4, V>(repeating: V(repeating: 0))
    var row = 0
    while row < rows {
        let end = min(rows, row + rowsPerBlock)
        var block = InlineArray<4, V>(repeating: V(repeating: 0))
        while row < end {
            let p = x + row * stride
            for j in 0..<width {
                block[j] += j == width - 1 ? V.load(p + j * V.lanes, last) : V.load(p + j * V.lanes)
            }
            row += 1
        }
        for j in 0..<width { totals[j] += block[j] }
    }
    for j in 0..<width {
        let n = j == width - 1 ? last : V.lanes
        var sum = totals[j] * V(repeating: factor)
        if adds { sum += V.load(result + j * V.lanes, n) }
        sum.store(result + j * V.lanes, n)
    }
}

private func reduceColumns<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let columns = arguments.integer(1)
    let stride = arguments.integer(2)
    let rowsPerPiece = arguments.integer(3)
    let factor: V.Scalar = arguments.scalar(0)
    let adds = arguments.integer(4) != 0
    for piece in begin..<end {
        let first = piece * rowsPerPiece
        let rows = min(rowsPerPiece, arguments.integer(0) - first)
        let x = arguments.input(0, V.Scalar.self) + first * stride
        let result = arguments.output(1, V.Scalar.self) + piece * columns
        var column = 0
        while column + 4 * V.lanes <= columns {
            columnStrip(V.self, 4, x + column, rows, stride, result + column, V.lanes, factor, adds: adds)
            column += 4 * V.lanes
        }
        while column < columns {
            let n = min(V.lanes, columns - column)
            columnStrip(V.self, 1, x + column, rows, stride, result + column, n, factor, adds: adds)
            column += n
        }
    }
}
