// min(max(x, 0), 6)

import KernelInterface
import Tensors

struct ReLU6: UnaryLayer {
    static let kind = "relu6"
    static let className: String? = "ReLU6"
    static let documentation = "min(max(x, 0), 6), element by element"

    let function = UnaryFunction.hardtanh
    var constants: (Double, Double) { (0, 6) }

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
