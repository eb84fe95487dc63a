// A weight by length and direction, slice by slice: w = g v / |v| (Salimans and Kingma 2016). Slice d of
// [outer, slices, inner] is `outer` runs of `inner` neighbours.
//
// weightNormForward. Pieces: integer 3 slices.
//   pointers  0 v  1 g (nil: 1)  2 w  3 norms, one per slice, written
//   integers  0 outer  1 slices  2 inner  3 slices per piece      scalars  0 the smallest divisor
// weightNormBackward: dg = sum(dw v) / |v|, dv = g / |v| (dw - v sum(dw v) / |v|^2).
//   pointers  0 v  1 g  2 norms  3 dw  4 dv (nil: not wanted)  5 dg (nil: not wanted)
//   integers  as above

import KernelInterface

let weightNormForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        weightNormForward(DoubleVector.self, arguments, begin, end)
    } else {
        weightNormForward(FloatVector.self, arguments, begin, end)
    }
}

let weightNormBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        weightNormBackward(DoubleVector.self, arguments, begin, end)
    } else {
        weightNormBackward(FloatVector.self, arguments, begin, end)
    }
}

/// The sum of a * b over a slice.
@inline(__always) private func sliceProduct<V: KernelMath>(
    _: V.Type, _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>, _ outer: Int, _ inner: Int, _ stride: Int
) -> V.Scalar {
    var sum = PairSum<V>()
    for run in 0..<outer {
        var i = 0
        while i < inner {
            let n = min(V.lanes, inner - i)
            sum.add(V.zero, V.load(a + run * stride + i, n), times: V.load(b + run * stride + i, n))
            i += n
        }
    }
    sum.close()
    return sum.second.laneSum
}

/// c = x * a + y * b over a slice.
@inline(__always) private func sliceCombination<V: KernelMath>(
    _ x: V, _ a: UnsafePointer<V.Scalar>, _ y: V, _ b: UnsafePointer<V.Scalar>, _ c: UnsafeMutablePointer<V.Scalar>,
    _ outer: Int, _ inner: Int, _ stride: Int
) {
    for run in 0..<outer {
        var i = 0
        while i < inner {
            let n = min(V.lanes, inner - i)
            let place = run * stride + i
            V.fma(x, V.load(a + place, n), y * V.load(b + place, n)).store(c + place, n)
            i += n
        }
    }
}

private func weightNormForward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let outer = arguments.integer(0)
    let slices = arguments.integer(1)
    let inner = arguments.integer(2)
    let v = arguments.input(0, V.Scalar.self)
    let w = arguments.output(2, V.Scalar.self)
    let norms = arguments.output(3, V.Scalar.self)
    let smallest = V(repeating: arguments.scalar(0))
    for slice in begin * arguments.integer(3)..<min(end * arguments.integer(3), slices) {
        let from = v + slice * inner
        let square = sliceProduct(V.self, from, from, outer, inner, slices * inner)
        let norm = V(repeating: square).root
        norms[slice] = norm[0]
        let length = arguments.has(1) ? V(repeating: arguments.input(1, V.Scalar.self)[slice]) : V.one
        let factor = length / V.atLeast(norm, smallest)
        sliceCombination(factor, from, V.zero, from, w + slice * inner, outer, inner, slices * inner)
    }
}

private func weightNormBackward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let outer = arguments.integer(0)
    let slices = arguments.integer(1)
    let inner = arguments.integer(2)
    let v = arguments.input(0, V.Scalar.self)
    let g = arguments.input(1, V.Scalar.self)
    let norms = arguments.input(2, V.Scalar.self)
    let dw = arguments.input(3, V.Scalar.self)
    for slice in begin * arguments.integer(3)..<min(end * arguments.integer(3), slices) {
        let start = slice * inner
        let dot = sliceProduct(V.self, dw + start, v + start, outer, inner, slices * inner)
        let along = dot / norms[slice]
        if arguments.has(5) { arguments.output(5, V.Scalar.self)[slice] = along }
        guard arguments.has(4) else { continue }
        let factor = g[slice] / norms[slice]
        sliceCombination(
            V(repeating: factor), dw + start, V(repeating: -factor * (along / norms[slice])), v + start,
            arguments.output(4, V.Scalar.self) + start, outer, inner, slices * inner)
    }
}
