// One minus the overlap of a predicted and a true set (Milletari et al. 2016), sample by sample.

import KernelInterface
import Layers
import Tensors

struct Dice: Loss {
    static let kind = "dice"
    static let className: String? = "DiceLoss"
    static let documentation = """
        1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth), the sums over a sample's elements, of probabilities p and \
        targets t from 0 to 1
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("smooth", .real(.notNegative), default: "1", "keeps empty sets from dividing by 0"), .reduction,
    ]

    let smooth: Double
    init(_ attributes: Attributes) throws(ChainruleError) { smooth = attributes.real("smooth") }

    func emit(_ emit: LossEmitter) {
        emit.rows(
            .dice,
            LossEmitter.Rows(
                count: emit.rows, columns: emit.columns, x: emit.predictions[0], gradient: emit.gradient(),
                target: emit.targets[0], a: smooth), emit.scale(elements: 1))
    }
}
