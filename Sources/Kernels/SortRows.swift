// Rows in ascending or descending order, stably: equal elements stay in their order, and NaN counts as larger than
// all numbers, so that it comes last in ascending order and first in descending, as in PyTorch.
//
// sortRows: rows of [rows, columns]. A merge sort of indices, from runs of two vectors upwards: of those each element's
//   rank is counted in vectors, without a branch, if they are floats. Pieces: integer 2 rows.
//   pointers  0 x  1 values [rows, kept] (nil: not wanted)  2 indices [rows, kept]  3 workspace: 2 * columns
//             indices for each row
//   integers  0 rows  1 columns  2 rows per piece  3 whether descending  4 kept: how many of each row are written
//   Indices are Int64 in a call of doubles, else Int32.

import KernelInterface

let sortRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        sortRows(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        sortRows(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

/// Whether the later element must come before the earlier one.
@inline(__always) private func overtakes<T: BinaryFloatingPoint>(_ later: T, _ earlier: T, descending: Bool) -> Bool {
    descending
        ? later > earlier || (later != later && earlier == earlier)
        : later < earlier || (earlier != earlier && later == later)
}

@inline(__always)
private func sortRows<V: KernelMath, I: FixedWidthInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let descending = arguments.integer(3) != 0
    let kept = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    var row = begin * perPiece
    while row < high {
        let x = arguments.input(0, V.Scalar.self) + row * columns
        var from = arguments.output(3, I.self) + row * 2 * columns
        var to = from + columns
        var length = 2 * V.lanes
        var start = 0
        while start < columns {
            orderRun(V.self, x, start, min(length, columns - start), from + start, descending)
            start += length
        }
        while length < columns {
            start = 0
            while start < columns {
                let middle = min(start + length, columns)
                let last = min(middle + length, columns)
                var a = start
                var b = middle
                for i in start..<min(last, start + kept) {
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
            let values = arguments.output(1, V.Scalar.self) + row * kept
            for i in 0..<kept { values[i] = x[Int(truncatingIfNeeded: from[i])] }
        }
        row += 1
    }
}

/// The indices of `count` elements, at most two vectors of them, in order.
@inline(__always)
private func orderRun<V: KernelMath, I: FixedWidthInteger>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ start: Int, _ count: Int, _ to: UnsafeMutablePointer<I>, _ descending: Bool
) {
    #if !BASELINE
    if V.self == FloatVector.self {
        let isDone = rankRun(
            UnsafeRawPointer(x).assumingMemoryBound(to: Float.self), start, count,
            UnsafeMutableRawPointer(to).assumingMemoryBound(to: Int32.self), descending)
        if isDone { return }
    }
    #endif
    for i in 0..<count {
        var place = i
        while place > 0 && overtakes(x[start + i], x[Int(truncatingIfNeeded: to[place - 1])], descending: descending) {
            to[place] = to[place - 1]
            place -= 1
        }
        to[place] = I(truncatingIfNeeded: start + i)
    }
}

#if !BASELINE
/// False if there is a NaN.
@inline(never)
private func rankRun(
    _ x: UnsafePointer<Float>, _ start: Int, _ count: Int, _ to: UnsafeMutablePointer<Int32>, _ descending: Bool
) -> Bool {
    typealias V = FloatVector
    let p = x + start
    let low = min(V.lanes, count)
    // The other order is that of the numbers with the other sign.
    let flip = (descending ? V.all(-0.0) : V.zero).bits
    let a = V(bits: V.load(p, low).bits ^ flip)
    let b = V(bits: V.load(p + low, count - low).bits ^ flip)
    if V.anyLane(a .!= a) || V.anyLane(b .!= b) { return false }
    // How many come before each element: those that are smaller, and the equal ones in front of it.
    var ranksA = V.zero
    var ranksB = V.zero
    var equal = V.one
    for j in 0..<low {
        let element = V(bits: V(repeating: p[j]).bits ^ flip)
        equal = V.choose(V.lane(j), V.zero, equal)
        ranksA += V.choose(element .< a, V.one, V.choose(element .== a, equal, V.zero))
        ranksB += V.choose(element .<= b, V.one, V.zero)
    }
    equal = V.one
    for j in low..<count {
        let element = V(bits: V(repeating: p[j]).bits ^ flip)
        equal = V.choose(V.lane(j - low), V.zero, equal)
        ranksA += V.choose(element .< a, V.one, V.zero)
        ranksB += V.choose(element .< b, V.one, V.choose(element .== b, equal, V.zero))
    }
    put(ranksA, start, low, to)
    put(ranksB, start + low, count - low, to)
    return true
}

/// Indices from `first` on, each at its rank.
@inline(__always)
private func put(_ ranks: FloatVector, _ first: Int, _ count: Int, _ to: UnsafeMutablePointer<Int32>) {
    // The lowest bits of 2^23 + a small whole number are the number.
    var bits = (ranks + FloatVector.all(FloatVector.wholeShift)).bits
    withUnsafeMutableBytes(of: &bits) { room in
        let numbers = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Int32.self)
        for i in 0..<count { to[Int(truncatingIfNeeded: numbers[i]) & 255] = Int32(truncatingIfNeeded: first + i) }
    }
}
#endif
