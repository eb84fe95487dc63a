// Distances that should be small (target 1) or at least a margin (target -1).

import KernelInterface
import Layers
import Tensors

struct HingeEmbedding: Loss {
    static let kind = "hinge_embedding"
    static let className: String? = "HingeEmbeddingLoss"
    static let documentation = "x where the target is 1, max(0, margin - x) where it is -1"
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("margin", .real(.finite), default: "1", "how large x should be for target -1"), .reduction,
    ]
    var isComparable: Bool { false }

    let margin: Double
    init(_ attributes: Attributes) throws(ChainruleError) { margin = attributes.real("margin") }
    func emit(_ emit: LossEmitter) { emit.elements(.hingeEmbedding, LossEmitter.Numbers(a: margin)) }
}
