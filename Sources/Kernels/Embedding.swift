// Rows of a table, chosen by indices that have been checked (Indices.swift), and the gradient in the table.
// Indices are Int64 in a call of doubles, else Int32; numbers of entries are Int64 always. An entry is one
// index of the array of indices.
//
// gatherNormalized: the rows, those longer than a limit scaled down to it. Pieces: integer 2 entries.
//   pointers  0 table  1 indices  2 result [entries, columns]
//   integers  0 entries  1 columns  2 entries per piece      scalars  0 largest norm  1 the norm's exponent
// renormalizeRows: the same scaling in the table itself, each row that some index names once. Pieces:
//   8192 rows of the table.
//   pointers  0 table, changed  1 indices
//   integers  0 entries  1 columns  2 rows      scalars  as above
// embeddingLists: for every row of the table the entries that name it, in order: the first one (-1: none)
//   and, for each entry, the next. One piece.
//   pointers  0 indices  1 first, one per row  2 next, one per entry
//   integers  0 entries  1 rows  2 an index that is left out (-1: none)
// embeddingBackward: the sum, for every row of the table, of the gradients in its entries, in their order.
//   Pieces: integer 2 rows.
//   pointers  0 dy  1 first  2 next  3 gradient in the table, written whole
//             4 the row of dy of each entry, -1 for none (nil: its own)  5 a factor for each entry (nil: 1)
//             6 winners: the entry that each element of dy came from (nil: all of them)
//   integers  0 rows  1 columns  2 rows per piece  3 whether divided by the number of a row's entries
//             4 whether rows that no entry names are zero already

import KernelInterface

let gatherNormalizedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        gatherNormalized(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        gatherNormalized(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

let renormalizeRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        renormalizeRows(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        renormalizeRows(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

let embeddingListsKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        embeddingLists(Int64.self, arguments)
    } else {
        embeddingLists(Int32.self, arguments)
    }
}

let embeddingBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        embeddingBackward(DoubleVector.self, arguments, begin, end)
    } else {
        embeddingBackward(FloatVector.self, arguments, begin, end)
    }
}

/// What a row is multiplied by so that its norm is at most `limit`, as PyTorch's embedding_renorm_.
@inline(__always) private func normFactor<V: KernelMath>(
    _: V.Type, _ row: UnsafePointer<V.Scalar>, _ columns: Int, _ limit: V.Scalar, _ exponent: V.Scalar
) -> V.Scalar {
    var sum = PairSum<V>()
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        let a = V.magnitude(V.load(row + i, n))
        if exponent == 2 {
            sum.add(V.zero, a, times: a)
        } else if exponent == 1 {
            sum.add(a, V.zero, times: a)
        } else {
            sum.add(V.choose(V.firstLanes(n), V.pow(a, V(repeating: exponent)), V.zero), V.zero, times: a)
        }
        i += n
    }
    sum.close()
    let total = V(repeating: exponent == 2 ? sum.second.laneSum : sum.first.laneSum)
    let norm: V.Scalar =
        exponent == 2 ? total.root[0] : exponent == 1 ? total[0] : V.pow(total, V(repeating: 1 / exponent))[0]
    return norm > limit ? limit / (norm + 1e-7) : 1
}

@inline(__always) private func scaleRow<V: KernelMath>(
    _: V.Type, _ row: UnsafePointer<V.Scalar>, _ factor: V.Scalar, _ result: UnsafeMutablePointer<V.Scalar>, _ columns: Int
) {
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        (V.load(row + i, n) * V(repeating: factor)).store(result + i, n)
        i += n
    }
}

private func gatherNormalized<V: KernelMath, I: FixedWidthInteger & SignedInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let table = arguments.input(0, V.Scalar.self)
    let indices = arguments.input(1, I.self)
    let result = arguments.output(2, V.Scalar.self)
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    for entry in begin * perPiece..<min(end * perPiece, arguments.integer(0)) {
        let row = table + Int(truncatingIfNeeded: indices[entry]) * columns
        let factor = normFactor(V.self, row, columns, arguments.scalar(0), arguments.scalar(1))
        scaleRow(V.self, row, factor, result + entry * columns, columns)
    }
}

