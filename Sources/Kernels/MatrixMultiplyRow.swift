// One row of A times a B that is read once and doesn't fit the nearest cache: batch 1 through a wide
// layer. What counts is how fast B arrives. A tile would take a short run of each row of B and jump to
// the next row; here eight rows of B are read along their whole length, eight streams that the CPU's
// own prefetching follows, and the sums go through memory that stays in the first-level cache. Each
// sum is the same chain of FMAs as in a tile.

import CPUFeatures
import KernelInterface

/// Bytes of sums: a part of the first-level cache.
private let sumBytes = 16 << 10

/// Pieces that follow each other along a row, as one: the longer the run, the better.
@inline(__always)
func multiplyRowPieces<V: KernelMath>(_ p: Product<V>, _ width: Int, _ begin: Int, _ end: Int) {
    var column = p.firstColumn + begin * width
    let endColumn = p.firstColumn + end * width < p.columns ? p.firstColumn + end * width : p.columns
    let step = max(sumBytes / (width * MemoryLayout<V.Scalar>.stride), 1) * width
    while column < endColumn {
        multiplyRow(p, 0, column, column + step < endColumn ? column + step : endColumn)
        column += step
    }
}

@inline(never)
func multiplyRow<V: KernelMath>(_ p: Product<V>, _ row: Int, _ firstColumn: Int, _ endColumn: Int) {
    typealias Flags = MatrixMultiplyFlags
    let columns = endColumn - firstColumn
    let sums = p.scratch.assumingMemoryBound(to: V.Scalar.self)
    var s = Strip<V>(
        a: UnsafeRawPointer(p.a), b: UnsafeRawPointer(p.b),
        partial: UnsafePointer(p.partial) + row * p.partialRow + firstColumn, result: p.c, ahead: UnsafeRawPointer(p.a))
    if let bias = p.bias { s.bias = bias + (p.flags.has(Flags.biasIsOne) ? 0 : firstColumn) }
    if let saved = p.saved { s.saved = saved + row * p.savedRow + firstColumn }
    var k = 0
    repeat {
        let depth = k + p.blockLength < p.depth ? p.blockLength : p.depth - k
        let isLast = k + depth == p.depth
        var column = 0
        while column < columns {
            V.zero.store(sums + column)
            column += V.lanes
        }
        let a = p.a + row * p.aRow + k * p.aColumn
        let b = p.b + k * p.bRow + firstColumn
        var i = 0
        while i + 8 <= depth {
            let zero = InlineArray<8, V>(repeating: V.zero)
            if p.flags.has(Flags.fetch) {
                addRows(zero, p, a + i * p.aColumn, b + i * p.bRow, sums, columns, fetches: true)
            } else {
                addRows(zero, p, a + i * p.aColumn, b + i * p.bRow, sums, columns, fetches: false)
            }
            i += 8
        }
        while i < depth {
            addRows(InlineArray<1, V>(repeating: V.zero), p, a + i * p.aColumn, b + i * p.bRow, sums, columns, fetches: false)
            i += 1
        }
        s.addsPartial = k > 0
        s.epilogue = isLast ? p.flags.bits & Flags.inRegisters : 0
        s.result = (isLast ? p.c + row * p.cRow : p.partial + row * p.partialRow) + firstColumn
        column = 0
        while column < columns {
            let count = columns - column < V.lanes ? columns - column : V.lanes
            var sum = InlineArray<1, InlineArray<1, V>>(repeating: InlineArray<1, V>(repeating: V.load(sums + column)))
            Tile<1, 1, V>.finish(&sum, s, column, count, masked: true)
            column += V.lanes
        }
        k += depth
    } while k < p.depth
    if p.flags.bits & (Flags.forwardFunction | Flags.backwardFunction) != 0 {
        applyFunction(p, row, 1, firstColumn, columns)
    }
}

/// Adds N rows of B, each times its element of A, to the sums; has the next N fetched.
@inline(__always)
private func addRows<let N: Int, V: KernelMath>(
    _ zero: InlineArray<N, V>, _ p: Product<V>, _ a: UnsafePointer<V.Scalar>, _ b: UnsafePointer<V.Scalar>,
    _ sums: UnsafeMutablePointer<V.Scalar>, _ columns: Int, fetches: Bool
) {
    var xs = zero
    for r in 0..<N { xs[r] = V(repeating: a[r * p.aColumn]) }
    let bRow = p.bRow
    var column = 0
    while column + V.lanes <= columns {
        var sum = V.load(sums + column)
        for r in 0..<N {
            if fetches { cr_prefetch_far(b + ((r + N) * bRow + column)) }
            sum = V.fma(xs[r], V.load(b + (r * bRow + column)), sum)
        }
        sum.store(sums + column)
        column += V.lanes
    }
    let count = columns - column
    if count > 0 {
        var sum = V.load(sums + column)
        for r in 0..<N { sum = V.fma(xs[r], V.load(b + (r * bRow + column), count), sum) }
        sum.store(sums + column)
    }
}
