// x above a threshold, a fixed value otherwise

import KernelInterface
import Tensors

struct Threshold: UnaryLayer {
    static let kind = "threshold"
    static let className: String? = "Threshold"
    static let documentation = "x where it is above threshold, value otherwise, element by element"
    static let attributes = [
        AttributeSpecification("threshold", .real(.finite), "the number that x must exceed"),
        AttributeSpecification("value", .real(.finite), "what stands for the others"),
    ]

    let function = UnaryFunction.threshold
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("threshold"), attributes.real("value"))
    }
}
