// mean of (prediction - target)^2

import KernelInterface
import Layers
import Tensors

struct MeanSquaredError: Loss {
    static let kind = "mse"
    static let documentation = "mean of (prediction - target)^2"
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification {
        TargetSpecification(shape: prediction)
    }

    func emit(_ program: Program, _ operands: LossOperands) { program.elementLoss(.meanSquared, operands) }
}
