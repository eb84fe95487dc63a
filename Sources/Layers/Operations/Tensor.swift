// Tensors that the model owns: `parameter`, which optimizers change, and `constant`.

import Tensors

struct ParameterTensor: OwnedTensor {
    static let kind = "parameter"
    static let documentation = "a trainable tensor"
    let specification: ParameterSpecification
    init(_ attributes: Attributes) throws(ChainruleError) {
        specification = try Self.specification(attributes, kind: Self.kind, isTrainable: true)
    }
}

struct ConstantTensor: OwnedTensor {
    static let kind = "constant"
    static let documentation = "a tensor that training leaves as it is; chainrule_model_set_parameter sets it"
    let specification: ParameterSpecification
    init(_ attributes: Attributes) throws(ChainruleError) {
        specification = try Self.specification(attributes, kind: Self.kind, isTrainable: false)
    }
}

protocol OwnedTensor: Layer {
    var specification: ParameterSpecification { get }
}

extension OwnedTensor {
    static var inputCount: ClosedRange<Int> { 0...0 }
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification("shape", .integers, default: "", "sizes; empty: one number"),
            AttributeSpecification("init", .text, default: "zeros", "initializer; fan_in is the last size"),
            AttributeSpecification("value", .reals, optional: true, "the elements in C order, or one for all"),
        ]
    }

    static func specification(
        _ attributes: Attributes, kind: String, isTrainable: Bool
    ) throws(ChainruleError) -> ParameterSpecification {
        let sizes = attributes.integers("shape")
        guard sizes.allSatisfy({ $0 >= 0 }) else {
            throw ChainruleError(.attribute, "\(kind)'s shape", expected: "sizes of 0 or more", got: "\(sizes)")
        }
        let shape = try Shape(sizes).validated(what: kind)
        let values = attributes.has("value") ? attributes.reals("value") : nil
        if let values, values.count != 1, values.count != shape.elementCount {
            throw ChainruleError(
                .attribute, "\(kind)'s value", expected: "\(shape.elementCount) numbers, or one for all", got: "\(values.count)")
        }
        return ParameterSpecification(
            "value", shape,
            try Initializer(
                attributes.text("init"), fanIn: sizes.last ?? 1, fanOut: sizes.first ?? 1, what: "\(kind)'s init"),
            isTrainable: isTrainable, values: values)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [specification.shape] }
    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { [specification] }

    func forward(_ emit: Emitter) {
        if let value = emit.parameter("value") { emit.setOutput(as: value) }
    }

    func backward(_ emit: Emitter) {
        guard let gradient = emit.parameterGradient("value") else { return }
        emit.program.copyFlat(emit.outputGradient(), into: gradient, count: specification.shape.elementCount)
    }
}
