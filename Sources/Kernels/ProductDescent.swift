// Plain gradient descent on a weight whose gradient is the product of two small arrays: a layer's
// input and the gradient in its output, for a batch of a few samples. The gradient itself, as large as
// the weight, is never stored: the weight passes through the cores once instead of three times.
//
// productBounds. One piece. Tells whether the elements of a^T b, and the sums of up to 32 rows of b,
// must be small.
//   pointers  0 a  1 b  2 flag (Int32; 1: their squares may be beyond the limit, or NaN)
//   integers  0 a's count  1 b's count      scalars  0 limit of the elements' squares
// productDescent. Pieces: blocks of rows.
//   p -= lr (a^T b + decay p), and the same for bias with the sums of b's columns
//   pointers  0 parameter [rows x columns]  1 a [depth x rows]  2 b [depth x columns]
//             3 bias [columns] or nil
//   integers  0 rows  1 columns  2 (the step's)  3 depth  4 rows per piece
//   scalars   as `sgd`
// Each element of the gradient is the FMA chain of MatrixMultiply.swift, and the update that of
// `sgd`, so the bits are those of the long way.

import KernelInterface

let productBoundsKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        productBounds(DoubleVector.self, arguments)
    } else {
        productBounds(FloatVector.self, arguments)
    }
}

let productDescentKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        productDescent(DoubleVector.self, arguments, begin, end)
    } else {
        productDescent(FloatVector.self, arguments, begin, end)
    }
}

/// An element of the product is at most the product of the arrays' norms (Cauchy and Schwarz).
@inline(__always)
private func productBounds<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let limit: V.Scalar = arguments.scalar(0)
    let a = sumOfSquares(arguments.input(0), arguments.integer(0), V.self)
    let b = sumOfSquares(arguments.input(1), arguments.integer(1), V.self)
    arguments.output(2, Int32.self)[0] = a * b <= limit && b * 32 <= limit ? 0 : 1
}

private struct Descent<V: KernelMath> {
    let a, b: UnsafePointer<V.Scalar>
    let rows, columns, depth: Int
    let minusRate, decay: V

    /// A vector of the parameter: `count` elements, its gradient known.
    @inline(__always)
    func step(_ p: UnsafeMutablePointer<V.Scalar>, _ gradient: V, _ count: Int) {
        let old = V.load(p, count)
        V.fma(minusRate, V.fma(decay, old, gradient), old).store(p, count)
    }

    /// W vectors of columns of one row, from a batch of one.
    @inline(__always)
    func step<let W: Int>(_ zero: InlineArray<W, V>, _ p: UnsafeMutablePointer<V.Scalar>, _ x: V, _ b: UnsafePointer<V.Scalar>) {
        var olds = zero
        for j in 0..<W { olds[j] = V.load(p + j &* V.lanes) }
        for j in 0..<W {
            let gradient = V.fma(x, V.load(b + j &* V.lanes), V.zero)
            V.fma(minusRate, V.fma(decay, olds[j], gradient), olds[j]).store(p + j &* V.lanes)
        }
    }

    /// W vectors of columns of one row.
    @inline(__always)
    func step<let W: Int>(_ zero: InlineArray<W, V>, _ p: UnsafeMutablePointer<V.Scalar>, _ row: Int, _ column: Int) {
        var sums = zero
        for k in 0..<depth {
            let x = V(repeating: a[k &* rows &+ row])
            let from = b + (k &* columns &+ column)
            for j in 0..<W { sums[j] = V.fma(x, V.load(from + j &* V.lanes), sums[j]) }
        }
        for j in 0..<W {
            let old = V.load(p + j &* V.lanes)
            V.fma(minusRate, V.fma(decay, old, sums[j]), old).store(p + j &* V.lanes)
        }
    }
}

@inline(__always)
private func productDescent<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let parameter: UnsafeMutablePointer<V.Scalar> = arguments.output(0)
    let rows = arguments.integer(0)
    let columns = arguments.integer(1)
    let depth = arguments.integer(3)
    let height = arguments.integer(4)
    let descent = Descent<V>(
        a: arguments.input(1), b: arguments.input(2), rows: rows, columns: columns, depth: depth,
        minusRate: V(repeating: -arguments.scalar(0, V.Scalar.self)), decay: V(repeating: arguments.scalar(4)))
    let last = end &* height < rows ? end &* height : rows
    // Backwards: the forward pass has just read the last rows, and the next one begins with the first.
    var row = last
    while row > begin &* height {
        row &-= 1
        let p = parameter + row &* columns
        var column = 0
        if depth == 1 {
            let x = V(repeating: descent.a[row])
            while column &+ 4 &* V.lanes <= columns {
                descent.step(InlineArray<4, V>(repeating: V.zero), p + column, x, descent.b + column)
                column &+= 4 &* V.lanes
            }
        }
        while column &+ 4 &* V.lanes <= columns {
            descent.step(InlineArray<4, V>(repeating: V.zero), p + column, row, column)
            column &+= 4 &* V.lanes
        }
        while column < columns {
            let count = columns &- column < V.lanes ? columns &- column : V.lanes
            var sum = V.zero
            for k in 0..<depth {
                sum = V.fma(V(repeating: descent.a[k &* rows &+ row]), V.load(descent.b + (k &* columns &+ column), count), sum)
            }
            descent.step(p + column, sum, count)
            column &+= V.lanes
        }
    }
    guard begin == 0, arguments.has(3) else { return }
    let bias: UnsafeMutablePointer<V.Scalar> = arguments.output(3)
    var column = 0
    while column < columns {
        let count = columns &- column < V.lanes ? columns &- column : V.lanes
        var sum = V.zero
        for k in 0..<depth { sum += V.load(descent.b + (k &* columns &+ column), count) }
        descent.step(bias + column, sum, count)
        column &+= V.lanes
    }
}
