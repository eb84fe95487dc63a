// Elements picked, or put, by indices along one dimension; the other coordinates are the same on both sides. The
// indices have been looked over (Indices.swift). They are Int64 in a call of doubles, else Int32.
//
// gatherAlong: z = the element of x with the index in place of the dimension's coordinate. Pieces: integer 0 rows
//   of the space.
//   pointers  0 x  1 indices  2 z  3 StridedSpace (operands indices, x with stride 0 along the dimension, z)
//   integers  0 rows per piece  1 x's stride along the dimension
// scatterAlong: that element of the target becomes the source's, or the source's is added to it. Elements come in
//   the space's order, so that of several for one place the last one stays, and sums have one order.
//   Pieces own different elements of the target: rows of the space (integer 0 of them) where the space is such
//   that different pieces never meet; or, where an index counts for a whole row, indices (integer 3 of them), and
//   each piece looks at all rows.
//   pointers  0 source (nil: scalar 0)  1 indices  2 target  3 StridedSpace (operands indices, target with stride 0
//             along the dimension, source)
//   integers  0 rows per piece  1 the target's stride along the dimension  2 whether to add
//             3 indices per piece; 0: pieces are rows
//   scalars   0 the source, if it is a number

import KernelInterface

let gatherAlongKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        gatherAlong(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        gatherAlong(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

let scatterAlongKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        scatterAlong(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        scatterAlong(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

private func gatherAlong<V: KernelMath, I: FixedWidthInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let x = arguments.input(0, V.Scalar.self)
    let indices = arguments.input(1, I.self)
    let z = arguments.output(2, V.Scalar.self)
    let space = arguments.input(3, StridedSpace.self)
    let rowsPerPiece = arguments.integer(0)
    let stride = arguments.integer(1)
    let columns = space.pointee.columns
    let steps = space.pointee.columnStrides
    var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
    while runs.next() {
        for number in 0..<runs.count {
            let index = indices + (runs.offset0 + number * runs.step(0))
            let from = x + (runs.offset1 + number * runs.step(1))
            let to = z + (runs.offset2 + number * runs.step(2))
            if steps[0] == 0 && steps[1] == 1 && steps[2] == 1 {
                let row = from + Int(truncatingIfNeeded: index[0]) * stride
                copyContiguous(RowOperand<V>(row, step: 1, constant: 0), to, columns)
            } else {
                for i in 0..<columns {
                    to[i * steps[2]] = from[i * steps[1] + Int(truncatingIfNeeded: index[i * steps[0]]) * stride]
                }
            }
        }
    }
}

private func scatterAlong<V: KernelMath, I: FixedWidthInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let source = arguments.has(0) ? arguments.input(0, V.Scalar.self) : nil
    let constant: V.Scalar = arguments.scalar(0)
    let indices = arguments.input(1, I.self)
    let target = arguments.output(2, V.Scalar.self)
    let space = arguments.input(3, StridedSpace.self)
    let stride = arguments.integer(1)
    let adds = arguments.integer(2) != 0
    let perPiece = arguments.integer(3)
    let columns = space.pointee.columns
    let steps = space.pointee.columnStrides
    let first = perPiece == 0 ? begin * arguments.integer(0) : 0
    let last = perPiece == 0 ? end * arguments.integer(0) : space.pointee.rows
    let owned = (begin * perPiece)..<(end * perPiece)
    var runs = StridedRuns(space, first..<last)
    while runs.next() {
        for number in 0..<runs.count {
            let index = indices + (runs.offset0 + number * runs.step(0))
            let to = target + (runs.offset1 + number * runs.step(1))
            let from = source.map { $0 + (runs.offset2 + number * runs.step(2)) }
            if steps[0] == 0 {
                let place = Int(truncatingIfNeeded: index[0])
                if perPiece != 0 && !(place >= owned.lowerBound && place < owned.upperBound) { continue }
                if steps[1] == 1 {
                    let row = RowOperand<V>(from, step: steps[2], constant: constant)
                    putRow(V.self, row, to + place * stride, columns, adds: adds)
                    continue
                }
            }
            for i in 0..<columns {
                let place = i * steps[1] + Int(truncatingIfNeeded: index[i * steps[0]]) * stride
                let value = from.map { $0[i * steps[2]] } ?? constant
                to[place] = adds ? to[place] + value : value
            }
        }
    }
}

@inline(__always) private func putRow<V: KernelMath>(
    _: V.Type, _ row: RowOperand<V>, _ target: UnsafeMutablePointer<V.Scalar>, _ count: Int, adds: Bool
) {
    if !adds { return copyContiguous(row, target, count) }
    var i = 0
    while i < count {
        let n = min(V.lanes, count - i)
        (V.load(target + i, n) + row.load(i, n)).store(target + i, n)
        i += n
    }
}
