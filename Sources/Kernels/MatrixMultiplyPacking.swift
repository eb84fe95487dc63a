// Packing for the matrix product. B is cut into panels as wide as a tile, [panel][k][columns], the
// last one filled up with anything: a tile then reads one stream, whatever B's strides were, and
// needs no mask but for storing.
// A strip of A is copied when its rows lie a large power of two apart, since they would push each
// other out of the cache.
//
// packColumns, slots: b (source) and workspace; pieces are blocks of k times groups of panels. In
// the workspace block follows block, each with all its panels, so that what is used together lies
// together.

import CPUFeatures
import KernelInterface

/// Packs columns `begin..<end` (counted from b) of `depth` k's of B.
@inline(__always)
func packPanels<V: KernelVector>(
    _: V.Type, _ b: UnsafePointer<V.Scalar>, _ bRow: Int, _ bColumn: Int, transposed: Bool, depth: Int,
    columns: Int, vectors: Int, to: UnsafeMutablePointer<V.Scalar>
) {
    if transposed {
        packTransposed(V.self, b, bColumn, depth: depth, columns: columns, vectors: vectors, to: to)
    } else {
        packDirect(V.self, b, bRow, depth: depth, columns: columns, vectors: vectors, to: to)
    }
}

/// From row-major B, one k after the other through all panels, so that reads are consecutive.
@inline(never)
private func packDirect<V: KernelVector>(
    _: V.Type, _ b: UnsafePointer<V.Scalar>, _ bRow: Int, depth: Int, columns: Int, vectors: Int,
    to: UnsafeMutablePointer<V.Scalar>
) {
    let width = vectors * V.lanes
    let full = columns / width
    let tail = columns - full * width
    for k in 0..<depth {
        var source = b + k * bRow
        var target = to + k * width
        for _ in 0..<full {
            for j in 0..<vectors {
                cr_prefetch(source + j * V.lanes + 8 * bRow)
                V.load(source + j * V.lanes).store(target + j * V.lanes)
            }
            source += width
            target += depth * width
        }
        if tail > 0 {
            for j in 0..<vectors {
                let count = tail - j * V.lanes
                let x = count >= V.lanes ? V.load(source + j * V.lanes)
                    : count > 0 ? V.load(source + j * V.lanes, count) : V.zero
                x.store(target + j * V.lanes)
            }
        }
    }
}

/// From transposed B, through transposes in registers.
@inline(never)
private func packTransposed<V: KernelVector>(
    _: V.Type, _ b: UnsafePointer<V.Scalar>, _ bColumn: Int, depth: Int, columns: Int, vectors: Int,
    to: UnsafeMutablePointer<V.Scalar>
) {
    let width = vectors * V.lanes
    var column = 0
    var target = to
    while column < columns {
        for j in 0..<vectors {
            let first = column + j * V.lanes
            let count = columns - first
            if count <= 0 { break }
            V.packTransposed(
                b + first * bColumn, bColumn, target + j * V.lanes, width, count < V.lanes ? count : V.lanes, depth)
        }
        column += width
        target += depth * width
    }
}

/// Copies a strip of A: rows of `depth` elements, `rowStride` apart, or, where A is transposed, `depth` rows.
@inline(__always)
func packStrip<V: KernelVector>(
    _: V.Type, _ a: UnsafePointer<V.Scalar>, _ aRow: Int, _ aColumn: Int, rows: Int, depth: Int,
    to: UnsafeMutablePointer<V.Scalar>, rowStride stride: Int
) -> (row: Int, column: Int) {
    if aColumn == 1 {
        for i in 0..<rows {
            let source = a + i * aRow
            let target = to + i * stride
            var k = 0
            while k + V.lanes <= depth {
                V.load(source + k).store(target + k)
                k += V.lanes
            }
            if k < depth { V.load(source + k, depth - k).store(target + k) }
        }
        return (stride, 1)
    }
    let stride = (rows + V.lanes - 1) / V.lanes * V.lanes
    for k in 0..<depth {
        let source = a + k * aColumn
        let target = to + k * stride
        var i = 0
        while i + V.lanes <= rows {
            V.load(source + i).store(target + i)
            i += V.lanes
        }
        if i < rows { V.load(source + i, rows - i).store(target + i) }
    }
    return (1, stride)
}

func packColumnsKernel(_ raw: UnsafeRawPointer, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?) {
    if Arguments(raw).isDouble {
        packColumns(DoubleVector.self, raw, begin, end)
    } else {
        packColumns(FloatVector.self, raw, begin, end)
    }
}

@inline(__always)
private func packColumns<V: KernelVector>(_: V.Type, _ raw: UnsafeRawPointer, _ begin: Int, _ end: Int) {
    typealias Slot = MatrixMultiplySlot
    let call = Arguments(raw)
    let flags = MatrixMultiplyFlags(bits: call.integer(Slot.flags))
    let shape = call.integer(Slot.pieceShape)
    let firstColumn = (shape >> 40) * flags.vectors * V.lanes
    let columns = call.integer(Slot.columns) - firstColumn
    let depth = call.integer(Slot.depth)
    let bRow = call.integer(Slot.bRow)
    let bColumn = call.integer(Slot.bColumn)
    let block = call.integer(Slot.blockLength)
    let pieceColumns = shape >> 20 & 0xf_ffff
    let width = flags.vectors * V.lanes
    let padded = (columns + width - 1) / width * width
    let b: UnsafePointer<V.Scalar> = call.input(Slot.b)
    let workspace: UnsafeMutablePointer<V.Scalar> = call.output(Slot.workspace)
    let groups = (columns + pieceColumns - 1) / pieceColumns
    let blocks = (depth + block - 1) / block
    for piece in begin..<end {
        let batch = piece / (groups * blocks)
        let rest = piece - batch * groups * blocks
        let k = rest / groups * block
        let column = rest % groups * pieceColumns
        let length = k + block < depth ? block : depth - k
        packPanels(
            V.self, b + batch * call.integer(Slot.bBatch) + k * bRow + (firstColumn + column) * bColumn, bRow, bColumn,
            transposed: flags.has(MatrixMultiplyFlags.transposedB), depth: length,
            columns: column + pieceColumns < columns ? pieceColumns : columns - column, vectors: flags.vectors,
            to: workspace + batch * padded * depth + k * padded + column * length)
    }
}

extension KernelVector {
    /// to[k * toRow + n] = from[n * fromRow + k] for n < rows, at most a vector.
    @inline(__always)
    fileprivate static func packTransposed(
        _ from: UnsafePointer<Scalar>, _ fromRow: Int, _ to: UnsafeMutablePointer<Scalar>, _ toRow: Int,
        _ rows: Int, _ columns: Int
    ) {
        if Scalar.self == Float.self {
            cr_pack_transposed_float(
                UnsafeRawPointer(from).assumingMemoryBound(to: Float.self), fromRow,
                UnsafeMutableRawPointer(to).assumingMemoryBound(to: Float.self), toRow, rows, columns)
        } else {
            cr_pack_transposed_double(
                UnsafeRawPointer(from).assumingMemoryBound(to: Double.self), fromRow,
                UnsafeMutableRawPointer(to).assumingMemoryBound(to: Double.self), toRow, rows, columns)
        }
    }
}
