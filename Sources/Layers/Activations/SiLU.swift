// x * sigmoid(x), also called swish

import KernelInterface
import Tensors

struct SiLU: UnaryLayer {
    static let kind = "silu"
    static let className: String? = "SiLU"
    static let documentation = "x * sigmoid(x), also called swish, element by element"

    let function = UnaryFunction.silu

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
