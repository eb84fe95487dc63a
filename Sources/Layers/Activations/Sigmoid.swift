// 1 / (1 + exp(-x))

import KernelInterface
import Tensors

struct Sigmoid: UnaryLayer {
    static let kind = "sigmoid"
    static let className: String? = "Sigmoid"
    static let documentation = "1 / (1 + exp(-x)), element by element"

    let function = UnaryFunction.sigmoid

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
