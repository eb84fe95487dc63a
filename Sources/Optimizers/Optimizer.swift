// What an optimizer is: a kernel that makes one pass over all parameters, or operations for each
// parameter, and the numbers of each step. A new one is a file with a type of one of the two protocols
// and a line in OptimizerCatalog.swift.

import KernelInterface
import Layers
import Tensors

public typealias UpdateScalars = InlineArray<8, Double>

/// What a step's numbers depend on.
public struct StepMoment: Sendable {
    /// From 1.
    public var step: Int
    public var lr: Double
    /// The last step's; at the first step this one's.
    public var lastLr: Double
    public var isDouble: Bool

    public init(step: Int, lr: Double, lastLr: Double, isDouble: Bool) {
        self.step = step
        self.lr = lr
        self.lastLr = lastLr
        self.isDouble = isDouble
    }
}

public protocol Optimizer: Sendable {
    /// The word in an optimizer's text.
    static var kind: String { get }
    /// The class in Python, PyTorch's name.
    static var className: String { get }
    static var documentation: String { get }
    /// In the order of PyTorch's constructor.
    static var attributes: [AttributeSpecification] { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// Gradients change their sign: the loss is to grow.
    var maximize: Bool { get }
    /// Scalars 0 to 6 of the kernels at a step (7 is the clip value); allocates nothing.
    func scalars(_ at: StepMoment) -> UpdateScalars
    /// Those numbers are the same in every step with the same learning rate.
    var isSteady: Bool { get }
    /// How far at most a step with these numbers moves a parameter when no gradient, in this step or
    /// before, and nothing else that is watched, was beyond `gradient`. Infinity where that can't be said:
    /// each such step is then made with a copy at hand, which costs time and memory.
    /// - elements: of the largest parameter.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double
    /// Its steps are bounded by the parameters too, which are then looked over as gradients are.
    var watchesParameters: Bool { get }
    /// The same of an array that it keeps.
    var watchedState: Int? { get }
}

extension Optimizer {
    public var isSteady: Bool { false }
    public var watchesParameters: Bool { false }
    public var watchedState: Int? { nil }
}

/// Whether weight decay takes away no more of a parameter than there is.
func decayOnlyShrinks(_ decay: Double, lr: Double) -> Bool { decay <= 0.5 && lr * decay <= 1 }

/// Whether a parameter times this is no larger.
func onlyShrinks(_ keep: Double) -> Bool { abs(keep) <= 1 }

/// Smaller ones may vanish when they are squared, or in float32.
let leastSafeEpsilon = 1e-15

/// One that treats every element alike: one call for all parameters that lie side by side.
public protocol FlatOptimizer: Optimizer {
    /// Arrays of the parameters' size that it keeps, by name ("exp_avg").
    var state: [String] { get }
    /// Where the kernel finds them.
    var stateSlots: [Int] { get }
    var kernel: KernelName { get }
    /// The kernel's integer 1.
    var options: Int { get }
    /// The kernel that updates a weight from the two factors of its gradient, in the scalars of
    /// `kernel`; nil where there is none, or gradients are needed for more than that.
    var productKernel: KernelName? { get }
    /// The number by which updateTouchedRows knows its kernel, if where the gradient is 0 the parameter and what is
    /// kept beside it stay as they are.
    var rowsKernel: Int? { get }
}

extension FlatOptimizer {
    public var stateSlots: [Int] { [2, 3, 5] }
    public var options: Int { 0 }
    public var productKernel: KernelName? { nil }
    public var rowsKernel: Int? { nil }
}

/// An array that an optimizer keeps for a parameter.
public struct StateArray: Sendable {
    public let name: String
    /// nil: the parameter's own shape and layout.
    public let shape: Shape?

    public init(_ name: String, _ shape: Shape? = nil) {
        self.name = name
        self.shape = shape
    }
}

/// One that looks at each parameter as a whole.
public protocol TensorOptimizer: Optimizer {
    /// What it keeps of a parameter; an error for one that it can't train.
    func state(of shape: Shape, name: String) throws(ChainruleError) -> [StateArray]
    /// Appends the operations that change the parameter.
    func append(_ update: TensorUpdate)
}

/// One parameter before its update.
public struct TensorUpdate {
    public let program: Program
    /// As the outside sees it.
    public let shape: Shape
    /// Kept as [columns, rows].
    public let isTransposed: Bool
    public let parameter: Value
    public let gradient: Value
    public let state: [Value]
    /// What gradients are multiplied with, one element.
    public let scale: Value?
    /// Where gradients are cut off afterwards; infinity: nowhere. Kernels find it among the step's numbers.
    public let clipValue: Double
    public let maximize: Bool

