// A layer that the host program computes: its shape, its value and its derivative are functions that were
// registered under a kind. The plan calls them where it would call a kernel, on the calling thread.

import Glibc
import KernelInterface
import Tensors

/// What was registered under a kind.
public struct CustomDefinition: Sendable {
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

/// One call of the host's function in a plan. Forward: inputs, then the output. Backward: inputs, the output,
/// the gradient in it, then the gradients in the inputs.
public final class CustomWork: @unchecked Sendable {
    /// The largest number of inputs: all arrays of a backward call have a place in a `KernelCall`.
    public static let maximumInputs = 4

    private let body: (UnsafePointer<UnsafeMutableRawPointer?>) -> Bool
    /// The host's function has said no.
    public var hasFailed = false

    public init(_ body: @escaping (_ arrays: UnsafePointer<UnsafeMutableRawPointer?>) -> Bool) { self.body = body }

    public func run(_ arrays: UnsafePointer<UnsafeMutableRawPointer?>) { if !body(arrays) { hasFailed = true } }
}

/// Kinds that were registered, for as long as the process lives.
public enum CustomCatalog {
    nonisolated(unsafe) private static var definitions: [String: CustomDefinition] = [:]
    nonisolated(unsafe) private static let mutex: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        return mutex
    }()

    /// False when there is such a kind already.
    public static func add(_ definition: CustomDefinition) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard LayerCatalog.type(of: definition.kind) == nil, definitions[definition.kind] == nil else { return false }
        definitions[definition.kind] = definition
        return true
    }

    public static func definition(_ kind: String) -> CustomDefinition? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return definitions[kind]
    }

    /// A layer of a registered kind.
    public static func layer(_ definition: CustomDefinition, _ attributes: Attributes) -> any Layer {
        CustomLayer(definition, attributes)
    }
    public static var type: any LayerDescription.Type { CustomLayer.self }
}

struct CustomLayer: Layer {
    static let kind = "custom"
    static let documentation = "a layer of the host program"
    static let inputCount = 0...CustomWork.maximumInputs
    static var inputRoles: [String] { [] }

    let definition: CustomDefinition
    let text: String

    init(_ attributes: Attributes) throws(ChainruleError) { throw ChainruleError(.internal, "a custom layer without its definition") }

    init(_ definition: CustomDefinition, _ attributes: Attributes) {
        self.definition = definition
        text = definition.attributes.map { "\($0.name)=\(attributes.text($0.name))" }.joined(separator: " ")
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
