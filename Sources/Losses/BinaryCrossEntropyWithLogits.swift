// mean of -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), targets t from 0 to 1

import KernelInterface
import Layers
import Tensors

struct BinaryCrossEntropyWithLogits: Loss {
    static let kind = "bce_with_logits"
    static let documentation = "mean of -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), targets t from 0 to 1"
    init(_ attributes: Attributes) throws(ChainruleError) {}
    var decisionThreshold: Double { 0 }

    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification {
        TargetSpecification(shape: prediction)
    }

    func emit(_ program: Program, _ operands: LossOperands) { program.elementLoss(.binaryCrossEntropyWithLogits, operands) }
}
