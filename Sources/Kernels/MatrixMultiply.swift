// C = epilogue(A . B) for a batch of matrices: entry and the reading of the call's slots, which
// KernelInterface/MatrixMultiplyCall.swift names. README.md explains the whole; the plan in
// KernelDispatch takes all decisions, so that little is left to do here for a small product.
//
// A piece is a block of rows times a block of columns of one matrix, or several small matrices.
// Pieces are numbered with the rows first (those of a weight's gradient with the columns first). Whatever the pieces, tiles and packing, an element of
// C is the FMA chain over each block of k, blocks added in their order: its bits depend on its row
// of A, its column of B and k's length alone.

import CPUFeatures
import KernelInterface

func matrixMultiplyKernel(
    _ raw: UnsafeRawPointer, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?
) {
    if Arguments(raw).isDouble {
        multiplyPieces(DoubleVector.self, raw, begin, end, scratch)
    } else {
        #if AVX2 || AVX512
        if MatrixMultiplyFlags(bits: Arguments(raw).integer(MatrixMultiplySlot.flags)).isDirect {
            convolveDirect(raw, begin, end, scratch)
            return
        }
        #endif
        multiplyPieces(FloatVector.self, raw, begin, end, scratch)
    }
}

/// One matrix product, its operands at the first element of one matrix.
struct Product<V: KernelMath> {
    var a: UnsafePointer<V.Scalar>
    var b: UnsafePointer<V.Scalar>
    var c: UnsafeMutablePointer<V.Scalar>
    /// Sums of unfinished blocks: C itself, or in the workspace.
    var partial: UnsafeMutablePointer<V.Scalar>
    var packed: UnsafePointer<V.Scalar>
    var bias: UnsafePointer<V.Scalar>?
    var saved: UnsafePointer<V.Scalar>?
    var columnSums: UnsafeMutablePointer<V.Scalar>?
    let rows: Int
    /// The step's columns.
    let firstColumn: Int
    let columns: Int
    let depth: Int
    let aRow: Int
    let aColumn: Int
    let bRow: Int
    let bColumn: Int
    let cRow: Int
    let partialRow: Int
    let savedRow: Int
    let blockLength: Int
    let flags: MatrixMultiplyFlags
    let scratch: UnsafeMutableRawPointer
    let call: Arguments
    /// Where the copies of A's strips are kept, `keptRow` elements a row.
    var kept: UnsafeMutablePointer<V.Scalar>? = nil
    /// How B is gathered from an image.
    var space: UnsafePointer<ConvolutionSpace>? = nil

    @inline(__always) var keptRow: Int { depth + V.lanes }

    /// The step's columns rounded up to whole panels.
    @inline(__always) var paddedColumns: Int {
        let width = flags.vectors * V.lanes
        return (columns - firstColumn + width - 1) / width * width
    }
}

@inline(never)
private func multiplyPieces<V: KernelMath>(
    _: V.Type, _ raw: UnsafeRawPointer, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?
) {
    typealias Slot = MatrixMultiplySlot
    let call = Arguments(raw)
    let flags = MatrixMultiplyFlags(bits: call.integer(Slot.flags))
    var product = Product<V>(call, flags, scratch.unsafelyUnwrapped)
    if call.integer(Slot.pieceCounts) == 1 | 1 << 24 | 1 << 48 && end - begin == 1 && !flags.needsWorkspace {
        // One matrix in one piece, as most small products are.
        if call.integer(Slot.aBatch) | call.integer(Slot.bBatch) | call.integer(Slot.cBatch) == 0 {
            multiplyBlock(product, 0, product.rows, 0, product.columns)
            return
        }
    }
    if flags.has(MatrixMultiplyFlags.streamB) && flags.batchCount == 1 {
        multiplyRowPieces(product, call.integer(Slot.pieceShape) >> 20 & 0xf_ffff, begin, end)
        return
    }
    product.forEachBlock(begin, end) { multiplyBlock($0, $1, $2, $3, $4) }
}

extension MatrixMultiplyFlags {
    @inline(__always) fileprivate var needsWorkspace: Bool {
        bits & (MatrixMultiplyFlags.sharedB | MatrixMultiplyFlags.partialInWorkspace) != 0
    }
}

