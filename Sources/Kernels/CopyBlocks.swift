// Blocks of a few elements, each copied by one table of places: permuted small dimensions, padding, rotation. A table
// costs less than walking through dimensions of a few elements, and what lies together is copied as one run.
//
// copyBlocks. Pieces: integer 0 rows of the space, each of them a block.
//   pointers  0 source  1 destination  2 StridedSpace of the blocks (operands source, destination)  3 Int32 table
//   integers  0 blocks per piece  1 BlockForm  2 count: entries of the table, or runs  3 additions (runs only)
//   scalars   0 filling
//   gather: destination[i] = source[table[i]].  scatter: destination[table[i]] = source[i].
//   runs: (from, to, length), where a from below 0 means the filling; behind them pairs (from, to) of elements that
//     are added to what then is there, in their order.
//   Elements are copied bit for bit, so that integers go the same way; only additions need numbers.

import CPUFeatures
import KernelInterface

let copyBlocksKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        copyBlocks(DoubleVector.self, arguments, begin, end)
    } else {
        copyBlocks(FloatVector.self, arguments, begin, end)
    }
}

@inline(__always)
private func copyBlocks<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let source = arguments.input(0, V.Scalar.self)
    let destination = arguments.output(1, V.Scalar.self)
    let table = arguments.input(3, Int32.self)
    let perPiece = arguments.integer(0)
    let form = arguments.integer(1)
    let count = arguments.integer(2)
    let additions = arguments.integer(3)
    let filling: V.Scalar = arguments.scalar(0)
    var runs = StridedRuns(arguments.input(2), (begin * perPiece)..<(end * perPiece))
    while runs.next() {
        var s = source + runs.offset0
        var d = destination + runs.offset1
        for _ in 0..<runs.count {
            switch form {
            case 0: V.gather(s, table, d, count)
            case 1: V.scatter(s, table, d, count)
            default: copyRuns(V.self, s, d, table, count, additions, filling)
            }
            s += runs.step(0)
            d += runs.step(1)
        }
    }
}

@inline(__always)
private func copyRuns<V: KernelMath>(
    _: V.Type, _ s: UnsafePointer<V.Scalar>, _ d: UnsafeMutablePointer<V.Scalar>, _ table: UnsafePointer<Int32>, _ count: Int,
    _ additions: Int, _ filling: V.Scalar
) {
    var entry = table
    for _ in 0..<count {
        let from = Int(truncatingIfNeeded: entry[0])
        let to = d + Int(truncatingIfNeeded: entry[1])
        let length = Int(truncatingIfNeeded: entry[2])
        if from >= 0 {
            copyElements(s + from, to, length)
        } else {
            fillElements(V.self, filling, to, length)
        }
        entry += 3
    }
    for _ in 0..<additions {
        d[Int(truncatingIfNeeded: entry[1])] += s[Int(truncatingIfNeeded: entry[0])]
        entry += 2
    }
}

@inline(never)
private func fillElements<V: KernelMath>(_: V.Type, _ filling: V.Scalar, _ d: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    copyContiguous(RowOperand<V>(nil, step: 0, constant: filling), d, count)
}
