// Reductions along a dimension that are no sums, and running ones, by name; Kernels/FoldRows.swift and
// Kernels/CumulateRows.swift.

public enum RowFold: Int, Sendable {
    case largest, smallest, product, logSumExp
}

public enum RowCumulation: Int, Sendable {
    case sum, product, largest, smallest
}
