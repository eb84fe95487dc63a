// The last dimensions normalised, each element with a weight of its own: layer_norm (Ba et al. 2016) and
// rms_norm (Zhang and Sennrich 2019), which takes no mean off.

import Tensors

struct LayerNorm: RowNorm {
    static let kind = "layer_norm"
    static let className: String? = "LayerNorm"
    static let documentation = "(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, those of normalized_shape"
    static let attributes = [
        normalizedShape,
        AttributeSpecification("eps", .real(.notNegative), default: "1e-05", "added to the variance"),
        AttributeSpecification("elementwise_affine", .boolean, default: "true", "whether there are weight and bias"),
        AttributeSpecification("bias", .boolean, default: "true", "whether there is a bias beside the weight"),
    ]
    static let parameterShapes = [(name: "weight", shape: "[normalized_shape]"), (name: "bias", shape: "[normalized_shape]")]

    let shape: Shape
    let eps: Double?
    let hasWeight: Bool
    let hasBias: Bool
    let isCentred = true

    init(_ attributes: Attributes) throws(ChainruleError) {
        shape = try Self.shape(attributes)
        eps = attributes.real("eps")
        hasWeight = attributes.boolean("elementwise_affine")
        hasBias = hasWeight && attributes.boolean("bias")
    }
}

struct RMSNorm: RowNorm {
    static let kind = "rms_norm"
    static let className: String? = "RMSNorm"
    static let documentation = "x / sqrt(mean(x^2) + eps) * weight over the last dimensions, those of normalized_shape"
    static let attributes = [
        normalizedShape,
        AttributeSpecification(
            "eps", .real(.notNegative), optional: true, "added to the mean square; without it the element type's epsilon"),
        AttributeSpecification("elementwise_affine", .boolean, default: "true", "whether there is a weight"),
    ]
    static let parameterShapes = [(name: "weight", shape: "[normalized_shape]")]

    let shape: Shape
    let eps: Double?
    let hasWeight: Bool
    let hasBias = false
    let isCentred = false

    init(_ attributes: Attributes) throws(ChainruleError) {
        shape = try Self.shape(attributes)
        eps = attributes.has("eps") ? attributes.real("eps") : nil
        hasWeight = attributes.boolean("elementwise_affine")
    }
}

protocol RowNorm: Layer {
    var shape: Shape { get }
    var eps: Double? { get }
    var hasWeight: Bool { get }
    var hasBias: Bool { get }
    var isCentred: Bool { get }
}

extension RowNorm {
    static var normalizedShape: AttributeSpecification {
        AttributeSpecification("normalized_shape", .integers, "sizes of the last dimensions, with commas")
    }

    static func shape(_ attributes: Attributes) throws(ChainruleError) -> Shape {
        let sizes = attributes.integers("normalized_shape")
        guard !sizes.isEmpty, sizes.allSatisfy({ $0 > 0 }) else {
            throw ChainruleError(.attribute, "\(kind)'s normalized_shape", expected: "one size of 1 or more, or several", got: "\(sizes)")
        }
        return Shape(sizes)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard Array(inputs[0].dimensions.suffix(shape.rank)) == shape.dimensions else {
            throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "the last dimensions \(shape) (normalized_shape)", got: "\(inputs[0])")
        }
        return inputs
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        normParameters(shape, weight: hasWeight, bias: hasBias)
    }

    private func layout(_ emit: Emitter) -> NormLayout {
        .rows(emit.inputShapes[0].elementCount / shape.elementCount, shape.elementCount)
    }

    func forward(_ emit: Emitter) {
        let epsilon = emit.isDouble ? Double.ulpOfOne : Double(Float.ulpOfOne)
        emit.norm(layout(emit), eps: eps ?? epsilon, isCentred: isCentred)
    }

    func backward(_ emit: Emitter) { emit.normBackward(layout(emit), isCentred: isCentred) }
}
