// Quadratic for small errors, linear for large ones (Huber 1964): 0.5 d^2 up to delta, then
// delta (d - 0.5 delta).

import KernelInterface
import Layers
import Tensors

struct Huber: Loss {
    static let kind = "huber"
    static let className: String? = "HuberLoss"
    static let documentation = "0.5 d^2 where d = |prediction - target| <= delta, delta * (d - 0.5 delta) beyond"
    static let attributes: [AttributeSpecification] = [
        .reduction, AttributeSpecification("delta", .real(.positive), default: "1", "where the loss turns linear"),
    ]

    let delta: Double
    init(_ attributes: Attributes) throws(ChainruleError) { delta = attributes.real("delta") }
    func emit(_ emit: LossEmitter) { emit.elements(.huber, LossEmitter.Numbers(a: delta)) }
}
