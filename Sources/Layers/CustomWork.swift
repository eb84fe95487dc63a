// A call of the host program's function in a plan, where otherwise a kernel would be called; on the calling thread.

import KernelInterface

public final class CustomWork: @unchecked Sendable {
    /// Whose function it is, for messages: "loss my_loss"; empty for a layer, whose node says it.
    public let owner: String
    /// The host's function has said no.
    public var hasFailed = false
    private let body: (_ arrays: UnsafePointer<UnsafeMutableRawPointer?>, _ numbers: InlineArray<8, Double>) -> Bool

    /// - body: gets the operands by slot, and the call's numbers; false when the host refuses.
    public init(
        owner: String = "",
        _ body: @escaping (_ arrays: UnsafePointer<UnsafeMutableRawPointer?>, _ numbers: InlineArray<8, Double>) -> Bool
    ) {
        self.owner = owner
        self.body = body
    }

    public func run(_ arrays: UnsafePointer<UnsafeMutableRawPointer?>, _ numbers: InlineArray<8, Double>) {
        if !body(arrays, numbers) { hasFailed = true }
    }

    /// How many operands a call has room for.
    public static let maximumOperands = 14
}