private func renormalizeRows<V: KernelMath, I: FixedWidthInteger & SignedInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let table = arguments.output(0, V.Scalar.self)
    let indices = arguments.input(1, I.self)
    let columns = arguments.integer(1)
    for piece in begin..<end {
        let first = piece * 8192
        let rows = min(8192, arguments.integer(2) - first)
        // A bit for each row of the piece.
        var named = InlineArray<128, UInt64>(repeating: 0)
        for entry in 0..<arguments.integer(0) {
            let row = Int(truncatingIfNeeded: indices[entry]) - first
            if row >= 0 && row < rows { named[row >> 6] |= 1 &<< UInt64(truncatingIfNeeded: row & 63) }
        }
        for row in 0..<rows where named[row >> 6] &>> UInt64(truncatingIfNeeded: row & 63) & 1 != 0 {
            let place = table + (first + row) * columns
            let factor = normFactor(V.self, place, columns, arguments.scalar(0), arguments.scalar(1))
            scaleRow(V.self, place, factor, place, columns)
        }
    }
}

private func embeddingLists<I: FixedWidthInteger & SignedInteger>(_: I.Type, _ arguments: Arguments) {
    let indices = arguments.input(0, I.self)
    let first = arguments.output(1, Int64.self)
    let next = arguments.output(2, Int64.self)
    let left = arguments.integer(2)
    for row in 0..<arguments.integer(1) { first[row] = -1 }
    var entry = arguments.integer(0) - 1
    while entry >= 0 {
        let row = Int(truncatingIfNeeded: indices[entry])
        if row != left {
            next[entry] = first[row]
            first[row] = Int64(truncatingIfNeeded: entry)
        }
        entry -= 1
    }
}

private func embeddingBackward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let dy = arguments.input(0, V.Scalar.self)
    let first = arguments.input(1, Int64.self)
    let next = arguments.input(2, Int64.self)
    let gradient = arguments.output(3, V.Scalar.self)
    let places = arguments.has(4) ? arguments.input(4, Int64.self) : nil
    let factors = arguments.has(5) ? arguments.input(5, V.Scalar.self) : nil
    let winners = arguments.has(6) ? arguments.input(6, Int64.self) : nil
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    for row in begin * perPiece..<min(end * perPiece, arguments.integer(0)) {
        let target = gradient + row * columns
        if arguments.integer(4) != 0 && first[row] < 0 { continue }
        copyContiguous(RowOperand<V>(nil, step: 0, constant: 0), target, columns)
        var share: V.Scalar = 1
        if arguments.integer(3) != 0 {
            var count: V.Scalar = 0
            var entry = first[row]
            while entry >= 0 {
                count += 1
                entry = next[Int(truncatingIfNeeded: entry)]
            }
            share = 1 / count
        }
        var entry = Int(truncatingIfNeeded: first[row])
        while entry >= 0 {
            let place = places.map { Int(truncatingIfNeeded: $0[entry]) } ?? entry
            if place >= 0 {
                let source = dy + place * columns
                let factor = V(repeating: (factors.map { $0[entry] } ?? 1) * share)
                if let winners {
                    let own = winners + place * columns
                    for i in 0..<columns where own[i] == Int64(truncatingIfNeeded: entry) { target[i] += source[i] * factor[0] }
                } else {
                    var i = 0
                    while i < columns {
                        let n = min(V.lanes, columns - i)
                        V.fma(V.load(source + i, n), factor, V.load(target + i, n)).store(target + i, n)
                        i += n
                    }
                }
            }
            entry = Int(truncatingIfNeeded: next[entry])
        }
    }
}
