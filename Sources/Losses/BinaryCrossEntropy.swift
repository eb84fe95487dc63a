// Cross entropy of yes and no: of logits, in a form that never overflows, and of probabilities.

import KernelInterface
import Layers
import Tensors

struct BinaryCrossEntropyWithLogits: Loss {
    static let kind = "bce_with_logits"
    static let className: String? = "BCEWithLogitsLoss"
    static let documentation = "-pos_weight t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), targets t from 0 to 1"
    static let attributes: [AttributeSpecification] = [
        columnWeight, .reduction,
        AttributeSpecification(
            "pos_weight", .reals, optional: true, "what positive answers count: a number for each column of the last dimension, or one"),
    ]
    var decisionThreshold: Double { 0 }
    var link: PredictionLink { .sigmoid }

    let weight: [Double]
    let positive: [Double]

    init(_ attributes: Attributes) throws(ChainruleError) {
        weight = try Self.weights(attributes, "weight")
        positive = try Self.weights(attributes, "pos_weight")
    }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        try checkColumns(weight, "weight", predictions[0])
        try checkColumns(positive, "pos_weight", predictions[0])
        return [TargetSpecification(shape: predictions[0])]
    }

    func emit(_ emit: LossEmitter) {
        emit.elements(
            positive.isEmpty ? .binaryCrossEntropyWithLogits : .binaryCrossEntropyWithPositiveWeights,
            LossEmitter.Numbers(columnWeights: emit.columnConstant(weight), columnNumbers: emit.columnConstant(positive)))
    }
}

struct BinaryCrossEntropy: Loss {
    static let kind = "bce"
    static let className: String? = "BCELoss"
    static let documentation = "-t log(p) - (1 - t) log(1 - p) of probabilities p; logarithms are at least -100"
    static let attributes: [AttributeSpecification] = [columnWeight, .reduction]
    var link: PredictionLink { .probabilities }

    let weight: [Double]
    init(_ attributes: Attributes) throws(ChainruleError) { weight = try Self.weights(attributes, "weight") }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        try checkColumns(weight, "weight", predictions[0])
        return [TargetSpecification(shape: predictions[0])]
    }

    func emit(_ emit: LossEmitter) {
        emit.elements(.binaryCrossEntropy, LossEmitter.Numbers(columnWeights: emit.columnConstant(weight)))
    }
}

private let columnWeight = AttributeSpecification(
    "weight", .reals, optional: true, "scales the loss: a number for each column of the last dimension, or one")

extension Loss {
    /// Numbers for the columns of the last dimension, or one for all.
    func checkColumns(_ list: [Double], _ name: String, _ shape: Shape) throws(ChainruleError) {
        guard list.count > 1 else { return }
        try Self.check(list, name, count: shape.rank > 1 ? shape[shape.rank - 1] : 1)
    }
}
