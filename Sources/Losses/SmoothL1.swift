// Quadratic for small errors, linear for large ones, with slope 1 there (Girshick 2015).

import KernelInterface
import Layers
import Tensors

struct SmoothL1: Loss {
    static let kind = "smooth_l1"
    static let className: String? = "SmoothL1Loss"
    static let documentation = "0.5 d^2 / beta where d = |prediction - target| < beta, d - 0.5 beta beyond"
    static let attributes: [AttributeSpecification] = [
        .reduction, AttributeSpecification("beta", .real(.notNegative), default: "1", "where the loss turns linear; 0: l1"),
    ]

    let beta: Double
    init(_ attributes: Attributes) throws(ChainruleError) { beta = attributes.real("beta") }

    func emit(_ emit: LossEmitter) {
        if beta == 0 { return emit.elements(.absolute) }
        emit.elements(.smoothAbsolute, LossEmitter.Numbers(a: beta))
    }
}
