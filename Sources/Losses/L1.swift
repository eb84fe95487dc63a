// |prediction - target|; the gradient at equality is 0

import KernelInterface
import Layers
import Tensors

struct L1: Loss {
    static let kind = "l1"
    static let className: String? = "L1Loss"
    static let documentation = "|prediction - target|; the gradient at equality is 0"
    init(_ attributes: Attributes) throws(ChainruleError) {}
    func emit(_ emit: LossEmitter) { emit.elements(.absolute) }
}
