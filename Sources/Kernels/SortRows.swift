// Rows in ascending or descending order, stably: equal elements stay in their order, and NaN counts as larger than
// all numbers, so that it comes last in ascending order and first in descending, as in PyTorch.
//
// sortRows: rows of [rows, columns]. A merge sort of indices, from runs of one element upwards. Pieces: integer 2 rows.
//   pointers  0 x  1 values [rows, kept] (nil: not wanted)  2 indices [rows, kept]  3 workspace: 2 * columns
//             indices for each row
//   integers  0 rows  1 columns  2 rows per piece  3 whether descending  4 kept: how many of each row are written
//   Indices are Int64 in a call of doubles, else Int32.

import KernelInterface

let sortRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        sortRows(Double.self, Int64.self, arguments, begin, end)
    } else {
        sortRows(Float.self, Int32.self, arguments, begin, end)
    }
}

/// Whether the later element must come before the earlier one.
@inline(__always) private func overtakes<T: BinaryFloatingPoint>(_ later: T, _ earlier: T, descending: Bool) -> Bool {
    descending
        ? later > earlier || (later != later && earlier == earlier)
        : later < earlier || (earlier != earlier && later == later)
}

@inline(__always)
private func sortRows<T: BinaryFloatingPoint, I: FixedWidthInteger>(
    _: T.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let descending = arguments.integer(3) != 0
    let kept = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    var row = begin * perPiece
    while row < high {
        let x = arguments.input(0, T.self) + row * columns
        var from = arguments.output(3, I.self) + row * 2 * columns
        var to = from + columns
        for i in 0..<columns { from[i] = I(truncatingIfNeeded: i) }
        var length = 1
        while length < columns {
            var start = 0
            while start < columns {
                let middle = min(start + length, columns)
                let last = min(middle + length, columns)
                var a = start
                var b = middle
                for i in start..<last {
                    let takesLater =
                        b < last
                        && (a == middle
                            || overtakes(
                                x[Int(truncatingIfNeeded: from[b])], x[Int(truncatingIfNeeded: from[a])], descending: descending))
                    to[i] = takesLater ? from[b] : from[a]
                    if takesLater { b += 1 } else { a += 1 }
                }
                start = last
            }
            let other = from
            from = to
            to = other
            length *= 2
        }
        let indices = arguments.output(2, I.self) + row * kept
        for i in 0..<kept { indices[i] = from[i] }
        if arguments.has(1) {
            let values = arguments.output(1, T.self) + row * kept
            for i in 0..<kept { values[i] = x[Int(truncatingIfNeeded: from[i])] }
        }
        row += 1
    }
}
