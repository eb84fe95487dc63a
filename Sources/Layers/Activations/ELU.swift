// x for x > 0, alpha * (exp(x) - 1) otherwise (Clevert et al. 2016)

import KernelInterface
import Tensors

struct ELU: UnaryLayer {
    static let kind = "elu"
    static let className: String? = "ELU"
    static let documentation = "x for x > 0, alpha * (exp(x) - 1) otherwise (Clevert et al. 2016), element by element"
    static let attributes = [
        AttributeSpecification("alpha", .real(.positive), default: "1", "the limit on the left is -alpha"),
    ]

    let function = UnaryFunction.elu
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("alpha"), 0)
    }
}
