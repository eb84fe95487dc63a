// How a kernel walks arrays that are not contiguous: broadcast, transposed or sliced. A call holds
// a pointer to one of these in the plan's memory; it is made once, when the plan is made.

/// Up to eight dimensions with the strides, in elements, of up to three operands. The last
/// dimension is the inner loop (the columns); the others, counted row by row, are the rows.
@frozen
public struct StridedSpace: Sendable {
    /// Product of the outer sizes.
    public private(set) var rows = 1
    /// Size of the last dimension.
    public private(set) var columns = 1
    public private(set) var columnStrides = InlineArray<3, Int>(repeating: 0)
    public private(set) var outerRank = 0
    public private(set) var outerSizes = InlineArray<7, Int>(repeating: 1)
    /// By operand, then by outer dimension.
    public private(set) var outerStrides = InlineArray<3, InlineArray<7, Int>>(
        repeating: InlineArray<7, Int>(repeating: 0))

    /// Sizes and strides without dimensions of size one, neighbours joined that every operand walks as one.
    public static func joined(sizes: [Int], strides: [[Int]]) -> [(size: Int, strides: [Int])] {
        var joined: [(size: Int, strides: [Int])] = []
        for (dimension, size) in sizes.enumerated() where size != 1 {
            let own = strides.map { $0[dimension] }
            if let last = joined.last, zip(last.strides, own).allSatisfy({ $0 == $1 * size }) {
                joined[joined.count - 1] = (last.size * size, own)
            } else {
                joined.append((size, own))
            }
        }
        return joined
    }

    /// `strides` has one list per operand (one to three). Nil when more than eight dimensions remain after joining.
    public init?(sizes: [Int], strides: [[Int]]) {
        var dimensions = Self.joined(sizes: sizes, strides: strides)
        guard dimensions.count <= 8, strides.count <= 3 else { return nil }
        let last = dimensions.popLast()
        // A single element: as good as contiguous.
        self.init(outer: dimensions, columns: last?.size ?? 1, columnStrides: last?.strides ?? strides.map { _ in 1 })
    }

    /// Every row is a block, walked through by a table of its own (copyBlocks). Nil for more than seven dimensions.
    public init?(blocks: [(size: Int, strides: [Int])]) {
        guard blocks.count <= 7 else { return nil }
        self.init(outer: blocks, columns: 1, columnStrides: [])
    }

    private init(outer: [(size: Int, strides: [Int])], columns: Int, columnStrides: [Int]) {
        self.columns = columns
        for (operand, stride) in columnStrides.enumerated() { self.columnStrides[operand] = stride }
        outerRank = outer.count
        for (dimension, outer) in outer.enumerated() {
            rows *= outer.size
            outerSizes[dimension] = outer.size
            for (operand, stride) in outer.strides.enumerated() { outerStrides[operand][dimension] = stride }
        }
    }

    /// Elements in all.
    public var count: Int { rows * columns }

    /// Rows in one piece of work: about `elementsPerPiece` elements, but 16 rows, which make a tile
    /// of a transpose, while they are not many more.
    public var rowsPerPiece: Int {
        max(Self.rowsPerPiece(columns: columns), min(16, 8 * elementsPerPiece / max(1, columns)))
    }

    /// The same for rows x columns without strides: softmax, losses, gathered rows.
    public static func rowsPerPiece(columns: Int) -> Int { max(1, elementsPerPiece / max(1, columns)) }
}

/// What the table of a block says (copyBlocks).
@frozen
public enum BlockForm: Int, Sendable { case gather, scatter, runs }
