// the natural logarithm

import KernelInterface
import Tensors

struct Log: UnaryLayer {
    static let kind = "log"
    static let documentation = "the natural logarithm, element by element"

    let function = UnaryFunction.log

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
