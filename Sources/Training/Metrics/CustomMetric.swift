// A metric that the host program computes: batch after batch, in a state of its own.

import Layers
import Tensors

/// The arrays of a batch, contiguous, as the host's function sees them.
public struct MetricArrays {
    public var isDouble: Bool
    public var prediction: (data: UnsafeMutableRawPointer, shape: Shape)
    public var target: (data: UnsafeMutableRawPointer, shape: Shape)
    /// Int32, and no numbers of the model's type.
    public var hasLabels: Bool
    /// One a sample; nil: 1.
    public var weights: UnsafeMutableRawPointer?
}

/// The host's functions; false, or nil, where it refuses.
public struct MetricFunctions: Sendable {
    public var begin: @Sendable (_ text: String) -> UInt?
    public var update: @Sendable (_ state: UInt, MetricArrays) -> Bool
    public var result: @Sendable (_ state: UInt) -> Double?
    public var end: @Sendable (_ state: UInt) -> Void

    /// States are addresses.
    public init(
        begin: @escaping @Sendable (String) -> UInt?, update: @escaping @Sendable (UInt, MetricArrays) -> Bool,
        result: @escaping @Sendable (UInt) -> Double?, end: @escaping @Sendable (UInt) -> Void
    ) {
        self.begin = begin
        self.update = update
        self.result = result
        self.end = end
    }
}

public final class CustomMetric: Metric {
    public static let kind = "custom"
    public static let documentation = "a metric of the host program"
    public static let largerIsBetter = false

    private let name: String
    private let text: String
    private let functions: MetricFunctions
    private var state: UInt?
    public let largerIsBetter: Bool

    /// Never called: a registered kind is made with its functions.
    public convenience init(_ attributes: Attributes) {
        self.init(
            name: "", text: "", largerIsBetter: false,
            functions: MetricFunctions(begin: { _ in nil }, update: { _, _ in false }, result: { _ in nil }, end: { _ in }))
    }

    public init(name: String, text: String, largerIsBetter: Bool, functions: MetricFunctions) {
        self.name = name
        self.text = text
        self.largerIsBetter = largerIsBetter
        self.functions = functions
    }

    deinit { if let state { functions.end(state) } }

    /// Its own arrays are all it looks at.
    public var readsArrays: Bool { true }

    public func add(_ batch: MetricBatch) throws(ChainruleError) {
        guard let arrays = batch.arrays else { return }
        guard functions.update(try begun(), arrays) else { throw refusal("update") }
    }

    public func value() throws(ChainruleError) -> Double {
        guard let value = functions.result(try begun()) else { throw refusal("result") }
        return value
    }

    private func begun() throws(ChainruleError) -> UInt {
        if let state { return state }
        guard let made = functions.begin(text) else { throw refusal("begin") }
        state = made
        return made
    }

    private func refusal(_ function: String) -> ChainruleError {
        ChainruleError(.callback, "\(function) of the metric \(name)", expected: "0", got: "a refusal", node: "metric \(name)")
    }
}
