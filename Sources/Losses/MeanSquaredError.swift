// (prediction - target)^2

import KernelInterface
import Layers
import Tensors

struct MeanSquaredError: Loss {
    static let kind = "mse"
    static let className: String? = "MSELoss"
    static let documentation = "(prediction - target)^2"
    init(_ attributes: Attributes) throws(ChainruleError) {}
    func emit(_ emit: LossEmitter) { emit.elements(.meanSquared) }
}
