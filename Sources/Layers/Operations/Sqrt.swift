// the square root

import KernelInterface
import Tensors

struct Sqrt: UnaryLayer {
    static let kind = "sqrt"
    static let documentation = "the square root, element by element"

    let function = UnaryFunction.sqrt

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
