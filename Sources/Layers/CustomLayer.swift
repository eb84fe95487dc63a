// A layer that the host program computes: its shape, its value and its derivative are functions that were
// registered under a kind. The plan calls them where it would call a kernel, on the calling thread.

import KernelInterface
import Tensors

/// What was registered under a kind.
public struct CustomDefinition: NamedKind {
    public var kind: String
    public var attributes: [AttributeSpecification]
    public var documentation: String
    public var inputCount: ClosedRange<Int>
    /// Samples depend on each other.
    public var mixesSamples: Bool
    /// The output's shape; nil refuses the inputs. The text is "name=value name=value", all attributes.
    public var outputShape: @Sendable (_ attributes: String, _ inputs: [Shape]) -> Shape?
    /// Makes the calls for arrays of these shapes; nil: nothing to call.
    public var forward: @Sendable (CustomShapes) -> CustomWork
    public var backward: (@Sendable (CustomShapes, _ wanted: [Bool]) -> CustomWork)?

    public init(
        kind: String, attributes: [AttributeSpecification], documentation: String, inputCount: ClosedRange<Int>,
        mixesSamples: Bool, outputShape: @escaping @Sendable (String, [Shape]) -> Shape?,
        forward: @escaping @Sendable (CustomShapes) -> CustomWork,
        backward: (@Sendable (CustomShapes, [Bool]) -> CustomWork)?
    ) {
        self.kind = kind
        self.attributes = attributes
        self.documentation = documentation
        self.inputCount = inputCount
        self.mixesSamples = mixesSamples
        self.outputShape = outputShape
        self.forward = forward
        self.backward = backward
    }
}

/// What the arrays of one plan are.
public struct CustomShapes: Sendable {
    public var attributes: String
    public var isDouble: Bool
    public var isTraining: Bool
    public var inputs: [Shape]
    public var output: Shape
}

/// The calls of a layer's functions. Forward: inputs, then the output. Backward: inputs, the output, the gradient
/// in it, then the gradients in the inputs.
public enum CustomCatalog {
    /// The largest number of inputs: all arrays of a backward call have a place in a `KernelCall`.
    public static let maximumInputs = 4
    public static let registry = Registry<CustomDefinition>()

    /// A layer of a registered kind.
    public static func layer(_ definition: CustomDefinition, _ attributes: Attributes) -> any Layer {
        CustomLayer(definition, attributes)
    }
    public static var type: any LayerDescription.Type { CustomLayer.self }
}

struct CustomLayer: Layer {
    static let kind = "custom"
    static let documentation = "a layer of the host program"
    static let inputCount = 0...CustomCatalog.maximumInputs
    static var inputRoles: [String] { [] }

    let definition: CustomDefinition
    let text: String

    init(_ attributes: Attributes) throws(ChainruleError) { throw ChainruleError(.internal, "a custom layer without its definition") }

    init(_ definition: CustomDefinition, _ attributes: Attributes) {
        self.definition = definition
        text = attributes.text(of: definition.attributes)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard let shape = definition.outputShape(text, inputs) else {
            throw ChainruleError(
                .shape, "\(definition.kind)'s inputs", expected: "what its output_shape accepts",
                got: inputs.isEmpty ? "none" : inputs.map { "\($0)" }.joined(separator: ", "))
        }
        guard !shape.dimensions.dropFirst().contains(where: { $0 < 0 }), (shape.dimensions.first ?? 0) >= -1 else {
            throw ChainruleError(.shape, "\(definition.kind)'s output", expected: "sizes of 0 or more, the batch (-1) first", got: "\(shape)")
        }
        return [shape]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { definition.mixesSamples }

    func forward(_ emit: Emitter) {
        var operands = emit.inputShapes.indices.map { Operand($0, emit.input($0), .read) }
        operands.append(Operand(operands.count, emit.output(), .write))
        emit.program.append(Operation(.custom(definition.forward(shapes(emit))), operands))
    }

    func backward(_ emit: Emitter) {
        let wanted = emit.inputShapes.indices.map { emit.needsInputGradient($0) }
        guard wanted.contains(true) else { return }
        guard let backward = definition.backward else {
            for index in wanted.indices where wanted[index] {
                emit.program.fill(emit.inputGradient(index), with: 0, count: emit.inputShapes[index].elementCount)
            }
            return
        }
        let count = wanted.count
        var operands = wanted.indices.map { Operand($0, emit.input($0), .read) }
        operands.append(Operand(count, emit.output(), .read))
        operands.append(Operand(count + 1, emit.outputGradient(), .read))
        for index in wanted.indices where wanted[index] {
            operands.append(Operand(count + 2 + index, emit.inputGradient(index), .write))
        }
        emit.program.append(Operation(.custom(backward(shapes(emit), wanted)), operands))
    }

    private func shapes(_ emit: Emitter) -> CustomShapes {
        CustomShapes(
            attributes: text, isDouble: emit.isDouble, isTraining: emit.isTraining, inputs: emit.inputShapes,
            output: emit.outputShapes[0])
    }
}
