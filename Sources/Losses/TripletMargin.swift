// An anchor should be nearer to the positive than to the negative by a margin.

import KernelInterface
import Layers
import Tensors

struct TripletMargin: Loss {
    static let kind = "triplet_margin"
    static let className: String? = "TripletMarginLoss"
    static let documentation = """
        max(0, margin + d(anchor, positive) - d(anchor, negative)), d the p-norm of the difference (and eps) over the last \
        dimension; there is no target
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("margin", .real(.positive), default: "1", "by how much the negative should be farther"),
        AttributeSpecification("p", .real(.positive), default: "2", "of the norm"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-6", "added to each difference"),
        AttributeSpecification("swap", .boolean, default: "false", "takes d(positive, negative) where that is smaller"),
        .reduction,
    ]
    static let predictionRoles = ["anchor", "positive", "negative"]
    static let targetRoles: [TargetRole] = []

    let margin: Double
    let power: Double
    let eps: Double
    let swaps: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        margin = attributes.real("margin")
        power = attributes.real("p")
        eps = attributes.real("eps")
        swaps = attributes.boolean("swap")
    }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        guard predictions[0].rank > 1 else {
            throw ChainruleError(.shape, "triplet_margin's anchor", expected: "vectors [batch, ..., features]", got: "\(predictions[0])")
        }
        try sameShapes(predictions)
        return []
    }

    func emit(_ emit: LossEmitter) {
        let shape = emit.shapes[0]
        let features = shape[shape.rank - 1]
        let positions = shape.dimensions.dropFirst().dropLast().reduce(1, *)
        emit.rows(
            .tripletMargin,
            LossEmitter.Rows(
                count: emit.rows * positions, columns: features, positions: max(positions, 1),
                shape: Shape(shape.dimensions.dropLast()), x: emit.predictions[0],
                gradient: emit.gradient(), a: margin, b: power, c: eps, flag: swaps), emit.scale(elements: positions))
    }
}
