// A schedule that the host program computes.

import Layers
import Tensors

public struct CustomSchedule: Schedule {
    public static let kind = "custom"
    public static let className = ""
    public static let documentation = "a schedule of the host program"
    public static let attributes: [AttributeSpecification] = []

    private let name: String
    private let text: String
    private let function: @Sendable (_ text: String, _ first: Double, _ t: Int, _ monitored: Double) -> Double?
    public let countsSteps: Bool

    public init(_ attributes: Attributes) throws(ChainruleError) { throw ChainruleError(.internal, "a custom schedule without its function") }

    /// - function: the rate; nil where the host refuses.
    public init(
        name: String, text: String, countsSteps: Bool,
        function: @escaping @Sendable (_ text: String, _ first: Double, _ t: Int, _ monitored: Double) -> Double?
    ) {
        self.name = name
        self.text = text
        self.countsSteps = countsSteps
        self.function = function
    }

    public var watches: Bool { true }

    public func lr(_ base: Double, _ t: Int) -> Double { base }

    public func rate(_ base: Double, _ t: Int, monitored: Double) throws(ChainruleError) -> Double {
        let rate = function(text, base, t, monitored)
        guard let rate, rate.isFinite, rate >= 0 else {
            throw ChainruleError(
                .callback, "the function of the schedule \(name)", expected: "a finite rate of 0 or more",
                got: rate.map { "\($0)" } ?? "a refusal", node: "schedule \(name)")
        }
        return rate
    }
}
