// Two scores, the first of which should be larger (target 1) or smaller (target -1) by a margin.

import KernelInterface
import Layers
import Tensors

struct MarginRanking: Loss {
    static let kind = "margin_ranking"
    static let className: String? = "MarginRankingLoss"
    static let documentation = "max(0, margin - target (input1 - input2)), targets 1 or -1"
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("margin", .real(.finite), default: "0", "by how much they should differ"), .reduction,
    ]
    static let predictionRoles = ["input1", "input2"]

    let margin: Double
    init(_ attributes: Attributes) throws(ChainruleError) { margin = attributes.real("margin") }
    func emit(_ emit: LossEmitter) { emit.elements(.marginRanking, LossEmitter.Numbers(a: margin)) }
}
