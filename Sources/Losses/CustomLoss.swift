// A loss that the host program computes: it gives a number for each sample (or several), and the gradient of
// their sum in the predictions; reductions and sample weights are the library's. What its function gives is
// not the gradient yet: each sample's part counts what its loss counts in the result.

import Layers
import Tensors

/// What a registered loss is, whatever its attributes.
public struct CustomLossDefinition: Sendable {
    public static let maximumArrays = 4

    public var kind: String
    public var attributes: [AttributeSpecification]
    public var predictionCount: Int
    public var targetCount: Int
    /// What the targets must be for predictions of these shapes, and how many losses a sample has.
    public var check: @Sendable (_ text: String, _ predictions: [Shape]) throws(ChainruleError) -> CustomLossShapes
    /// Makes the call: predictions, targets, losses, then the gradients, which are nil where nobody wants them.
    public var work: @Sendable (CustomLossCall) -> CustomWork

    public init(
        kind: String, attributes: [AttributeSpecification], predictionCount: Int, targetCount: Int,
        check: @escaping @Sendable (String, [Shape]) throws(ChainruleError) -> CustomLossShapes,
        work: @escaping @Sendable (CustomLossCall) -> CustomWork
    ) {
        self.kind = kind
        self.attributes = attributes
        self.predictionCount = predictionCount
        self.targetCount = targetCount
        self.check = check
        self.work = work
    }
}

public struct CustomLossShapes: Sendable {
    public var targets: [(shape: Shape, isLabels: Bool)]
    /// Losses of a sample.
    public var elements: Int

    public init(targets: [(shape: Shape, isLabels: Bool)], elements: Int) {
        self.targets = targets
        self.elements = elements
    }
}

/// What one plan calls the host's function for.
public struct CustomLossCall: Sendable {
    public var text: String
    public var isDouble: Bool
    public var wantsGradients: Bool
    public var predictions: [Shape]
    public var targets: [(shape: Shape, isLabels: Bool)]
    public var elements: Int
}

public struct CustomLoss: Loss {
    public static let kind = "custom"
    public static let documentation = "a loss of the host program"

    private let definition: CustomLossDefinition
    private let text: String

    public init(_ attributes: Attributes) throws(ChainruleError) { throw ChainruleError(.internal, "a custom loss without its definition") }

    public init(_ definition: CustomLossDefinition, _ attributes: Attributes) {
        self.definition = definition
        text = attributes.text(of: definition.attributes)
    }

    public var kind: String { definition.kind }
    public var predictionRoles: [String] { CustomLoss.roles("input", definition.predictionCount) }
    public var targetRoles: [TargetRole] { CustomLoss.roles("target", definition.targetCount).map { TargetRole($0, .either) } }

    public static func roles(_ name: String, _ count: Int) -> [String] {
        count == 1 ? [name] : (0..<count).map { "\(name)\($0 + 1)" }
    }

    public func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        try definition.check(text, predictions).targets.map {
            TargetSpecification(shape: $0.shape, labels: $0.isLabels ? LabelRange(classes: Int(Int32.max), ignored: -1) : nil)
        }
    }

    public func emit(_ emit: LossEmitter) {
        let program = emit.program
        let rows = emit.shapes[0].rank == 0 ? 1 : emit.shapes[0][0]
        // What was accepted before is accepted now; a host that changes its mind fails the call itself.
        let elements = (try? definition.check(text, emit.shapes))?.elements ?? 1
        let losses = program.value(elements: rows * elements)
        let slopes = emit.gradients.map { _ in emit.shapes.map { program.value(elements: $0.elementCount) } }
        let call = CustomLossCall(
            text: text, isDouble: program.isDouble, wantsGradients: slopes != nil, predictions: emit.shapes,
            targets: emit.specifications.map { ($0.shape, $0.labels != nil) }, elements: elements)
        var operands: [Operand] = []
        for value in emit.predictions + emit.targets { operands.append(Operand(operands.count, value, .read)) }
        for value in [losses] + (slopes ?? []) { operands.append(Operand(operands.count, value, .write)) }
        program.append(Operation(.custom(definition.work(call)), operands))
        let shares = emit.reduce(losses, elements: elements)
        guard let shares, let slopes, let gradients = emit.gradients else { return }
        for (index, shape) in emit.shapes.enumerated() {
            let columns = shape.elementCount / max(rows, 1)
            program.binary(
                .multiply, slopes[index], strides: [columns, 1], shares, strides: [elements, 0], into: gradients[index],
                sizes: [rows, columns])
        }
    }
}
