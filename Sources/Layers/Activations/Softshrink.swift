// x moved towards 0 by lambd, not beyond it

import KernelInterface
import Tensors

struct Softshrink: UnaryLayer {
    static let kind = "softshrink"
    static let className: String? = "Softshrink"
    static let documentation = "x - lambd above lambd, x + lambd below -lambd, 0 between, element by element"
    static let attributes = [
        AttributeSpecification("lambd", .real(.notNegative), default: "0.5", "by how much x moves towards 0"),
    ]

    let function = UnaryFunction.softshrink
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("lambd"), 0)
    }
}
