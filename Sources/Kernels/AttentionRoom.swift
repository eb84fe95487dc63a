// Attention's part of its thread's scratch, and its products: those of MatrixMultiplyPiece.swift, which
// packs the second factor in the same scratch. Behind the product's part lie the scores of a block of
// queries and a block of keys, and, in the backward pass, the gradients in them.

import KernelInterface

struct AttentionRoom<V: RandomVector> {
    typealias Scalars = UnsafeMutablePointer<V.Scalar>
    /// The product's panels: 128 columns of 512 k's, or 256 of 128.
    private static var panelBytes: Int { 256 << 10 }

    let arguments: Arguments
    private let scratch: UnsafeMutableRawPointer
    /// Rows of `attentionBlock` elements.
    let scores: Scalars
    let slopes: Scalars
    /// By row: the largest score so far and the sum of exponentials below it.
    let largest: Scalars
    let totals: Scalars
    /// Zeros and -inf by key.
    let padding: Scalars
    /// A row of the mask where it isn't used as it lies.
    let mask: Scalars
    /// What 64 weights are multiplied with when some are dropped.
    let chances: Scalars

    @inline(__always) init(_ arguments: Arguments, _ scratch: UnsafeMutableRawPointer) {
        self.arguments = arguments
        self.scratch = scratch
        scores = (scratch + (matrixMultiplyStripBytes + Self.panelBytes)).assumingMemoryBound(to: V.Scalar.self)
        slopes = scores + attentionBlock * attentionBlock
        largest = slopes + attentionBlock * attentionBlock
        totals = largest + attentionBlock
        padding = totals + attentionBlock
        mask = padding + attentionBlock
        chances = mask + attentionBlock
    }

    /// C = A B, or C += A B where `depth` is at most a block; either of B's strides is 1.
    @inline(never)
    func multiply(
        _ a: UnsafePointer<V.Scalar>, _ aRow: Int, _ aColumn: Int, _ b: UnsafePointer<V.Scalar>, _ bRow: Int,
        _ bColumn: Int, into c: Scalars, _ cRow: Int, rows: Int, columns: Int, depth: Int, adds: Bool
    ) {
        typealias Flags = MatrixMultiplyFlags
        let size = MemoryLayout<V.Scalar>.stride
        let longest = 2048 / size
        let blocks = (depth + longest - 1) / longest
        let blockLength = ((depth + blocks - 1) / blocks + 3) / 4 * 4
        var base = Flags.localB | 1 << 32
        if bColumn != 1 { base |= Flags.transposedB }
        if adds { base |= Flags.accumulate }
        // Rows that far apart push each other out of the cache.
        if aColumn == 1 && aRow * size % 2048 == 0 && rows > 4 { base |= Flags.packA }
        var column = 0
        while column < columns {
            let count = min(256, columns - column)
            let product = Product<V>(
                a: a, b: b + column * bColumn, c: c + column, partial: c + column, packed: UnsafePointer(c), rows: rows,
                firstColumn: 0, columns: count, depth: depth, aRow: aRow, aColumn: aColumn, bRow: bRow, bColumn: bColumn,
                cRow: cRow, partialRow: cRow, savedRow: cRow, blockLength: blockLength,
                flags: Flags(bits: base | Self.tileVectors(rows, count) << 16), scratch: scratch, call: arguments)
            multiplyBlock(product, 0, rows, 0, count)
            column += count
        }
    }

    /// As the plan of a matrix product chooses them.
    @inline(__always) private static func tileVectors(_ rows: Int, _ columns: Int) -> Int {
        var vectors = tileSizes.vectors
        if tileSizes.rows == 12 && rows <= 4 { vectors = rows <= 2 ? 8 : 4 }
        if tileSizes.rows == 6 && rows <= 2 { vectors = rows == 1 ? 4 : 2 }
        if tileSizes.rows == 4 && rows == 1 { vectors = 4 }
        while vectors > 1 && (vectors - 1) * V.lanes >= columns { vectors /= 2 }
        return vectors
    }
}
