// y = x W^T + b over the last dimension. W and b are the layer's own parameters, or other nodes' outputs: a
// normalised weight (weight_norm), one that several layers share.

import KernelInterface
import Tensors

struct Linear: Layer, RoundingLayer {
    static let kind = "linear"
    static let className: String? = "Linear"
    static let documentation = "y = x W^T + b over the last dimension; weight [out_features, in_features], bias [out_features], parameters unless they are inputs"
    static let attributes = [
        AttributeSpecification("in_features", .integer(.sizes), optional: true, "checked against the input"),
        AttributeSpecification("out_features", .integer(.sizes), "size of the last dimension of the output"),
        AttributeSpecification("bias", .boolean, default: "true", "whether b is added"),
        AttributeSpecification("weight_init", .text, default: "default", "initializer of the weight"),
        AttributeSpecification("bias_init", .text, default: "default", "initializer of the bias"),
    ]

    static let inputCount = 1...3
    static let inputRoles = ["input", "weight", "bias"]
    static let parameterShapes = [(name: "weight", shape: "[out_features, in_features]"), (name: "bias", shape: "[out_features]")]

    let outFeatures: Int
    let inFeatures: Int?
    let hasBias: Bool
    let weightInitializer: String
    let biasInitializer: String
    /// Which inputs they are, if they are.
    let weightInput: Int?
    let biasInput: Int?

    init(_ attributes: Attributes) throws(ChainruleError) {
        outFeatures = attributes.integer("out_features")
        inFeatures = attributes.has("in_features") ? attributes.integer("in_features") : nil
        hasBias = attributes.boolean("bias")
        weightInitializer = attributes.text("weight_init")
        biasInitializer = attributes.text("bias_init")
        weightInput = attributes.input("weight")
        biasInput = attributes.input("bias")
        guard hasBias || biasInput == nil else {
            throw ChainruleError(.attribute, "linear's bias", expected: "true, as the bias is an input", got: "false")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard let size = input.dimensions.last, size != Shape.batch, size > 0 else {
            throw ChainruleError(.shape, "linear's input", expected: "a last dimension of 1 or more", got: "\(input)")
        }
        if let inFeatures, inFeatures != size {
            throw ChainruleError(.shape, "linear's input", expected: "last dimension \(inFeatures) (in_features)", got: "\(input)")
        }
        if let weightInput, inputs[weightInput] != [outFeatures, size] {
            throw ChainruleError(.shape, "linear's weight", expected: "[\(outFeatures), \(size)]", got: "\(inputs[weightInput])")
        }
        if let biasInput, inputs[biasInput] != [outFeatures] {
            throw ChainruleError(.shape, "linear's bias", expected: "[\(outFeatures)]", got: "\(inputs[biasInput])")
        }
        return [Shape(input.dimensions.dropLast() + [outFeatures])]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        let size = inputs[0].dimensions[inputs[0].rank - 1]
        var list: [ParameterSpecification] = []
        if weightInput == nil {
            list.append(
                ParameterSpecification(
                    "weight", [outFeatures, size],
                    try Initializer(weightInitializer, fanIn: size, fanOut: outFeatures, what: "attribute weight_init"),
                    isTransposed: true))
        }
        if hasBias && biasInput == nil {
            list.append(
                ParameterSpecification(
                    "bias", [outFeatures],
                    try Initializer(biasInitializer, fanIn: size, fanOut: outFeatures, what: "attribute bias_init")))
        }
        return list
    }

    func forward(_ emit: Emitter) {
        let (rows, columns, outer) = sizes(emit)
        let bias = biasInput.map { emit.input($0) } ?? emit.parameter("bias")
        // The own weight is kept as [in, out].
        guard let weight = weightInput.map({ emit.input($0) }) ?? emit.parameter("weight") else { return }
        emit.program.matrixProduct(
            m: rows, n: outer, k: columns, a: emit.input(), b: weight, transposeB: weightInput != nil, into: emit.output(), bias: bias)
    }

    // dW^T = x^T dy, db = column sums of dy, dx = dy W
    func backward(_ emit: Emitter) {
        let (rows, columns, outer) = sizes(emit)
        guard let weight = weightInput.map({ emit.input($0) }) ?? emit.parameter("weight") else { return }
        let dy = emit.outputGradient()
        var biasGradient = emit.parameterGradient("bias")
        if let biasInput, emit.needsInputGradient(biasInput) { biasGradient = emit.inputGradient(biasInput) }
        if let gradient = emit.parameterGradient("weight") {
            emit.program.matrixProduct(
                m: columns, n: outer, k: rows, a: emit.input(), transposeA: true, b: dy, into: gradient, columnSums: biasGradient)
            biasGradient = nil
        }
        if let weightInput, emit.needsInputGradient(weightInput) {
            emit.program.matrixProduct(
                m: outer, n: columns, k: rows, a: dy, transposeA: true, b: emit.input(), into: emit.inputGradient(weightInput))
        }
        if let biasGradient { emit.program.sum(dy, [rows, outer], over: [0], into: biasGradient) }
        if emit.needsInputGradient() {
            emit.program.matrixProduct(
                m: rows, n: columns, k: outer, a: dy, b: weight, transposeB: weightInput == nil, into: emit.inputGradient())
        }
    }

    /// Rows of all leading dimensions together, sizes of the last dimension before and after.
    private func sizes(_ emit: Emitter) -> (rows: Int, columns: Int, outer: Int) {
        let columns = emit.inputShapes[0].dimensions.last ?? 1
        return (emit.outputShapes[0].elementCount / outFeatures, columns, outFeatures)
    }
}
