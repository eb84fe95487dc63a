// One prepared call of a kernel: where its arrays lie, its sizes, its numbers. A plan is an
// array of these in plain memory, so that running a step creates no object and allocates nothing.

/// What a kernel reads. Which slot means what is written at the top of each kernel's file.
@frozen
public struct KernelCall: @unchecked Sendable {
    /// Float32 (false) or float64 (true) arithmetic.
    public var isDouble = false
    public var pointers = InlineArray<14, UnsafeMutableRawPointer?>(repeating: nil)
    public var integers = InlineArray<16, Int>(repeating: 0)
    public var scalars = InlineArray<8, Double>(repeating: 0)

    @inlinable public init() {}
}

/// Runs pieces `begin..<end` of a call (a pointer to a `KernelCall`). How work is cut into pieces
/// never depends on the number of threads, and pieces are independent of each other. `scratch` is
/// this thread's own workspace of `kernelScratchBytes`.
public typealias Kernel =
    @convention(c) (
        _ call: UnsafeRawPointer, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?
    ) -> Void

/// Per-thread workspace for packing in the matrix product (64-byte aligned).
public let kernelScratchBytes = 1 << 20

/// Elements per piece of an elementwise kernel or a reduction: fixed, so that partial sums are the
/// same at any thread count.
public let elementsPerPiece = 8192

/// Parameters per piece of an optimizer's pass, which computes more for an element than other kernels do.
public let parametersPerPiece = 4096

/// Rows of a table in a piece of those kernels that look at touched rows alone.
public let rowsPerTouchedPiece = 4096
