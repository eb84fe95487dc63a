// The negative log-likelihood of counts under a Poisson distribution.

import KernelInterface
import Layers
import Tensors

struct PoissonNLL: Loss {
    static let kind = "poisson_nll"
    static let className: String? = "PoissonNLLLoss"
    static let documentation = "exp(x) - t x, or x - t log(x + eps) with log_input=false, of counts t"
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("log_input", .boolean, default: "true", "the prediction is the rate's logarithm"),
        AttributeSpecification("full", .boolean, default: "false", "adds Stirling's t log(t) - t + 0.5 log(2 pi t) where t > 1"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-8", "keeps the logarithm from 0"),
        .reduction,
    ]

    let isLogarithm: Bool
    let isFull: Bool
    let eps: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        isLogarithm = attributes.boolean("log_input")
        isFull = attributes.boolean("full")
        eps = attributes.real("eps")
    }

    func emit(_ emit: LossEmitter) {
        emit.elements(isLogarithm ? .poissonOfLogarithm : .poisson, LossEmitter.Numbers(a: eps, flag: isFull))
    }
}
