// Quadratic for small errors, linear for large ones (Huber 1964): 0.5 d^2 up to delta, then
// delta (d - 0.5 delta).

import KernelInterface
import Layers
import Tensors

struct Huber: Loss {
    static let kind = "huber"
    static let documentation = "mean of 0.5 d^2 where d = |prediction - target| <= delta, delta * (d - 0.5 delta) beyond"
    static let attributes = [
        AttributeSpecification("delta", .real(.positive), default: "1", "where the loss turns linear")
    ]

    let delta: Double
    init(_ attributes: Attributes) throws(ChainruleError) { delta = attributes.real("delta") }

    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification {
        TargetSpecification(shape: prediction)
    }

    func emit(_ program: Program, _ operands: LossOperands) { program.elementLoss(.huber, delta: delta, operands) }
}
