// v^T . A for a tall A of few columns, and the sum of v: the gradient of a layer with one output, over a batch of
// hundreds. One chain of FMAs over k would wait four cycles for each step and leave the FMA units empty, so
// element k goes to chain k mod 4 of its block (the last three at most to the first), and the four are added as a tree.
// That order of summing is this shape's alone, whatever the level and the threads.
//
// narrowProduct. One piece. Slots as in KernelInterface/MatrixMultiplyCall.swift: A of the transposed product, v, is a
// column; B's rows have a unit step; C and the sums are dense. Flags: columnSums (the sum of v), accumulate,
// flushes.

import CPUFeatures
import KernelInterface

let narrowProductKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        narrowProduct(DoubleVector.self, arguments)
    } else if MatrixMultiplyFlags(bits: arguments.integer(MatrixMultiplySlot.flags)).has(MatrixMultiplyFlags.flushes) {
        let before = cr_begin_flushing()
        narrowProduct(FloatVector.self, arguments)
        cr_end_flushing(before)
    } else {
        narrowProduct(FloatVector.self, arguments)
    }
}

@inline(never)
private func narrowProduct<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    typealias Slot = MatrixMultiplySlot
    typealias Flags = MatrixMultiplyFlags
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let columns = arguments.integer(Slot.columns)
    let depth = arguments.integer(Slot.depth)
    let row = arguments.integer(Slot.bRow)
    let longest = arguments.integer(Slot.blockLength)
    let v = arguments.input(Slot.a, V.Scalar.self)
    let b = arguments.input(Slot.b, V.Scalar.self)
    let c = arguments.output(Slot.c, V.Scalar.self)
    var column = 0
    repeat {
        let count = min(columns - column, V.lanes)
        // Rows behind which there is a whole vector: what a load takes of the next rows is not stored.
        let whole = max(0, ((depth - 1) * row + count - V.lanes + row) / row)
        var total = V(repeating: 0)
        var sum: V.Scalar = 0
        var k = 0
        repeat {
            let length = min(longest, depth - k)
            total += fourChains(v + k, b + (k * row + column), row, length, whole: min(length, whole - k), count)
            if flags.has(Flags.columnSums) && column == 0 { sum += blockSum(v + k, length, V.self) }
            k += length
        } while k < depth
        if flags.has(Flags.accumulate) { total = V.load(c + column, count) + total }
        total.store(c + column, count)
        if flags.has(Flags.columnSums) && column == 0 { arguments.output(Slot.columnSums, V.Scalar.self)[0] = sum }
        column += V.lanes
    } while column < columns
}

/// One block's sums. Of the rows behind the first `whole` only `count` elements are read.
@inline(__always)
private func fourChains<V: KernelMath>(
    _ v: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ row: Int, _ length: Int, whole: Int, _ count: Int
) -> V {
    var sums = InlineArray<4, V>(repeating: V(repeating: 0))
    var k = 0
    while k + 4 <= whole {
        for chain in 0..<4 { sums[chain] = V.fma(V(repeating: v[k + chain]), V.load(b + (k + chain) * row), sums[chain]) }
        k += 4
    }
    while k + 4 <= length {
        for chain in 0..<4 { sums[chain] = V.fma(V(repeating: v[k + chain]), V.load(b + (k + chain) * row, count), sums[chain]) }
        k += 4
    }
    while k < length {
        sums[0] = V.fma(V(repeating: v[k]), V.load(b + k * row, count), sums[0])
        k += 1
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3])
}

@inline(__always)
private func blockSum<V: KernelMath>(_ v: UnsafePointer<V.Scalar>, _ length: Int, _: V.Type) -> V.Scalar {
    var sum = V(repeating: 0)
    var k = 0
    while k < length {
        sum += V.load(v + k, min(V.lanes, length - k))
        k += V.lanes
    }
    return sum.laneSum
}
