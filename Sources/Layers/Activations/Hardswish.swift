// x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)

import KernelInterface
import Tensors

struct Hardswish: UnaryLayer {
    static let kind = "hardswish"
    static let className: String? = "Hardswish"
    static let documentation = "x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019), element by element"

    let function = UnaryFunction.hardswish

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
