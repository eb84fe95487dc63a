// sin(x), x in radians

import KernelInterface
import Tensors

struct Sin: UnaryLayer {
    static let kind = "sin"
    static let documentation = "sin(x), x in radians, element by element"

    let function = UnaryFunction.sin

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
