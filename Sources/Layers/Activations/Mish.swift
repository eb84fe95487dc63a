// x tanh(softplus(x)) (Misra 2019)

import KernelInterface
import Tensors

struct Mish: UnaryLayer {
    static let kind = "mish"
    static let className: String? = "Mish"
    static let documentation = "x * tanh(log(1 + exp(x))) (Misra 2019), element by element"

    let function = UnaryFunction.mish

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
