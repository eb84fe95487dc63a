// Sizes and strides of scaled dot-product attention, which are too many for a call's integers: kernels
// attentionForward and attentionBackward read them from a table of the plan.

/// Where an array of heads lies, in elements: from one sample, head and row to the next. A row is dense.
@frozen
public struct AttentionStrides: BitwiseCopyable, Sendable {
    public var batch: Int
    public var head: Int
    public var row: Int
    @inlinable public init(batch: Int, head: Int, row: Int) {
        self.batch = batch
        self.head = head
        self.row = row
    }
}

@frozen
public struct AttentionShape: BitwiseCopyable, Sendable {
    public var batch = 0
    public var heads = 0
    /// Rows of the queries.
    public var queries = 0
    /// Rows of the keys and of the values.
    public var keys = 0
    /// Elements in a row of queries and keys.
    public var size = 0
    /// Elements in a row of values and of the output.
    public var valueSize = 0
    /// The first keys that masks and causality know nothing of: every query sees them.
    public var freeKeys = 0
    /// Query i sees keys 0...i only (behind the free ones).
    public var isCausal = false
    /// Query rows that are taken together.
    public var queryBlock = 128

    public var query = AttentionStrides(batch: 0, head: 0, row: 0)
    public var key = AttentionStrides(batch: 0, head: 0, row: 0)
    public var value = AttentionStrides(batch: 0, head: 0, row: 0)
    /// Also that of the gradient in the output.
    public var output = AttentionStrides(batch: 0, head: 0, row: 0)
    public var queryGradient = AttentionStrides(batch: 0, head: 0, row: 0)
    public var keyGradient = AttentionStrides(batch: 0, head: 0, row: 0)
    public var valueGradient = AttentionStrides(batch: 0, head: 0, row: 0)
    /// The additive mask's; 0 where it is repeated.
    public var mask = AttentionStrides(batch: 0, head: 0, row: 0)
    public var maskColumn = 0

    /// What the products of queries and keys are multiplied with.
    public var scale = 1.0
    /// Probability with which a weight is dropped.
    public var dropout = 0.0
    /// The random numbers' channel.
    public var channel = 0

    @inlinable public init() {}
}

/// Keys that are taken together; also the largest `queryBlock`.
public let attentionBlock = 128

/// The pointer slots of both kernels. What a call doesn't have is nil.
@frozen
public enum AttentionSlot {
    /// An `AttentionShape`.
    @inlinable public static var shape: Int { 0 }
    @inlinable public static var query: Int { 1 }
    @inlinable public static var key: Int { 2 }
    @inlinable public static var value: Int { 3 }
    @inlinable public static var output: Int { 4 }
    /// Logarithm of each row's sum of exponentials, [batch, heads, queries]; +inf for a row without keys.
    @inlinable public static var logSums: Int { 5 }
    /// Added to the scaled products.
    @inlinable public static var mask: Int { 6 }
    /// [batch, keys - freeKeys]; keys that are not zero here are not seen.
    @inlinable public static var padding: Int { 7 }
    /// Two UInt64, seed and stream.
    @inlinable public static var random: Int { 8 }
    // Backward.
    @inlinable public static var outputGradient: Int { 9 }
    @inlinable public static var queryGradient: Int { 10 }
    @inlinable public static var keyGradient: Int { 11 }
    @inlinable public static var valueGradient: Int { 12 }
    /// The gradient in the sums of products and mask, [batch, heads, queries, keys - freeKeys].
    @inlinable public static var maskGradient: Int { 13 }
}
