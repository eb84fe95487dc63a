// mean of |prediction - target|; the gradient at equality is 0

import KernelInterface
import Layers
import Tensors

struct L1: Loss {
    static let kind = "l1"
    static let documentation = "mean of |prediction - target|; the gradient at equality is 0"
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification {
        TargetSpecification(shape: prediction)
    }

    func emit(_ program: Program, _ operands: LossOperands) { program.elementLoss(.absolute, operands) }
}
