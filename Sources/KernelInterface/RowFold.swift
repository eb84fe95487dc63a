// Reductions along a dimension that are no sums, and running ones, by name; Kernels/FoldRows.swift and
// Kernels/CumulateRows.swift.

public enum RowFold: Int, Sendable {
    case largest, smallest, product, logSumExp
}

public enum RowCumulation: Int, Sendable {
    case sum, product, largest, smallest
}

/// In place of a fold's number: where the largest element is, but of several NaN the last one.
@inlinable public var positionOfLastNaN: Int { 16 }
