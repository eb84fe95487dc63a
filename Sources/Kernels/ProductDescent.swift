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
//             3 bias [columns] or nil  4 next [rows] or nil  5 result [columns]
//   integers  0 rows  1 columns  2 (the step's)  3 depth  4 rows per piece  5 block length
//   scalars   as `sgd`
// Each element of the gradient is the FMA chain of MatrixMultiply.swift, and the update that of
// `sgd`, so the bits are those of the long way.
//
// With `next`, the sample that the next step's forward pass multiplies the parameter by, the result is
// that product, bias added: next . p + bias. The weight is in registers at this moment, and a batch of
// one spends most of its time waiting for it. One piece, depth 1, no decay; the chain goes up the rows in blocks,
// as in MatrixMultiply.swift.

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

    /// The parameter behind the step. A decay of zero would add nothing.
    @inline(__always)
    func next(_ old: V, _ gradient: V, decays: Bool) -> V {
        V.fma(minusRate, decays ? V.fma(decay, old, gradient) : gradient, old)
    }

    /// A vector of the parameter: `count` elements, its gradient known.
    @inline(__always)
    func step(_ p: UnsafeMutablePointer<V.Scalar>, _ gradient: V, _ count: Int) {
        next(V.load(p, count), gradient, decays: true).store(p, count)
    }

    /// W vectors of columns of one row, from a batch of one.
    @inline(__always)
    func step<let W: Int>(
        _ zero: InlineArray<W, V>, _ p: UnsafeMutablePointer<V.Scalar>, _ x: V, _ b: UnsafePointer<V.Scalar>, decays: Bool
    ) {
        var olds = zero
        for j in 0..<W { olds[j] = V.load(p + j &* V.lanes) }
        for j in 0..<W {
            next(olds[j], V.fma(x, V.load(b + j &* V.lanes), V.zero), decays: decays).store(p + j &* V.lanes)
        }
    }

    /// As many columns of one row as fill groups of four vectors, from a batch of one; how many those were.
    @inline(__always)
    func steps(_ p: UnsafeMutablePointer<V.Scalar>, _ x: V, decays: Bool) -> Int {
        var column = 0
        while column &+ 4 &* V.lanes <= columns {
            step(InlineArray<4, V>(repeating: V.zero), p + column, x, b + column, decays: decays)
            column &+= 4 &* V.lanes
        }
        return column
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
        for j in 0..<W { next(V.load(p + j &* V.lanes), sums[j], decays: true).store(p + j &* V.lanes) }
    }

    @inline(__always)
    private func load(_ p: UnsafePointer<V.Scalar>, _ isMasked: Bool, _ count: Int) -> V { isMasked ? V.load(p, count) : V.load(p) }

    @inline(__always)
    private func store(_ vector: V, _ p: UnsafeMutablePointer<V.Scalar>, _ isMasked: Bool, _ count: Int) {
        if isMasked { vector.store(p, count) } else { vector.store(p) }
    }

    /// W vectors of columns, all rows, from a batch of one; and these columns of the next sample's product.
    /// - count: elements of a single vector; several are full.
    @inline(__always)
    func column<let W: Int>(
        _ zero: InlineArray<W, V>, _ parameter: UnsafeMutablePointer<V.Scalar>, _ sample: UnsafePointer<V.Scalar>,
        _ result: UnsafeMutablePointer<V.Scalar>, _ column: Int, _ count: Int, block: Int
    ) {
        var bs = zero
        for j in 0..<W { bs[j] = load(b + (column &+ j &* V.lanes), W == 1, count) }
        var p = parameter + column
        var row = 0
        while row < rows {
            let end = row &+ block < rows ? row &+ block : rows
            let isFirst = row == 0
            var sums = zero
            while row < end {
                let x = V(repeating: a[row])
                let y = V(repeating: sample[row])
                for j in 0..<W {
                    let at = p + j &* V.lanes
                    let new = next(load(at, W == 1, count), V.fma(x, bs[j], V.zero), decays: false)
                    store(new, at, W == 1, count)
                    sums[j] = V.fma(y, new, sums[j])
                }
                p += columns
                row &+= 1
            }
            for j in 0..<W {
                let at = result + (column &+ j &* V.lanes)
                store(isFirst ? sums[j] : load(at, W == 1, count) + sums[j], at, W == 1, count)
            }
        }
    }

    /// All columns of it.
    @inline(__always)
    func columns(
        _ parameter: UnsafeMutablePointer<V.Scalar>, _ sample: UnsafePointer<V.Scalar>, _ result: UnsafeMutablePointer<V.Scalar>,
        block: Int
    ) {
        #if AVX512
        let wide = InlineArray<8, V>(repeating: V.zero)
        #else
        let wide = InlineArray<4, V>(repeating: V.zero)
        #endif
        let width = wide.count &* V.lanes
        var column = 0
        while column &+ width <= columns {
            self.column(wide, parameter, sample, result, column, V.lanes, block: block)
            column &+= width
        }
        while column < columns {
            let count = columns &- column < V.lanes ? columns &- column : V.lanes
            self.column(InlineArray<1, V>(repeating: V.zero), parameter, sample, result, column, count, block: block)
            column &+= V.lanes
        }
    }

    /// Rows from the last one to the first: the forward pass has just read the last ones, and the next one
    /// begins with the first.
    @inline(__always)
    func rows(_ parameter: UnsafeMutablePointer<V.Scalar>, _ range: Range<Int>, decays: Bool) {
        var row = range.upperBound
        while row > range.lowerBound {
            row &-= 1
            let p = parameter + row &* columns
            var column = 0
            if depth == 1 {
                let x = V(repeating: a[row])
                column = decays ? steps(p, x, decays: true) : steps(p, x, decays: false)
            }
            while column &+ 4 &* V.lanes <= columns {
                step(InlineArray<4, V>(repeating: V.zero), p + column, row, column)
                column &+= 4 &* V.lanes
            }
            while column < columns {
                let count = columns &- column < V.lanes ? columns &- column : V.lanes
                var sum = V.zero
                for k in 0..<depth {
                    sum = V.fma(V(repeating: a[k &* rows &+ row]), V.load(b + (k &* columns &+ column), count), sum)
                }
                step(p + column, sum, count)
                column &+= V.lanes
            }
        }
    }

    /// The bias, whose gradient is the sums of b's columns, and the result, which it is part of.
    @inline(__always)
    func bias(_ bias: UnsafeMutablePointer<V.Scalar>, _ result: UnsafeMutablePointer<V.Scalar>?) {
        var column = 0
        while column < columns {
            let count = columns &- column < V.lanes ? columns &- column : V.lanes
            var sum = V.zero
            for k in 0..<depth { sum += V.load(b + (k &* columns &+ column), count) }
            step(bias + column, sum, count)
            if let result { (V.load(result + column, count) + V.load(bias + column, count)).store(result + column, count) }
            column &+= V.lanes
        }
    }
}

@inline(__always)
private func productDescent<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let parameter: UnsafeMutablePointer<V.Scalar> = arguments.output(0)
    let rows = arguments.integer(0)
    let height = arguments.integer(4)
    let decay: V.Scalar = arguments.scalar(4)
    let descent = Descent<V>(
        a: arguments.input(1), b: arguments.input(2), rows: rows, columns: arguments.integer(1), depth: arguments.integer(3),
        minusRate: V(repeating: -arguments.scalar(0, V.Scalar.self)), decay: V(repeating: decay))
    let looksAhead = arguments.has(4)
    if looksAhead {
        descent.columns(parameter, arguments.input(4), arguments.output(5), block: arguments.integer(5))
    } else {
        let range = begin &* height..<(end &* height < rows ? end &* height : rows)
        descent.rows(parameter, range, decays: decay != 0)
    }
    if begin == 0, arguments.has(3) { descent.bias(arguments.output(3), looksAhead ? arguments.output(5) : nil) }
}
