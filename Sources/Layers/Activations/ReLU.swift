// max(x, 0)

import KernelInterface
import Tensors

struct ReLU: UnaryLayer {
    static let kind = "relu"
    static let className: String? = "ReLU"
    static let documentation = "max(x, 0), element by element"

    let function = UnaryFunction.relu

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
