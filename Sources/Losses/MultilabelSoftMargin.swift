// Yes or no for each class: binary cross entropy, its mean over the classes.

import KernelInterface
import Layers
import Tensors

struct MultilabelSoftMargin: Loss {
    static let kind = "multilabel_soft_margin"
    static let className: String? = "MultiLabelSoftMarginLoss"
    static let documentation = """
        the mean over the last dimension of -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), targets t 0 or 1
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("weight", .reals, optional: true, "what each class counts"), .reduction,
    ]
    var decisionThreshold: Double { 0 }
    var link: PredictionLink { .sigmoid }

    let weight: [Double]
    init(_ attributes: Attributes) throws(ChainruleError) { weight = try Self.weights(attributes, "weight") }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let shape = predictions[0]
        guard shape.rank > 1, shape[shape.rank - 1] > 0 else {
            throw ChainruleError(.shape, "\(Self.kind)'s prediction", expected: "logits [batch, ..., classes]", got: "\(shape)")
        }
        try Self.check(weight, "weight", count: shape[shape.rank - 1])
        return [TargetSpecification(shape: shape)]
    }

    func emit(_ emit: LossEmitter) {
        let shape = emit.shapes[0]
        emit.elements(
            .binaryCrossEntropyWithLogits, LossEmitter.Numbers(columnWeights: emit.columnConstant(weight)),
            share: shape[shape.rank - 1])
        emit.sumLosses()
    }
}
