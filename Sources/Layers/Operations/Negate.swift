// -x

import KernelInterface
import Tensors

struct Negate: UnaryLayer {
    static let kind = "neg"
    static let documentation = "-x, element by element"

    let function = UnaryFunction.negate

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
