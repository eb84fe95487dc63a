// Kullback and Leibler's divergence of predicted log-probabilities from target probabilities.

import KernelInterface
import Layers
import Tensors

struct KLDivergence: Loss {
    static let kind = "kl_div"
    static let className: String? = "KLDivLoss"
    static let documentation = "t (log(t) - x) of log-probabilities x; reduction=batchmean is the divergence itself"
    static let attributes: [AttributeSpecification] = [
        .reduction, AttributeSpecification("log_target", .boolean, default: "false", "targets are log-probabilities"),
    ]

    let isLogarithm: Bool
    init(_ attributes: Attributes) throws(ChainruleError) { isLogarithm = attributes.boolean("log_target") }
    func emit(_ emit: LossEmitter) { emit.elements(isLogarithm ? .divergenceOfLogarithms : .divergence) }
}