    public init(
        program: Program, shape: Shape, isTransposed: Bool, parameter: Value, gradient: Value, state: [Value], scale: Value?,
        clipValue: Double, maximize: Bool
    ) {
        self.program = program
        self.shape = shape
        self.isTransposed = isTransposed
        self.parameter = parameter
        self.gradient = gradient
        self.state = state
        self.scale = scale
        self.clipValue = clipValue
        self.maximize = maximize
    }

    public var count: Int { shape.elementCount }
    public var pieces: Int { flatPieces(count) }

    /// Gradient, its scale, and integer 3 for a kernel that reads the gradient.
    public func readsGradient(_ operands: [Operand]) -> [Operand] {
        var operands = operands + [Operand(1, gradient, .read)]
        if let scale { operands.append(Operand(4, scale, .read)) }
        return operands
    }

    /// Runs operations whose scalars are their own, not the step's.
    public func withoutStepNumbers(_ body: () -> Void) {
        let node = program.node
        program.node = -1
        body()
        program.node = node
    }

    /// One number of the sums over p p and u u.
    public func scale(of sums: Value, pieces: Int, _ which: Int, least: Double = 0, into result: Value) {
        let count = count
        program.call(.updateScale, [Operand(0, sums, .read), Operand(1, result, .write)]) {
            $0.integers[0] = pieces
            $0.integers[1] = which
            $0.integers[3] = count
            $0.scalars[1] = least
        }
    }

    /// p = keep p + factor scale u, with the step's scalars 0 and 5.
    public func apply(_ direction: Value, scale: Value) {
        let count = count
        program.call(
            .updateApply, [Operand(0, parameter, .write), Operand(1, direction, .read), Operand(2, scale, .read)],
            pieces: flatPieces(count, parametersPerPiece), cost: Double(count) * 0.3
        ) { $0.integers[0] = count }
    }
}

/// A list as an error tells it.
func listText(_ values: [Double]) -> String {
    values.isEmpty ? "none" : values.map { "\($0)" }.joined(separator: ",")
}

/// Two numbers such as betas, each from 0 to under 1.
func pair(_ attributes: Attributes, _ name: String, of kind: String) throws(ChainruleError) -> (Double, Double) {
    let values = attributes.reals(name)
    guard values.count == 2, values.allSatisfy({ $0 >= 0 && $0 < 1 }) else {
        throw ChainruleError(
            .attribute, "\(kind)'s \(name)", expected: "two numbers from 0 to under 1",
            got: listText(values))
    }
    return (values[0], values[1])
}

extension UpdateScalars {
    static var zeros: UpdateScalars { UpdateScalars(repeating: 0) }
}

/// Attributes that many share.
enum OptimizerAttribute {
    static func lr(_ value: String) -> AttributeSpecification {
        AttributeSpecification("lr", .real(.notNegative), default: value, "learning rate")
    }
    static func betas(_ value: String = "0.9,0.999") -> AttributeSpecification {
        AttributeSpecification("betas", .reals, default: value, "how slowly the running means forget")
    }
    static func eps(_ value: String) -> AttributeSpecification {
        AttributeSpecification("eps", .real(.notNegative), default: value, "added to the denominator")
    }
    static func decay(_ value: String = "0") -> AttributeSpecification {
        AttributeSpecification("weight_decay", .real(.notNegative), default: value, "adds weight_decay * p to the gradient")
    }
    static func shrinkage(_ value: String) -> AttributeSpecification {
        AttributeSpecification("weight_decay", .real(.notNegative), default: value, "share of the parameter that lr times this takes off")
    }
    static let decoupled = AttributeSpecification(
        "decoupled_weight_decay", .boolean, default: "false", "weight_decay is taken off the parameter itself, lr times it")
    static let amsgrad = AttributeSpecification(
        "amsgrad", .boolean, default: "false", "divides by the largest running mean so far (Reddi et al. 2018)")
    static let maximize = AttributeSpecification("maximize", .boolean, default: "false", "climbs instead of descending")
}
