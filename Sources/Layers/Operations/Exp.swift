// e ** x

import KernelInterface
import Tensors

struct Exp: UnaryLayer {
    static let kind = "exp"
    static let documentation = "e ** x, element by element"

    let function = UnaryFunction.exp

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
