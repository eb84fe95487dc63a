// x cut off at min_val and max_val

import KernelInterface
import Tensors

struct Hardtanh: UnaryLayer {
    static let kind = "hardtanh"
    static let className: String? = "Hardtanh"
    static let documentation = "x cut off at min_val and max_val, element by element"
    static let attributes = [
        AttributeSpecification("min_val", .real(.finite), default: "-1", "lower bound"),
        AttributeSpecification("max_val", .real(.finite), default: "1", "upper bound"),
    ]

    let function = UnaryFunction.hardtanh
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        constants = (attributes.real("min_val"), attributes.real("max_val"))
        guard constants.0 < constants.1 else {
            throw ChainruleError(
                .attribute, "hardtanh's min_val and max_val", expected: "min_val < max_val",
                got: "\(constants.0) and \(constants.1)")
        }
    }
}
