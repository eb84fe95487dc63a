// b = momentum b + (1 - dampening) g; p -= lr (nesterov: g + momentum b; otherwise b)
// (Sutskever, Martens, Dahl, Hinton 2013, in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct SGD: Optimizer {
    static let kind = "sgd"
    static let documentation = "stochastic gradient descent: p -= lr * g, with momentum b = momentum * b + (1 - dampening) * g"
    static let attributes = [
        AttributeSpecification("lr", .real(.notNegative), default: "0.01", "learning rate"),
        AttributeSpecification("momentum", .real(.notNegative), default: "0", "how much of the last step is kept"),
        AttributeSpecification("dampening", .real(.finite), default: "0", "how much of the gradient is left out of the momentum"),
        AttributeSpecification("nesterov", .boolean, default: "false", "looks ahead along the momentum"),
        AttributeSpecification("weight_decay", .real(.notNegative), default: "0", "adds weight_decay * p to the gradient"),
    ]

    let momentum: Double
    let dampening: Double
    let nesterov: Bool
    let weightDecay: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        momentum = attributes.real("momentum")
        dampening = attributes.real("dampening")
        nesterov = attributes.boolean("nesterov")
        weightDecay = attributes.real("weight_decay")
        guard !nesterov || (momentum > 0 && dampening == 0) else {
            throw ChainruleError(
                .attribute, "sgd's nesterov", expected: "momentum above 0 and dampening 0",
                got: "momentum \(momentum) and dampening \(dampening)")
        }
    }

    var state: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
    let kernel = KernelName.sgd
    var productKernel: KernelName? { momentum == 0 ? .productDescent : nil }
    var options: [Int] { [nesterov ? 1 : 0] }

    func scalars(step: Int, lr: Double) -> UpdateScalars {
        var scalars = UpdateScalars(repeating: 0)
        scalars[0] = lr
        scalars[1] = momentum
        scalars[2] = dampening
        scalars[4] = weightDecay
        return scalars
    }

    /// The buffer is a geometric series of gradients.
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        guard momentum < 1, decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient * (1 + max(1, abs(1 - dampening)) / (1 - momentum))
    }
}
