// s += g^2; p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps) (Duchi, Hazan, Singer 2011, in PyTorch's
// form).

import KernelInterface
import Layers
import Tensors

struct Adagrad: FlatOptimizer {
    static let kind = "adagrad"
    static let className = "Adagrad"
    static let documentation = "Adagrad: p -= lr * g / (sqrt(s) + eps), s the sum of all g^2"
    static let attributes = [
        OptimizerAttribute.lr("0.01"),
        AttributeSpecification("lr_decay", .real(.notNegative), default: "0", "step t has the rate lr / (1 + (t - 1) * lr_decay)"),
        OptimizerAttribute.decay(),
        AttributeSpecification("initial_accumulator_value", .real(.notNegative), default: "0", "what the sum begins with"),
        OptimizerAttribute.eps("1e-10"), OptimizerAttribute.maximize,
    ]

    let rateDecay: Double
    let weightDecay: Double
    let start: Double
    let eps: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        rateDecay = attributes.real("lr_decay")
        weightDecay = attributes.real("weight_decay")
        start = attributes.real("initial_accumulator_value")
        eps = attributes.real("eps")
        maximize = attributes.boolean("maximize")
    }

    let state = ["sum"]
    let kernel = KernelName.adagrad
    var rowsKernel: Int? { weightDecay == 0 && start == 0 ? 1 : nil }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr / (1 + Double(at.step - 1) * rateDecay)
        scalars[1] = start
        scalars[3] = eps
        scalars[4] = weightDecay
        return scalars
    }

    /// The denominator is eps or more.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient / eps
    }
}
