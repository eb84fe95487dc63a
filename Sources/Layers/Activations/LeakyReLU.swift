// x for x > 0, negative_slope * x otherwise

import KernelInterface
import Tensors

struct LeakyReLU: UnaryLayer {
    static let kind = "leaky_relu"
    static let className: String? = "LeakyReLU"
    static let documentation = "x for x > 0, negative_slope * x otherwise, element by element"
    static let attributes = [
        AttributeSpecification("negative_slope", .real(.notNegative), default: "0.01", "slope left of 0"),
    ]

    let function = UnaryFunction.leakyRelu
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("negative_slope"), 0)
    }
}
