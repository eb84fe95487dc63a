// The slots of a matrix product's call (kernels matrixMultiply and packColumns): the plan in
// KernelDispatch fills them, the kernels read them. Strides are in elements.

@frozen
public enum MatrixMultiplySlot {
    // Pointers. A role that a product does not have is nil.
    @inlinable public static var a: Int { 0 }
    @inlinable public static var b: Int { 1 }
    @inlinable public static var c: Int { 2 }
    /// n elements, added to every row of C.
    @inlinable public static var bias: Int { 3 }
    /// n elements per matrix of a batch: receives the sums of B's columns over k.
    @inlinable public static var columnSums: Int { 4 }
    /// What the derivative of the epilogue's function is taken at; C's shape.
    @inlinable public static var saved: Int { 5 }
    /// `workspaceBytes` of the plan.
    @inlinable public static var workspace: Int { 6 }
    /// `ConvolutionSpace`, when B is the matrix of a convolution.
    @inlinable public static var space: Int { 7 }

    // Integers.
    @inlinable public static var rows: Int { 0 }
    /// The column where this step ends; see `pieceShape` for where it begins.
    @inlinable public static var columns: Int { 1 }
    @inlinable public static var depth: Int { 2 }
    @inlinable public static var aRow: Int { 3 }
    @inlinable public static var aColumn: Int { 4 }
    @inlinable public static var bRow: Int { 5 }
    @inlinable public static var bColumn: Int { 6 }
    @inlinable public static var cRow: Int { 7 }
    @inlinable public static var savedRow: Int { 8 }
    @inlinable public static var aBatch: Int { 9 }
    @inlinable public static var bBatch: Int { 10 }
    @inlinable public static var cBatch: Int { 11 }
    /// k is summed in blocks of this length.
    @inlinable public static var blockLength: Int { 12 }
    /// Rows of a piece, columns << 20, and the step's first column, counted in tiles, << 40.
    @inlinable public static var pieceShape: Int { 13 }
    /// Pieces along m, along n << 24, matrices of the batch in one piece << 48, and whether columns are numbered first << 62.
    @inlinable public static var pieceCounts: Int { 14 }
    /// `MatrixMultiplyFlags`.
    @inlinable public static var flags: Int { 15 }

    // Scalars.
    @inlinable public static var functionA: Int { 0 }
    @inlinable public static var functionB: Int { 1 }
}

/// What a matrix product's call does besides multiplying, and how it reads its operands.
@frozen
public struct MatrixMultiplyFlags {
    public var bits: Int
    @inlinable public init(bits: Int) { self.bits = bits }

    @inlinable public static var bias: Int { 1 << 0 }
    /// One bias for all columns (a product with n = 1, run as its transpose).
    @inlinable public static var biasIsOne: Int { 1 << 1 }
    /// max(0, c), in registers.
    @inlinable public static var relu: Int { 1 << 2 }
    /// c where saved > 0, else 0, in registers.
    @inlinable public static var reluGradient: Int { 1 << 3 }
    /// The result is added to what C holds.
    @inlinable public static var accumulate: Int { 1 << 4 }
    @inlinable public static var columnSums: Int { 1 << 5 }
    /// The column sums are those of A's only row (a product run as its transpose).
    @inlinable public static var rowSums: Int { 1 << 6 }
    /// A function applied to finished rows.
    @inlinable public static var forwardFunction: Int { 1 << 7 }
    /// c *= f'(saved), applied to finished rows.
    @inlinable public static var backwardFunction: Int { 1 << 8 }
    /// Each strip of A is copied to scratch before use.
    @inlinable public static var packA: Int { 1 << 9 }
    /// B lies packed in the workspace.
    @inlinable public static var sharedB: Int { 1 << 10 }
    /// Each piece packs its own columns of B in scratch.
    @inlinable public static var localB: Int { 1 << 11 }
    /// B's element (k, n) lies at n * bColumn + k.
    @inlinable public static var transposedB: Int { 1 << 12 }
    /// Sums of unfinished blocks lie in the workspace, since C holds what to add to.
    @inlinable public static var partialInWorkspace: Int { 1 << 13 }
    /// The next strip of A is fetched while one is multiplied (AVX-512); with streamB, the next rows of B.
    @inlinable public static var fetch: Int { 1 << 14 }

    /// One row of A: B is read along its rows.
    @inlinable public static var streamB: Int { 1 << 15 }
    // Bits 16 to 19 are the number of vectors; narrowProduct, which has none:
    /// Denormal numbers count as zeros.
    @inlinable public static var flushes: Int { 1 << 16 }
    /// B is an image, whose columns each piece gathers in scratch as the pointer `space` says, if localB is set.
    @inlinable public static var gatheredB: Int { 1 << 20 }
    /// The bias has m elements, one for each row of C.
    @inlinable public static var biasOfRows: Int { 1 << 21 }
    /// The copies of A's strips are kept in the workspace, behind the packed B, for the steps that follow: rows
    /// of the depth and one vector.
    @inlinable public static var keepA: Int { 1 << 22 }
    /// A lies there.
    @inlinable public static var keptA: Int { 1 << 23 }
    /// What is done to finished sums before they are stored.
    @inlinable public static var inRegisters: Int { bias | biasIsOne | biasOfRows | relu | reluGradient | accumulate }

    @inlinable public func has(_ bit: Int) -> Bool { bits & bit != 0 }
    /// Vectors in a row of a tile, and of a packed panel.
    @inlinable public var vectors: Int { bits >> 16 & 15 }
    /// The image is multiplied as it lies (Kernels/DirectConvolution.swift): float32, AVX2 or AVX-512.
    @inlinable public var isDirect: Bool {
        bits & (MatrixMultiplyFlags.gatheredB | MatrixMultiplyFlags.localB) == MatrixMultiplyFlags.gatheredB
    }
    /// `UnaryFunction` of the epilogue.
    @inlinable public var function: Int { bits >> 24 & 255 }
    /// Matrices in the batch.
    @inlinable public var batchCount: Int { bits >> 32 }
}

/// Scratch that a matrix product keeps for its strip of A; packed columns of B follow.
public let matrixMultiplyStripBytes = 48 << 10
