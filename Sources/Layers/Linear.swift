// y = x W^T + b over the last dimension.

import KernelInterface
import Tensors

struct Linear: Layer {
    static let kind = "linear"
    static let className: String? = "Linear"
    static let documentation = "y = x W^T + b over the last dimension; weight [out_features, in_features], bias [out_features]"
    static let attributes = [
        AttributeSpecification("in_features", .integer(.sizes), optional: true, "checked against the input"),
        AttributeSpecification("out_features", .integer(.sizes), "size of the last dimension of the output"),
        AttributeSpecification("bias", .boolean, default: "true", "whether b is added"),
        AttributeSpecification("weight_init", .text, default: "default", "initializer of the weight"),
        AttributeSpecification("bias_init", .text, default: "default", "initializer of the bias"),
    ]

    static let parameterShapes = [(name: "weight", shape: "[out_features, in_features]"), (name: "bias", shape: "[out_features]")]

    let outFeatures: Int
    let inFeatures: Int?
    let hasBias: Bool
    let weightInitializer: String
    let biasInitializer: String

    init(_ attributes: Attributes) throws(ChainruleError) {
        outFeatures = attributes.integer("out_features")
        inFeatures = attributes.has("in_features") ? attributes.integer("in_features") : nil
        hasBias = attributes.boolean("bias")
        weightInitializer = attributes.text("weight_init")
        biasInitializer = attributes.text("bias_init")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard let size = input.dimensions.last, size != Shape.batch, size > 0 else {
            throw ChainruleError(.shape, "linear's input", expected: "a last dimension of 1 or more", got: "\(input)")
        }
        if let inFeatures, inFeatures != size {
            throw ChainruleError(.shape, "linear's input", expected: "last dimension \(inFeatures) (in_features)", got: "\(input)")
        }
        return [Shape(input.dimensions.dropLast() + [outFeatures])]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        let size = inputs[0].dimensions[inputs[0].rank - 1]
        var list = [
            ParameterSpecification(
                "weight", [outFeatures, size],
                try Initializer(weightInitializer, fanIn: size, fanOut: outFeatures, what: "attribute weight_init"),
                isTransposed: true)
        ]
        if hasBias {
            list.append(
                ParameterSpecification(
                    "bias", [outFeatures],
                    try Initializer(biasInitializer, fanIn: size, fanOut: outFeatures, what: "attribute bias_init")))
        }
        return list
    }

    func forward(_ emit: Emitter) {
        let (rows, columns, outer) = sizes(emit)
        guard let weight = emit.parameter("weight") else { return }
        emit.program.matrixProduct(
            m: rows, n: outer, k: columns, a: emit.input(), b: weight, into: emit.output(), bias: emit.parameter("bias"))
    }

    // dW^T = x^T dy, db = column sums of dy, dx = dy W
    func backward(_ emit: Emitter) {
        let (rows, columns, outer) = sizes(emit)
        guard let weight = emit.parameter("weight") else { return }
        let dy = emit.outputGradient()
        if let gradient = emit.parameterGradient("weight") {
            emit.program.matrixProduct(
                m: columns, n: outer, k: rows, a: emit.input(), transposeA: true, b: dy, into: gradient,
                columnSums: emit.parameterGradient("bias"))
        }
        if emit.needsInputGradient() {
            emit.program.matrixProduct(
                m: rows, n: columns, k: outer, a: dy, b: weight, transposeB: true, into: emit.inputGradient())
        }
    }

    /// Rows of all leading dimensions together, sizes of the last dimension before and after.
    private func sizes(_ emit: Emitter) -> (rows: Int, columns: Int, outer: Int) {
        let columns = emit.inputShapes[0].dimensions.last ?? 1
        return (emit.outputShapes[0].elementCount / outFeatures, columns, outFeatures)
    }
}
