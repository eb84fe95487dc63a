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

public protocol Layer: Sendable {
    /// The word in `chainrule_model_add`.
    static var kind: String { get }
    /// One sentence: the formula and where it comes from.
    static var documentation: String { get }
    static var attributes: [AttributeSpecification] { get }
    /// How many inputs it takes.
    static var inputCount: ClosedRange<Int> { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// Shapes of the outputs from those of the inputs. The batch, not known yet, is -1 and stays first.
    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape]

    /// Called after `outputShapes` accepted the inputs.
    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification]

    /// Whether a sample's result depends on other samples of the batch, so that a large batch can't
    /// be predicted in parts. Called with input shapes that may hold the open batch.
    func mixesSamples(_ inputs: [Shape]) -> Bool

    /// Appends the operations that compute the outputs.
    func forward(_ emit: Emitter)

    /// Appends the operations that take the gradients in the outputs to those in inputs and
    /// parameters: the chain rule's one link.
    func backward(_ emit: Emitter)
}

extension Layer {
    public static var attributes: [AttributeSpecification] { [] }
    public static var inputCount: ClosedRange<Int> { 1...1 }
    public func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { [] }
    public func mixesSamples(_ inputs: [Shape]) -> Bool { false }
}
