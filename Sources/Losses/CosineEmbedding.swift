// Vectors that should point the same way (target 1) or not (target -1).

import KernelInterface
import Layers
import Tensors

struct CosineEmbedding: Loss {
    static let kind = "cosine_embedding"
    static let className: String? = "CosineEmbeddingLoss"
    static let documentation = """
        1 - cos where the target is 1, max(0, cos - margin) where it is -1, cos that of the angle between vectors \
        [batch, features]; targets [batch]
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("margin", .real(-1...1), default: "0", "the cosine that may remain for target -1"), .reduction,
    ]
    static let predictionRoles = ["input1", "input2"]

    let margin: Double
    init(_ attributes: Attributes) throws(ChainruleError) { margin = attributes.real("margin") }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        _ = try dimension(predictions[0], rank: 2...2, "vectors [batch, features]")
        try sameShapes(predictions)
        return [TargetSpecification(shape: [predictions[0][0]])]
    }

    func emit(_ emit: LossEmitter) {
        emit.rows(
            .cosineEmbedding,
            LossEmitter.Rows(
                count: emit.rows, columns: emit.columns, x: emit.predictions[0], gradient: emit.gradient(),
                target: emit.targets[0], a: margin), emit.scale(elements: 1))
    }
}
