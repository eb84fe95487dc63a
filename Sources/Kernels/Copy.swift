// Copies between strided arrays, and filling. Elements of 4 bytes (isDouble false) or 8 (true) are
// copied bit for bit, so integers go the same way; scaling and adding need float elements.
//
// copyStrided: destination = source, or factor * source, or destination + factor * source. Source
//   strides may be zero (broadcasting) or negative; so may the destination's be negative. Pieces:
//   integer 0 rows of the space; destination elements must not overlap.
//   pointers  0 source  1 destination  2 StridedSpace (operands source, destination)
//   integers  0 rows per piece  1 mode: 0 copy, 1 scale, 2 scale and add
//   scalars   0 factor (modes 1 and 2)
// fill: every element = scalar 0 (0 serves for integers too). Pieces: elementsPerPiece.
//   pointers  0 destination      integers  0 count      scalars  0 value

import CPUFeatures
import KernelInterface

let copyStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        copyStrided(DoubleVector.self, arguments, begin, end)
    } else {
        copyStrided(FloatVector.self, arguments, begin, end)
    }
}

let fillKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        fill(DoubleVector.self, arguments, range)
    } else {
        fill(FloatVector.self, arguments, range)
    }
}

private func copyStrided<V: TileVector>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let source = arguments.input(0, V.Scalar.self)
    let destination = arguments.output(1, V.Scalar.self)
    let space = arguments.input(2, StridedSpace.self)
    let rowsPerPiece = arguments.integer(0)
    let mode = arguments.integer(1)
    let factor: V.Scalar = arguments.scalar(0)
    let columns = space.pointee.columns
    let from = space.pointee.columnStrides[0]
    let to = space.pointee.columnStrides[1]
    var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
    let nextFrom = runs.step(0)
    let nextTo = runs.step(1)
    while runs.next() {
        var s = source + runs.offset0
        var d = destination + runs.offset1
        if mode == 0 && nextFrom == 1 && to == 1 && from != 1 && from != 0 {
            transpose(V.self, s, from, d, nextTo, runs.count, columns)
            continue
        }
        for _ in 0..<runs.count {
            if mode == 0 {
                copyRow(V.self, s, from, d, to, columns)
            } else {
                scaleRow(V.self, s, from, d, to, columns, factor, adds: mode == 2)
            }
            s += nextFrom
            d += nextTo
        }
    }
}

/// d[r * next + c] = s[c * from + r], sixteen columns at a time, so that each line of memory is
/// fetched once.
@inline(never)
private func transpose<V: TileVector>(
    _: V.Type, _ s: UnsafePointer<V.Scalar>, _ from: Int, _ d: UnsafeMutablePointer<V.Scalar>, _ next: Int,
    _ rows: Int, _ columns: Int
) {
    let wholeRows = rows / V.tileRows * V.tileRows
    let wholeColumns = columns / V.tileColumns * V.tileColumns
    var first = 0
    while first < columns {
        let last = min(columns, first + 16)
        let lastWhole = min(last, wholeColumns)
        var r = 0
        while r < wholeRows {
            var c = first
            while c < lastWhole {
                V.transposeTile(s + c * from + r, from, d + r * next + c, next)
                c += V.tileColumns
            }
            r += V.tileRows
        }
        for c in first..<last {
            for r in (c < lastWhole ? wholeRows : 0)..<rows { d[r * next + c] = s[c * from + r] }
        }
        first = last
    }
}

private protocol TileVector: KernelMath {
    static var tileRows: Int { get }
    static var tileColumns: Int { get }
    /// d[r * next + c] = s[c * from + r]
    static func transposeTile(
        _ s: UnsafePointer<Scalar>, _ from: Int, _ d: UnsafeMutablePointer<Scalar>, _ next: Int)
}

extension FloatVector: TileVector {
    @inline(__always) fileprivate static var tileRows: Int { 4 }
    @inline(__always) fileprivate static var tileColumns: Int { 8 }
    @inline(__always) fileprivate static func transposeTile(
        _ s: UnsafePointer<Float>, _ from: Int, _ d: UnsafeMutablePointer<Float>, _ next: Int
    ) { cr_transpose_8x4_float(s, from, d, next) }
}

extension DoubleVector: TileVector {
    @inline(__always) fileprivate static var tileRows: Int { 2 }
    @inline(__always) fileprivate static var tileColumns: Int { 4 }
    @inline(__always) fileprivate static func transposeTile(
        _ s: UnsafePointer<Double>, _ from: Int, _ d: UnsafeMutablePointer<Double>, _ next: Int
    ) { cr_transpose_4x2_double(s, from, d, next) }
}

@inline(__always) private func copyRow<V: KernelMath>(
    _: V.Type, _ s: UnsafePointer<V.Scalar>, _ from: Int, _ d: UnsafeMutablePointer<V.Scalar>, _ to: Int,
    _ count: Int
) {
    if to == 1 && from == 1 {
        copyElements(s, d, count)
    } else if to == 1 && from == 0 {
        copyContiguous(RowOperand<V>(s, step: 0, constant: 0), d, count)
    } else {
        for i in 0..<count { d[i * to] = s[i * from] }
    }
}

/// Also the loop of gathered rows and of `fill`.
@inline(__always) func copyContiguous<V: KernelMath>(
    _ source: RowOperand<V>, _ destination: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    var i = 0
    while i + V.lanes <= count {
        source.load(i).store(destination + i)
        i += V.lanes
    }
    if i < count { source.load(i, count - i).store(destination + i, count - i) }
}

@inline(__always) private func scaleRow<V: KernelMath>(
    _: V.Type, _ s: UnsafePointer<V.Scalar>, _ from: Int, _ d: UnsafeMutablePointer<V.Scalar>, _ to: Int,
    _ count: Int, _ factor: V.Scalar, adds: Bool
) {
    if to == 1 && (from == 1 || from == 0) {
        let source = RowOperand<V>(s, step: from, constant: 0)
        let factors = V(repeating: factor)
        var i = 0
        while i < count {
            let n = min(V.lanes, count - i)
            var v = source.load(i, n) * factors
            if adds { v += V.load(d + i, n) }
            v.store(d + i, n)
            i += n
        }
    } else {
        for i in 0..<count {
            let v = s[i * from] * factor
            d[i * to] = adds ? d[i * to] + v : v
        }
    }
}

private func fill<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let value: V.Scalar = arguments.scalar(0)
    copyContiguous(
        RowOperand<V>(nil, step: 0, constant: value), arguments.output(0) + range.lowerBound, range.count)
}
