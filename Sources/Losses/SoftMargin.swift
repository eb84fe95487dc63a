// The logistic loss for targets 1 and -1.

import KernelInterface
import Layers
import Tensors

struct SoftMargin: Loss {
    static let kind = "soft_margin"
    static let className: String? = "SoftMarginLoss"
    static let documentation = "log(1 + exp(-target x)), targets 1 or -1"
    var decisionThreshold: Double { 0 }
    var link: PredictionLink { .sigmoid }
    init(_ attributes: Attributes) throws(ChainruleError) {}
    func emit(_ emit: LossEmitter) { emit.elements(.softMargin) }
}
