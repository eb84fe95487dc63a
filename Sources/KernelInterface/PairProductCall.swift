// The calls of packPairs and multiplyPairs, which multiply matrices rounded to bfloat16: the plan in KernelDispatch
// fills them, KernelsBF16 reads them.
//
// A packed operand holds its lines (rows of A, columns of B) in groups. A group is [pairs of k][slots], with room for
// whole fours of pairs: a word for each line holds the elements of an even k and of the one behind it. Rows of A come
// in groups of 12, which are the tiles' height, and then some of fewer, columns of B in groups of 32.

/// How the lines of a matrix are divided into groups.
@frozen
public struct PairGroups: Sendable {
    public var wideCount: Int
    public var narrowCount: Int
    /// Lines of a narrow group.
    public var narrow: Int

    /// Groups of 12 and of 8 rows that together are as few rows more than wanted as can be, or one of 4 or 1.
    @inlinable public init(rows: Int) {
        let quarters = (rows + 3) / 4
        (wideCount, narrowCount, narrow) = (0, 1, rows == 1 ? 1 : quarters == 1 ? 4 : 8)
        guard quarters > 1 else { return }
        narrowCount = quarters % 3 == 0 ? 0 : 3 - quarters % 3
        wideCount = (quarters - 2 * narrowCount) / 3
    }

    @inlinable public init(columns: Int) { (wideCount, narrowCount, narrow) = (0, (columns + 31) / 32, 32) }

    /// From one number of a call.
    @inlinable public init(bits: Int) {
        (wideCount, narrowCount, narrow) = (bits & 0xfff_ffff, bits >> 28 & 0xfff_ffff, bits >> 56)
    }
    @inlinable public var bits: Int { wideCount | narrowCount << 28 | narrow << 56 }

    @inlinable public var count: Int { wideCount + narrowCount }
    @inlinable public func lines(_ group: Int) -> Int { group < wideCount ? 12 : narrow }
    /// Words of a group and a pair of k: rows are filled up to half a line of the cache or a whole one.
    @inlinable public func slots(_ group: Int) -> Int { group < wideCount ? 16 : narrow <= 8 ? 8 : 32 }
    @inlinable public func firstLine(_ group: Int) -> Int {
        group < wideCount ? group * 12 : wideCount * 12 + (group - wideCount) * narrow
    }
    /// Slots of all groups before.
    @inlinable public func firstSlot(_ group: Int) -> Int {
        group <= wideCount ? group * 16 : wideCount * 16 + (group - wideCount) * slots(group)
    }
}

/// Pairs for which a group has room.
@inlinable public func pairRows(_ pairs: Int) -> Int { (pairs + 3) / 4 * 4 }

/// Integers of packPairs; its pointers are 0 = source (floats), 1 = target.
@frozen
public enum PackPairsSlot {
    /// Lines, and elements of each.
    @inlinable public static var lines: Int { 0 }
    @inlinable public static var depth: Int { 1 }
    /// From one line to the next, and from one k to the next, in the source; one of them is 1.
    @inlinable public static var lineStride: Int { 2 }
    @inlinable public static var depthStride: Int { 3 }
    /// From one matrix to the next in the source.
    @inlinable public static var batch: Int { 4 }
    /// `PairGroups`.
    @inlinable public static var groups: Int { 5 }
    /// What stands behind the last element where their number is odd: zero's bits, in B, or minus zero's, in A, so that
    /// the product of the two changes no sum.
    @inlinable public static var padding: Int { 6 }
    /// Pairs of k and groups in a piece; pieces are numbered by matrix, then pairs, then groups.
    @inlinable public static var pairsPerPiece: Int { 7 }
    @inlinable public static var groupsPerPiece: Int { 8 }
}

/// Integers of multiplyPairs; its pointers are those of `MatrixMultiplySlot`: a, b, c, bias, saved.
@frozen
public enum MultiplyPairsSlot {
    @inlinable public static var rows: Int { 0 }
    @inlinable public static var columns: Int { 1 }
    /// Pairs of k, and of a block.
    @inlinable public static var pairs: Int { 2 }
    @inlinable public static var blockPairs: Int { 3 }
    @inlinable public static var cRow: Int { 4 }
    @inlinable public static var savedRow: Int { 5 }
    /// Words, or elements of C, from one matrix to the next.
    @inlinable public static var aBatch: Int { 6 }
    @inlinable public static var bBatch: Int { 7 }
    @inlinable public static var cBatch: Int { 8 }
    /// `PairGroups` of A.
    @inlinable public static var groups: Int { 9 }
    /// Groups of A's rows and of B's columns in a piece; pieces are numbered by matrix, then columns, then rows.
    @inlinable public static var rowGroupsPerPiece: Int { 10 }
    @inlinable public static var columnGroupsPerPiece: Int { 11 }
    /// `MatrixMultiplyFlags`: bias, relu, reluGradient.
    @inlinable public static var flags: Int { 12 }
}
