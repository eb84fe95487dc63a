// x - tanh(x)

import KernelInterface
import Tensors

struct Tanhshrink: UnaryLayer {
    static let kind = "tanhshrink"
    static let className: String? = "Tanhshrink"
    static let documentation = "x - tanh(x), element by element"

    let function = UnaryFunction.tanhshrink

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
