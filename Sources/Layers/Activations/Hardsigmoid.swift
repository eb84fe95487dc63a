// min(max(x + 3, 0), 6) / 6

import KernelInterface
import Tensors

struct Hardsigmoid: UnaryLayer {
    static let kind = "hardsigmoid"
    static let className: String? = "Hardsigmoid"
    static let documentation = "min(max(x + 3, 0), 6) / 6, element by element"

    let function = UnaryFunction.hardsigmoid

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
