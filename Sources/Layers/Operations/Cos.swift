// cos(x), x in radians

import KernelInterface
import Tensors

struct Cos: UnaryLayer {
    static let kind = "cos"
    static let documentation = "cos(x), x in radians, element by element"

    let function = UnaryFunction.cos

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
