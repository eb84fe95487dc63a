// x outside -lambd to lambd, 0 within

import KernelInterface
import Tensors

struct Hardshrink: UnaryLayer {
    static let kind = "hardshrink"
    static let className: String? = "Hardshrink"
    static let documentation = "x outside -lambd to lambd, 0 within, element by element"
    static let attributes = [
        AttributeSpecification("lambd", .real(.notNegative), default: "0.5", "half the width of what becomes 0"),
    ]

    let function = UnaryFunction.hardshrink
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("lambd"), 0)
    }
}
