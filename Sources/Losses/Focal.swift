// Cross entropy in which easy samples count less (Lin et al. 2017). With activation=sigmoid it is
// torchvision.ops.sigmoid_focal_loss; with softmax the same over classes, one of which is right.

import KernelInterface
import Layers
import Tensors

struct Focal: Loss {
    static let kind = "focal"
    static let className: String? = "FocalLoss"
    static let documentation = """
        a (1 - p)^gamma (-log p), p the probability that logits give the right answer. activation=sigmoid: targets from 0 to \
        1 of the logits' shape, a is alpha for 1 and 1 - alpha for 0 (torchvision's sigmoid_focal_loss); softmax: labels, \
        logits [batch, classes, d1, ...], a is the label's of alpha
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification(
            "alpha", .reals, optional: true,
            "sigmoid: one number, below 0 for none (default 0.25); softmax: one for each class (default: 1)"),
        AttributeSpecification("gamma", .real(.notNegative), default: "2", "how much less easy samples count"),
        AttributeSpecification("activation", .word(["sigmoid", "softmax"]), default: "sigmoid", "what makes logits probabilities"),
        AttributeSpecification("ignore_index", .integer(.any), default: "-100", "softmax: a label that counts nothing"),
        .reduction,
    ]
    static let targetRoles = [TargetRole("target", .either)]

    let alpha: [Double]
    let gamma: Double
    let isSoftmax: Bool
    let ignored: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        gamma = attributes.real("gamma")
        isSoftmax = attributes.text("activation") == "softmax"
        ignored = attributes.integer("ignore_index")
        if isSoftmax {
            alpha = try Self.weights(attributes, "alpha")
        } else {
            alpha = attributes.has("alpha") ? attributes.reals("alpha") : [0.25]
            guard alpha.count == 1, alpha[0] <= 1 else {
                throw ChainruleError(.attribute, "focal's alpha", expected: "one number, at most 1", got: "\(alpha)")
            }
        }
    }

    var decisionThreshold: Double { 0 }
    var link: PredictionLink { isSoftmax ? .softmax : .sigmoid }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        guard isSoftmax else { return [TargetSpecification(shape: predictions[0])] }
        let classes = try dimension(predictions[0], rank: 2...8, "logits [batch, classes, d1, ...]")
        try Self.check(alpha, "alpha", count: classes)
        return [
            TargetSpecification(shape: predictions[0].withoutClasses, labels: LabelRange(classes: classes, ignored: ignored),
                alternative: predictions[0].classesInWords)
        ]
    }

    func emit(_ emit: LossEmitter) {
        guard isSoftmax else {
            return emit.elements(.sigmoidFocal, LossEmitter.Numbers(a: alpha[0], b: gamma))
        }
        let rows = emit.classRows
        // The mean is over labels that count, whatever their alpha.
        let scale = emit.scale(labels: emit.targets[0], positions: rows.positions, classWeights: nil)
        emit.withGradientRows(rows) { gradient in
            emit.rows(
                .softmaxFocal,
                LossEmitter.Rows(
                    count: rows.count, columns: rows.classes, positions: rows.positions,
                    shape: emit.shapes[0].withoutClasses, x: emit.asRows(emit.predictions[0], rows), gradient: gradient, target: emit.targets[0],
                    classWeights: alpha.isEmpty ? nil : emit.program.constant(alpha), a: gamma), scale)
        }
    }
}

extension Shape {
    /// [batch, classes, d1, ...] without the classes.
    var withoutClasses: Shape { Shape([dimensions[0]] + dimensions.dropFirst(2)) }
    /// Behind the shape that labels should have, where it isn't obvious.
    var classesInWords: String { rank > 2 ? ", since dimension 1 of the prediction \(self) is the classes" : "" }
}
