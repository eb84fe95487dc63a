// The right class's score should be above every other by a margin (Crammer and Singer 2001).

import KernelInterface
import Layers
import Tensors

struct MultiMargin: Loss {
    static let kind = "multi_margin"
    static let className: String? = "MultiMarginLoss"
    static let documentation = """
        the sum over the wrong classes of max(0, margin - x at the label + x)^p, divided by the classes; x [batch, classes], \
        targets labels [batch]
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("p", .integer(1...2), default: "1", "1 or 2"),
        AttributeSpecification("margin", .real(.finite), default: "1", "by how much the label's score should be larger"),
        AttributeSpecification("weight", .reals, optional: true, "what each class counts as a label"),
        .reduction,
    ]
    static let targetRoles = [TargetRole("target", .labels)]

    let power: Int
    let margin: Double
    let classWeights: [Double]

    init(_ attributes: Attributes) throws(ChainruleError) {
        power = attributes.integer("p")
        margin = attributes.real("margin")
        classWeights = try Self.weights(attributes, "weight")
    }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let classes = try dimension(predictions[0], rank: 2...2, "scores [batch, classes]")
        try Self.check(classWeights, "weight", count: classes)
        return [TargetSpecification(shape: [predictions[0][0]], labels: LabelRange(classes: classes))]
    }

    func emit(_ emit: LossEmitter) {
        emit.rows(
            .multiMargin,
            LossEmitter.Rows(
                count: emit.rows, columns: emit.columns, x: emit.predictions[0], gradient: emit.gradient(),
                target: emit.targets[0], classWeights: classWeights.isEmpty ? nil : emit.program.constant(classWeights),
                a: margin, flag: power == 2), emit.scale(elements: 1, share: emit.columns))
    }
}
