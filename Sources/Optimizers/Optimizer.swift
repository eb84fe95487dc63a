// What an optimizer is: a kernel that makes one pass over all parameters, and the numbers of each
// step. A new one is a file with a type of this protocol and a line in OptimizerCatalog.swift.

import KernelInterface
import Layers
import Tensors

public typealias UpdateScalars = InlineArray<8, Double>

public protocol Optimizer: Sendable {
    static var kind: String { get }
    static var documentation: String { get }
    static var attributes: [AttributeSpecification] { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// Arrays of the parameters' size that it keeps, by name ("exp_avg").
    var state: [String] { get }
    /// parameter, gradient, gradient scale, then the state arrays.
    var kernel: KernelName { get }
    /// The kernel that updates a weight from the two factors of its gradient, in the scalars of
    /// `kernel`; nil where there is none, or gradients are needed for more than that.
    var productKernel: KernelName? { get }
    /// The kernel's integers.
    var options: [Int] { get }
    /// The kernel's numbers at step `step` (from 1); allocates nothing.
    func scalars(step: Int, lr: Double) -> UpdateScalars
    /// How far at most a step with these numbers moves a parameter when no gradient, in this step or
    /// before, was beyond `gradient`. Infinity where that can't be said: each such step is then made
    /// with a copy at hand, which costs time and memory.
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double
}

extension Optimizer {
    public var productKernel: KernelName? { nil }
    public func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double { .infinity }
}

/// Whether weight decay takes away no more of a parameter than there is.
func decayOnlyShrinks(_ decay: Double, lr: Double) -> Bool { decay <= 0.5 && lr * decay <= 1 }

/// Attributes that every optimizer has.
public let commonOptimizerAttributes = [
    AttributeSpecification("clip_norm", .real(.notNegative), default: "0", "gradients are scaled to at most this norm; 0: off"),
    AttributeSpecification("clip_value", .real(.notNegative), default: "0", "each gradient is cut off at +-this; 0: off"),
]
