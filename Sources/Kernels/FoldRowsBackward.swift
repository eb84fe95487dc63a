// Gradients of the reductions of FoldRows.swift, where the slots stand.

import KernelInterface

let foldRowsBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        foldRowsBackward(DoubleVector.self, arguments, begin, end)
    } else {
        foldRowsBackward(FloatVector.self, arguments, begin, end)
    }
}

private func foldRowsBackward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let y = arguments.input(1, V.Scalar.self)
    let dy = arguments.input(2, V.Scalar.self)
    let dx = arguments.output(3, V.Scalar.self)
    let fold = arguments.integer(4)
    var block = FoldBlocks(arguments, begin, end, lanes: V.lanes)
    while block.next() {
        let columns = block.columns, inner = block.inner, count = block.count
        let p = x + block.offset
        let q = dx + block.offset
        if inner == 1 {
            let value = V(repeating: y[block.target])
            let gradient = V(repeating: dy[block.target])
            let kept = statistics(V.self, fold, p, columns, value)
            var i = 0
            while i < columns {
                let n = min(V.lanes, columns - i)
                slope(V.self, fold, V.load(p + i, n), value, gradient, kept).store(q + i, n)
                i += n
            }
        } else {
            let value = V.load(y + block.target, count)
            let gradient = V.load(dy + block.target, count)
            var kept = Kept<V>(fold)
            for j in 0..<columns { kept.look(fold, V.load(p + j * inner, count), value) }
            for j in 0..<columns {
                slope(V.self, fold, V.load(p + j * inner, count), value, gradient, kept).store(q + j * inner, count)
            }
        }
    }
}

/// What a row's gradient needs to know of all its elements.
private struct Kept<V: KernelMath> {
    /// How many elements are the largest, or are 0.
    var number = V.zero
    /// The product of those that are not 0.
    var product = V.one

    @inline(__always) init(_ fold: Int) {}

    @inline(__always) mutating func look(_ fold: Int, _ x: V, _ y: V) {
        if fold < 2 {
            number += V.choose(x .== y, V.one, V.zero)
        } else if fold == 2 {
            number += V.choose(x .== V.zero, V.one, V.zero)
            product *= V.choose(x .== V.zero, V.one, x)
        }
    }
}

/// The same of a contiguous row, equal in every lane.
@inline(__always) private func statistics<V: KernelMath>(
    _: V.Type, _ fold: Int, _ x: UnsafePointer<V.Scalar>, _ columns: Int, _ y: V
) -> Kept<V> {
    var kept = Kept<V>(fold)
    if fold == 3 { return kept }
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        var one = Kept<V>(fold)
        one.look(fold, V.load(x + i, n), y)
        let real = V.firstLanes(n)
        kept.number += V.choose(real, one.number, V.zero)
        kept.product *= V.choose(real, one.product, V.one)
        i += n
    }
    kept.number = V(repeating: kept.number.laneSum)
    kept.product = V(repeating: kept.product.laneProduct)
    return kept
}

@inline(__always) private func slope<V: KernelMath>(
    _: V.Type, _ fold: Int, _ x: V, _ y: V, _ dy: V, _ kept: Kept<V>
) -> V {
    if fold < 2 { return V.choose(x .== y, dy / kept.number, V.zero) }
    if fold == 2 {
        // Without zeros y / x; with one of them only it has a slope; with more none has.
        let single = V.choose(x .== V.zero, V.choose(kept.number .== V.one, kept.product, V.zero), V.zero)
        return dy * V.choose(kept.number .== V.zero, kept.product / x, single)
    }
    return dy * V.exp(x - y)
}
