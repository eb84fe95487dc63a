// y_k = x1^T W_k x2 + b_k: the outer product of the two vectors times the weight, as one matrix product.

import KernelDispatch
import KernelInterface
import Tensors

struct Bilinear: Layer, RoundingLayer {
    static let kind = "bilinear"
    static let className: String? = "Bilinear"
    static let documentation = "y_k = x1^T W_k x2 + b_k over the last dimensions; weight [out_features, in1_features, in2_features], bias [out_features]"
    static let attributes = [
        AttributeSpecification("in1_features", .integer(.sizes), optional: true, "checked against the first input"),
        AttributeSpecification("in2_features", .integer(.sizes), optional: true, "checked against the second input"),
        AttributeSpecification("out_features", .integer(.sizes), "size of the last dimension of the output"),
        AttributeSpecification("bias", .boolean, default: "true", "whether b is added"),
        AttributeSpecification("weight_init", .text, default: "default", "initializer of the weight"),
        AttributeSpecification("bias_init", .text, default: "default", "initializer of the bias"),
    ]
    static let inputCount = 2...2
    static let inputRoles = ["input1", "input2"]
    static let parameterShapes = [
        (name: "weight", shape: "[out_features, in1_features, in2_features]"), (name: "bias", shape: "[out_features]"),
    ]

    let features: [Int?]
    let outFeatures: Int
    let hasBias: Bool
    let weightInitializer: String
    let biasInitializer: String

    init(_ attributes: Attributes) throws(ChainruleError) {
        features = ["in1_features", "in2_features"].map { attributes.has($0) ? attributes.integer($0) : nil }
        outFeatures = attributes.integer("out_features")
        hasBias = attributes.boolean("bias")
        weightInitializer = attributes.text("weight_init")
        biasInitializer = attributes.text("bias_init")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        for (index, input) in inputs.enumerated() {
            guard let size = input.dimensions.last, size != Shape.batch, size > 0 else {
                throw ChainruleError(
                    .shape, "bilinear's input\(index + 1)", expected: "a last dimension of 1 or more", got: "\(input)")
            }
            if let wanted = features[index], wanted != size {
                throw ChainruleError(
                    .shape, "bilinear's input\(index + 1)", expected: "last dimension \(wanted) (in\(index + 1)_features)", got: "\(input)")
            }
        }
        guard inputs[0].dimensions.dropLast() == inputs[1].dimensions.dropLast() else {
            throw ChainruleError(
                .shape, "bilinear's inputs", expected: "shapes equal but for the last size", got: "\(inputs[0]) and \(inputs[1])")
        }
        // The outer product is the largest array.
        _ = try Shape(inputs[0].dimensions + [inputs[1].dimensions.last ?? 1]).validated(what: "bilinear's product")
        return [Shape(inputs[0].dimensions.dropLast() + [outFeatures])]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        let first = inputs[0].dimensions.last ?? 1
        let second = inputs[1].dimensions.last ?? 1
        // PyTorch draws both between -1/sqrt(in1_features) and that.
        var list = [
            ParameterSpecification(
                "weight", [outFeatures, first, second],
                try Initializer(weightInitializer, fanIn: first, fanOut: outFeatures, what: "attribute weight_init"))
        ]
        if hasBias {
            list.append(
                ParameterSpecification(
                    "bias", [outFeatures],
                    try Initializer(biasInitializer, fanIn: first, fanOut: outFeatures, what: "attribute bias_init")))
        }
        return list
    }

    private func sizes(_ emit: Emitter) -> (rows: Int, first: Int, second: Int) {
        (
            emit.outputShapes[0].elementCount / outFeatures, emit.inputShapes[0].dimensions.last ?? 1,
            emit.inputShapes[1].dimensions.last ?? 1
        )
    }

    func forward(_ emit: Emitter) {
        let (rows, first, second) = sizes(emit)
        guard let weight = emit.parameter("weight") else { return }
        let product = emit.workspace(elements: rows * first * second)
        emit.program.binary(
            .multiply, emit.input(0), strides: [first, 1, 0], emit.input(1), strides: [second, 0, 1], into: product,
            sizes: [rows, first, second])
        emit.save("product", product)
        guard rows > 0 else { return }
        emit.program.matrixProduct(
            m: rows, n: outFeatures, k: first * second, a: product, b: weight, transposeB: true, into: emit.output(),
            bias: emit.parameter("bias"))
    }

    func backward(_ emit: Emitter) {
        let (rows, first, second) = sizes(emit)
        guard let weight = emit.parameter("weight"), let product = emit.saved("product") else { return }
        let dy = emit.outputGradient()
        let program = emit.program
        if let gradient = emit.parameterGradient("weight") {
            if rows > 0 {
                program.matrixProduct(
                    m: outFeatures, n: first * second, k: rows, a: dy, transposeA: true, b: product, into: gradient)
            } else {
                program.fill(gradient, with: 0, count: outFeatures * first * second)
            }
        }
        if let gradient = emit.parameterGradient("bias") {
            program.sum(dy, [rows, outFeatures], over: [0], into: gradient)
        }
        guard emit.needsInputGradient(0) || emit.needsInputGradient(1), rows > 0 else {
            for side in 0..<2 where emit.needsInputGradient(side) { _ = emit.inputGradient(side) }
            return
        }
        let inner = emit.workspace(elements: rows * first * second)
        program.matrixProduct(m: rows, n: first * second, k: outFeatures, a: dy, b: weight, into: inner)
        if emit.needsInputGradient(0) {
            var problem = MatrixMultiplyProblem(m: first, n: 1, k: second, isDouble: emit.isDouble)
            problem.batchCount = rows
            program.matrixProduct(problem, a: inner, b: emit.input(1), into: emit.inputGradient(0))
        }
        if emit.needsInputGradient(1) {
            var problem = MatrixMultiplyProblem(m: 1, n: second, k: first, isDouble: emit.isDouble)
            problem.batchCount = rows
            program.matrixProduct(problem, a: emit.input(0), b: inner, into: emit.inputGradient(1))
        }
    }
}
