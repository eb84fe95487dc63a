// Minus the predicted log-probability of the label: cross entropy behind log_softmax.

import KernelInterface
import Layers
import Tensors

struct NegativeLogLikelihood: Loss {
    static let kind = "nll"
    static let className: String? = "NLLLoss"
    static let documentation = "-x at the label; x are log-probabilities [batch, classes, d1, ...], targets labels [batch, d1, ...]"
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("weight", .reals, optional: true, "what each class counts"),
        AttributeSpecification("ignore_index", .integer(.any), default: "-100", "a label that counts nothing"),
        .reduction,
    ]
    static let targetRoles = [TargetRole("target", .labels)]

    let classWeights: [Double]
    let ignored: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        ignored = attributes.integer("ignore_index")
        classWeights = try Self.weights(attributes, "weight")
    }

    var link: PredictionLink { .logProbabilities }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let classes = try dimension(predictions[0], rank: 2...8, "log-probabilities [batch, classes, d1, ...]")
        try Self.check(classWeights, "weight", count: classes)
        return [
            TargetSpecification(shape: predictions[0].withoutClasses, labels: LabelRange(classes: classes, ignored: ignored),
                alternative: predictions[0].classesInWords)
        ]
    }

    func emit(_ emit: LossEmitter) {
        let rows = emit.classRows
        let classes = classWeights.isEmpty ? nil : emit.program.constant(classWeights)
        let scale = emit.scale(labels: emit.targets[0], positions: rows.positions, classWeights: classes)
        emit.withGradientRows(rows) { gradient in
            emit.rows(
                .negativeLogLikelihood,
                LossEmitter.Rows(
                    count: rows.count, columns: rows.classes, positions: rows.positions,
                    shape: emit.shapes[0].withoutClasses, x: emit.asRows(emit.predictions[0], rows), gradient: gradient, target: emit.targets[0], classWeights: classes),
                scale)
        }
    }
}
