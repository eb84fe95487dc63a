// Like half the square for small errors, like the size for large ones, and smooth in between.

import KernelInterface
import Layers
import Tensors

struct LogCosh: Loss {
    static let kind = "log_cosh"
    static let className: String? = "LogCoshLoss"
    static let documentation = "log(cosh(prediction - target)), as Keras's log_cosh"
    init(_ attributes: Attributes) throws(ChainruleError) {}
    func emit(_ emit: LossEmitter) { emit.elements(.logCosh) }
}
