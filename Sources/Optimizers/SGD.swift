// b = momentum b + (1 - dampening) g; p -= lr (nesterov: g + momentum b; otherwise b)
// (Sutskever, Martens, Dahl, Hinton 2013, in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct SGD: FlatOptimizer {
    static let kind = "sgd"
    static let className = "SGD"
    static let documentation = "stochastic gradient descent: p -= lr * g, with momentum b = momentum * b + (1 - dampening) * g"
    static let attributes = [
        OptimizerAttribute.lr("0.001"),
        AttributeSpecification("momentum", .real(.notNegative), default: "0", "how much of the last step is kept"),
        AttributeSpecification("dampening", .real(.finite), default: "0", "how much of the gradient is left out of the momentum"),
        OptimizerAttribute.decay(),
        AttributeSpecification("nesterov", .boolean, default: "false", "looks ahead along the momentum"),
        OptimizerAttribute.maximize,
    ]

    let momentum: Double
    let dampening: Double
    let nesterov: Bool
    let weightDecay: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        momentum = attributes.real("momentum")
        dampening = attributes.real("dampening")
        nesterov = attributes.boolean("nesterov")
        weightDecay = attributes.real("weight_decay")
        maximize = attributes.boolean("maximize")
        guard !nesterov || (momentum > 0 && dampening == 0) else {
            throw ChainruleError(
                .attribute, "sgd's nesterov", expected: "momentum above 0 and dampening 0",
                got: "momentum \(momentum) and dampening \(dampening)")
        }
    }

    var state: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
    let kernel = KernelName.sgd
    var productKernel: KernelName? { momentum == 0 && !maximize ? .productDescent : nil }
    var rowsKernel: Int? { momentum == 0 && weightDecay == 0 ? 0 : nil }
    var options: Int { nesterov ? 1 : 0 }

    var isSteady: Bool { true }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr
        scalars[1] = momentum
        scalars[2] = dampening
        scalars[4] = weightDecay
        return scalars
    }

    /// The buffer is a geometric series of gradients.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard momentum < 1, decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient * (1 + max(1, abs(1 - dampening)) / (1 - momentum))
    }
}
