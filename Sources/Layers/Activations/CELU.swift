// max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017)

import KernelInterface
import Tensors

struct CELU: UnaryLayer {
    static let kind = "celu"
    static let className: String? = "CELU"
    static let documentation = "x for x > 0, alpha * (exp(x / alpha) - 1) otherwise (Barron 2017), element by element"
    static let attributes = [
        AttributeSpecification("alpha", .real(.positive), default: "1", "the limit on the left is -alpha"),
    ]

    let function = UnaryFunction.celu
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("alpha"), 0)
    }
}
