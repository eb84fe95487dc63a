// p -= lr (sign(beta1 m + (1 - beta1) g) + decay p); m = beta2 m + (1 - beta2) g
// (Chen et al., "Symbolic discovery of optimization algorithms", 2023).

import KernelInterface
import Layers
import Tensors

struct Lion: FlatOptimizer {
    static let kind = "lion"
    static let className = "Lion"
    static let documentation = "Lion: steps of lr along the sign of a mean of gradients, decoupled weight decay (Chen et al. 2023)"
    static let attributes = [
        OptimizerAttribute.lr("0.0001"), OptimizerAttribute.betas("0.9,0.99"), OptimizerAttribute.shrinkage("0"),
        OptimizerAttribute.maximize,
    ]

    let beta1: Double
    let beta2: Double
    let weightDecay: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        (beta1, beta2) = try pair(attributes, "betas", of: Lion.kind)
        weightDecay = attributes.real("weight_decay")
        maximize = attributes.boolean("maximize")
    }

    let state = ["exp_avg"]
    let kernel = KernelName.lion

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = 1 - at.lr * weightDecay
        scalars[1] = beta1
        scalars[2] = beta2
        scalars[5] = -at.lr
        return scalars
    }

    /// A sign times the rate.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        onlyShrinks(scalars[0]) ? abs(scalars[5]) : .infinity
    }
}
