// Each element along one dimension from some others of the same line, times weights: interpolation, padding
// of every mode, and, with the table turned round, their gradients.
//
// combineAlong: y[outer, o, inner] = the sum over entries e of o of weights[e] x[outer, sources[e], inner];
//   the filling where o has no entry.  Pieces: integer 4 rows of [outer, o].
//   pointers  0 x [outer, size, inner]  1 y [outer, count, inner]  2 first entry of each o, and of the end
//             3 sources  4 weights
//   integers  0 outer  1 size  2 count  3 inner  4 rows per piece
//   scalars   0 filling

import KernelInterface

let combineAlongKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        combineAlong(DoubleVector.self, arguments, begin, end)
    } else {
        combineAlong(FloatVector.self, arguments, begin, end)
    }
}

@inline(never)
private func combineAlong<V: KernelMath>(_: V.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    let (size, count, inner, perPiece) = (call.integer(1), call.integer(2), call.integer(3), call.integer(4))
    let entries = call.input(2, Int.self)
    let sources = call.input(3, Int.self)
    let weights = call.input(4, V.Scalar.self)
    let filling = call.scalar(0, V.Scalar.self)
    let first = begin * perPiece
    var o = first % count
    var x = call.input(0, V.Scalar.self) + first / count * size * inner
    var y = call.output(1, V.Scalar.self) + first * inner
    for _ in first..<min(end * perPiece, call.integer(0) * count) {
        let low = entries[o]
        let high = entries[o + 1]
        if inner == 1 {
            var sum = filling
            if low < high {
                sum = weights[low] * x[sources[low]]
                for e in low + 1..<high { sum += weights[e] * x[sources[e]] }
            }
            y[0] = sum
        } else {
            var i = 0
            while i < inner {
                let n = min(V.lanes, inner - i)
                var sum = V(repeating: filling)
                if low < high {
                    sum = V(repeating: weights[low]) * V.load(x + (sources[low] * inner + i), n)
                    for e in low + 1..<high {
                        sum += V(repeating: weights[e]) * V.load(x + (sources[e] * inner + i), n)
                    }
                }
                sum.store(y + i, n)
                i += n
            }
        }
        y += inner
        o += 1
        if o == count {
            o = 0
            x += size * inner
        }
    }
}
