// What a layer or operation is: its words, its shapes, its parameters, and value and derivative side
// by side. A new one is a file with a type of this protocol and a line in LayerCatalog.swift.

import Tensors

public struct ParameterSpecification: Sendable {
    public var name: String
    /// As the outside sees it (PyTorch's).
    public var shape: Shape
    public var initializer: Initializer
    public var isTrainable = true
    /// Kept as [columns, rows] inside: linear's weight, so that forward and weight gradient read it
    /// along its rows.
    public var isTransposed = false
    /// Given first values, row-major, instead of the initialiser's.
    public var values: [Double]? = nil
    /// Elements, row-major, that are 0 at first, whatever the initialiser says.
    public var zeros: Range<Int>? = nil
    /// A table of which a step uses some rows: its gradient is kept for these, where the optimizer allows it.
    public var isSparse = false
    /// First values computed from those of another parameter of the same layer.
    public var derivation: Derivation? = nil

    public struct Derivation: Sendable {
        public var source: String
        /// From the other's elements to its own, both row-major.
        public var compute: @Sendable (UnsafeBufferPointer<Double>, UnsafeMutableBufferPointer<Double>) -> Void
        public init(
            from source: String, _ compute: @escaping @Sendable (UnsafeBufferPointer<Double>, UnsafeMutableBufferPointer<Double>) -> Void
        ) {
            self.source = source
            self.compute = compute
        }
    }

    public init(
        _ name: String, _ shape: Shape, _ initializer: Initializer, isTrainable: Bool = true, isTransposed: Bool = false,
        values: [Double]? = nil
    ) {
        self.name = name
        self.shape = shape
        self.initializer = initializer
        self.isTrainable = isTrainable
        self.isTransposed = isTransposed
        self.values = values
    }
}

/// What every entry of the catalog says of itself: the C functions, Python's classes, saved models, tests
/// and documentation read it.
public protocol LayerDescription: Sendable {
    /// The word in `chainrule_model_add`.
    static var kind: String { get }
    /// The class in Python, PyTorch's name ("Conv2d"); nil for an operation, which is a function there.
    static var className: String? { get }
    /// One sentence: the formula and where it comes from.
    static var documentation: String { get }
    static var attributes: [AttributeSpecification] { get }
    /// How many inputs it takes.
    static var inputCount: ClosedRange<Int> { get }
    /// What the inputs are, in order. Those beyond the smallest number may be left out; the attribute
    /// `inputs=` then says which are given (the first ones, if it isn't there).
    static var inputRoles: [String] { get }
    /// What the outputs are; each is a node of its own.
    static var outputRoles: [String] { get }
    /// The parameters in words, for the documentation: name and shape.
    static var parameterShapes: [(name: String, shape: String)] { get }
    /// Whether the output always has the input's shape.
    static var keepsShape: Bool { get }

    init(_ attributes: Attributes) throws(ChainruleError)
}

extension LayerDescription {
    public static var className: String? { nil }
    public static var attributes: [AttributeSpecification] { [] }
    public static var inputCount: ClosedRange<Int> { 1...1 }
    public static var inputRoles: [String] {
        inputCount.upperBound == 1 ? ["input"] : inputCount.upperBound == 2 ? ["input", "other"] : []
    }
    public static var outputRoles: [String] { ["output"] }
    public static var parameterShapes: [(name: String, shape: String)] { [] }
    public static var keepsShape: Bool { false }
    /// Whether the attribute `inputs=` may be given.
    public static var hasOptionalInputs: Bool { inputCount.upperBound == inputRoles.count && inputCount.lowerBound < inputRoles.count && inputRoles.count > 2 }
}

/// Numbers that gradients flow through, or whole numbers (indices, lengths). A model keeps whole numbers
/// as wide as its real ones, int32 beside float32 and int64 beside float64, so that copies need not know.
public enum ElementKind: Sendable { case real, integer }

public protocol Layer: LayerDescription {
    /// Inputs, by role, that must hold whole numbers.
    static var integerInputs: Set<String> { get }
    /// Inputs, by role, that may hold either; the layer asks only whether they are zero.
    static var eitherInputs: Set<String> { get }
    /// Whether it moves elements without looking at them, so that whole numbers may go through.
    static var passesIntegers: Bool { get }

    /// Shapes of the outputs from those of the inputs. The batch, not known yet, is -1 and stays first.
    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape]

    /// What the outputs hold.
    func outputKinds(_ inputs: [ElementKind]) -> [ElementKind]

    /// Called after `outputShapes` accepted the inputs.
    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification]

    /// Whether a sample's result depends on other samples of the batch, so that a large batch can't
    /// be predicted in parts. Called with input shapes that may hold the open batch.
    func mixesSamples(_ inputs: [Shape]) -> Bool

    /// Refuses what only the batch's size tells to be impossible. Called with whole shapes, before `forward`.
    func check(_ inputs: [Shape], isTraining: Bool) throws(ChainruleError)

    /// Appends the operations that compute the outputs.
    func forward(_ emit: Emitter)

    /// Appends the operations that take the gradients in the outputs to those in inputs and
    /// parameters: the chain rule's one link.
    func backward(_ emit: Emitter)
}

/// A layer the operands of whose matrix products are rounded in models that compute in bfloat16.
public protocol RoundingLayer: Layer {}

extension Layer {
    public static var integerInputs: Set<String> { [] }
    public static var eitherInputs: Set<String> { [] }
    public static var passesIntegers: Bool { false }
    public func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] {
        Array(repeating: Self.passesIntegers ? inputs.first ?? .real : .real, count: Self.outputRoles.count)
    }
    public func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { [] }
    public func mixesSamples(_ inputs: [Shape]) -> Bool { false }
    public func check(_ inputs: [Shape], isTraining: Bool) throws(ChainruleError) {}
}