extension Product {
    @inline(__always)
    init(_ call: Arguments, _ flags: MatrixMultiplyFlags, _ scratch: UnsafeMutableRawPointer) {
        typealias Slot = MatrixMultiplySlot
        typealias Scalars = UnsafeMutablePointer<V.Scalar>
        func optional(_ slot: Int) -> Scalars? {
            call.call.pointee.pointers[slot]?.assumingMemoryBound(to: V.Scalar.self)
        }
        let c: Scalars = call.output(Slot.c)
        self.init(
            a: call.input(Slot.a), b: call.input(Slot.b), c: c, partial: c, packed: UnsafePointer(c),
            bias: optional(Slot.bias).map { UnsafePointer($0) }, saved: optional(Slot.saved).map { UnsafePointer($0) },
            columnSums: optional(Slot.columnSums), rows: call.integer(Slot.rows),
            firstColumn: (call.integer(Slot.pieceShape) >> 40) * flags.vectors * V.lanes, columns: call.integer(Slot.columns),
            depth: call.integer(Slot.depth), aRow: call.integer(Slot.aRow), aColumn: call.integer(Slot.aColumn),
            bRow: call.integer(Slot.bRow), bColumn: call.integer(Slot.bColumn), cRow: call.integer(Slot.cRow),
            partialRow: flags.has(MatrixMultiplyFlags.partialInWorkspace)
                ? call.integer(Slot.columns) : call.integer(Slot.cRow),
            savedRow: call.integer(Slot.savedRow), blockLength: call.integer(Slot.blockLength), flags: flags,
            scratch: scratch, call: call)
        if flags.has(MatrixMultiplyFlags.gatheredB) { space = call.input(Slot.space) }
    }

    /// Hands over the blocks of pieces: the product at their matrix, first and end row, first and end column.
    @inline(__always)
    mutating func forEachBlock(_ begin: Int, _ end: Int, _ multiply: (Product, Int, Int, Int, Int) -> Void) {
        let shape = call.integer(MatrixMultiplySlot.pieceShape)
        let counts = call.integer(MatrixMultiplySlot.pieceCounts)
        let pieceRows = shape & 0xf_ffff
        let pieceColumns = shape >> 20 & 0xf_ffff
        let down = counts & 0xff_ffff
        let across = counts >> 24 & 0xff_ffff
        let together = counts >> 48 & 0x3fff
        let isByRows = counts >> 62 != 0
        let batchCount = flags.batchCount
        // Pieces below each other are one block where each would pack the same columns anew.
        let merges = flags.has(MatrixMultiplyFlags.localB) && together == 1 && depth <= blockLength && !isByRows
        var piece = begin
        while piece < end {
            let group = piece / (down * across)
            let rest = piece - group * down * across
            let inner = isByRows ? across : down
            let outer = rest / inner
            let place = rest - outer * inner
            let column = firstColumn + (isByRows ? place : outer) * pieceColumns
            let row = (isByRows ? outer : place) * pieceRows
            let count = merges ? min(end - piece, down - place) : 1
            let endRow = row + count * pieceRows
            let firstMatrix = group * together
            let lastMatrix = firstMatrix + together < batchCount ? firstMatrix + together : batchCount
            for matrix in firstMatrix..<lastMatrix {
                move(to: matrix)
                multiply(
                    self, row, endRow < rows ? endRow : rows, column,
                    column + pieceColumns < columns ? column + pieceColumns : columns)
            }
            piece += count
        }
    }

    /// Sets the pointers to the first elements of a matrix of the batch.
    @inline(__always)
    fileprivate mutating func move(to matrix: Int) {
        typealias Slot = MatrixMultiplySlot
        let cBatch = call.integer(Slot.cBatch)
        let bBatch = call.integer(Slot.bBatch)
        var ofWeights = matrix
        if let space {
            ofWeights = matrix % space.pointee.groups
            if let p = call.call.pointee.pointers[Slot.bias] {
                bias = UnsafePointer(p.assumingMemoryBound(to: V.Scalar.self)) + ofWeights * rows
            }
        }
        a = call.input(Slot.a) + ofWeights * call.integer(Slot.aBatch)
        b = call.input(Slot.b) + matrix * bBatch
        c = call.output(Slot.c) + matrix * cBatch
        partial = c
        if flags.needsWorkspace {
            var workspace: UnsafeMutablePointer<V.Scalar> = call.output(Slot.workspace)
            if flags.has(MatrixMultiplyFlags.sharedB) {
                let size = paddedColumns * depth
                packed = UnsafePointer(workspace) + (bBatch == 0 ? 0 : matrix * size)
                workspace += bBatch == 0 ? size : flags.batchCount * size
            }
            if flags.has(MatrixMultiplyFlags.keepA) { kept = workspace }
            if flags.has(MatrixMultiplyFlags.keptA) { a = UnsafePointer(workspace) }
            if flags.has(MatrixMultiplyFlags.partialInWorkspace) { partial = workspace + matrix * rows * columns }
        }
        if let p = call.call.pointee.pointers[Slot.saved] {
            saved = UnsafePointer(p.assumingMemoryBound(to: V.Scalar.self)) + matrix * cBatch
        }
        if let p = call.call.pointee.pointers[Slot.columnSums] {
            columnSums = p.assumingMemoryBound(to: V.Scalar.self) + matrix * columns
        }
    }
}
