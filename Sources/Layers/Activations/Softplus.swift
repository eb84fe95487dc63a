// log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold

import KernelInterface
import Tensors

struct Softplus: UnaryLayer {
    static let kind = "softplus"
    static let className: String? = "Softplus"
    static let documentation = "log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold, element by element"
    static let attributes = [
        AttributeSpecification("beta", .real(.positive), default: "1", "sharpness"),
        AttributeSpecification("threshold", .real(.finite), default: "20", "above it the function is the identity"),
    ]

    let function = UnaryFunction.softplus
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("beta"), attributes.real("threshold"))
    }
}
