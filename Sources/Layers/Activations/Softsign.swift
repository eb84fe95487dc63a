// x / (1 + |x|)

import KernelInterface
import Tensors

struct Softsign: UnaryLayer {
    static let kind = "softsign"
    static let className: String? = "Softsign"
    static let documentation = "x / (1 + |x|), element by element"

    let function = UnaryFunction.softsign

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
