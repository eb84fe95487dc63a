// v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps) (Hinton's lecture 6e, in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct RMSprop: Optimizer {
    static let kind = "rmsprop"
    static let documentation = "RMSprop: p -= lr * g / (sqrt(v) + eps), v the running mean of g^2"
    static let attributes = [
        AttributeSpecification("lr", .real(.notNegative), default: "0.01", "learning rate"),
        AttributeSpecification("alpha", .real(.probability), default: "0.99", "how slowly the running mean forgets"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-8", "added to the denominator"),
        AttributeSpecification("momentum", .real(.notNegative), default: "0", "how much of the last step is kept"),
        AttributeSpecification("weight_decay", .real(.notNegative), default: "0", "adds weight_decay * p to the gradient"),
    ]

    let alpha: Double
    let eps: Double
    let momentum: Double
    let weightDecay: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        alpha = attributes.real("alpha")
        eps = attributes.real("eps")
        momentum = attributes.real("momentum")
        weightDecay = attributes.real("weight_decay")
    }

    var state: [String] { momentum == 0 ? ["square_avg"] : ["square_avg", "momentum_buffer"] }
    let kernel = KernelName.rmsprop
    var options: [Int] { [0] }

    func scalars(step: Int, lr: Double) -> UpdateScalars {
        var scalars = UpdateScalars(repeating: 0)
        scalars[0] = lr
        scalars[1] = momentum
        scalars[2] = alpha
        scalars[3] = eps
        scalars[4] = weightDecay
        return scalars
    }

    /// The denominator is eps or more; the buffer is a geometric series of quotients.
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        guard momentum < 1, decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient / eps / (1 - momentum)
    }
}
