// v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps) (Hinton's lecture 6e; centered, which takes
// the mean's square off v, by Graves 2013; in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct RMSprop: FlatOptimizer {
    static let kind = "rmsprop"
    static let className = "RMSprop"
    static let documentation = "RMSprop: p -= lr * g / (sqrt(v) + eps), v the running mean of g^2"
    static let attributes = [
        OptimizerAttribute.lr("0.01"),
        AttributeSpecification("alpha", .real(.probability), default: "0.99", "how slowly the running mean forgets"),
        OptimizerAttribute.eps("1e-8"), OptimizerAttribute.decay(),
        AttributeSpecification("momentum", .real(.notNegative), default: "0", "how much of the last step is kept"),
        AttributeSpecification("centered", .boolean, default: "false", "divides by the deviation of the gradient, not its size"),
        OptimizerAttribute.maximize,
    ]

    let alpha: Double
    let eps: Double
    let momentum: Double
    let weightDecay: Double
    let centered: Bool
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        alpha = attributes.real("alpha")
        eps = attributes.real("eps")
        momentum = attributes.real("momentum")
        weightDecay = attributes.real("weight_decay")
        centered = attributes.boolean("centered")
        maximize = attributes.boolean("maximize")
    }

    var state: [String] {
        ["square_avg"] + (momentum == 0 ? [] : ["momentum_buffer"]) + (centered ? ["grad_avg"] : [])
    }
    var stateSlots: [Int] { momentum == 0 ? [2, 5] : [2, 3, 5] }
    let kernel = KernelName.rmsprop

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr
        scalars[1] = momentum
        scalars[2] = alpha
        scalars[3] = eps
        scalars[4] = weightDecay
        return scalars
    }

    /// The denominator is eps or more; the buffer is a geometric series of quotients.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard momentum < 1, decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient / eps / (1 - momentum)
    }
}
