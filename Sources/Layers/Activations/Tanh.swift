// tanh(x)

import KernelInterface
import Tensors

struct Tanh: UnaryLayer {
    static let kind = "tanh"
    static let className: String? = "Tanh"
    static let documentation = "tanh(x), element by element"

    let function = UnaryFunction.tanh

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
