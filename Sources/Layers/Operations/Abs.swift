// |x|; the gradient at 0 is 0

import KernelInterface
import Tensors

struct Abs: UnaryLayer {
    static let kind = "abs"
    static let documentation = "|x|; the gradient at 0 is 0, element by element"

    let function = UnaryFunction.abs

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
