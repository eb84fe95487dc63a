// Gradient descent with a falling rate, beside it the mean of the parameters from step t0 on (Polyak and
// Juditsky 1992, in PyTorch's form, where the mean is kept as state "ax" and not used).

import Glibc
import KernelInterface
import Layers
import Tensors

struct ASGD: FlatOptimizer {
    static let kind = "asgd"
    static let className = "ASGD"
    static let documentation = "ASGD: p = (1 - lambd * eta) * p - eta * g, eta = lr / (1 + lambd * lr * t)^alpha, and the mean of p"
    static let attributes = [
        OptimizerAttribute.lr("0.01"),
        AttributeSpecification("lambd", .real(.finite), default: "0.0001", "how fast the rate falls"),
        AttributeSpecification("alpha", .real(.finite), default: "0.75", "power of the falling rate"),
        AttributeSpecification("t0", .real(.finite), default: "1e6", "the step from which on the mean is taken"),
        OptimizerAttribute.decay(), OptimizerAttribute.maximize,
    ]

    let lambda: Double
    let alpha: Double
    let t0: Double
    let weightDecay: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        lambda = attributes.real("lambd")
        alpha = attributes.real("alpha")
        t0 = attributes.real("t0")
        weightDecay = attributes.real("weight_decay")
        maximize = attributes.boolean("maximize")
    }

    let state = ["ax"]
    let kernel = KernelName.asgd

    func scalars(_ at: StepMoment) -> UpdateScalars {
        // PyTorch finds a step's rate at the end of the step before, from that one's lr.
        let last = Double(at.step - 1)
        let eta = at.step == 1 ? at.lr : at.lastLr / pow(1 + lambda * at.lastLr * last, alpha)
        var scalars = UpdateScalars.zeros
        scalars[0] = eta
        scalars[1] = 1 - lambda * eta
        scalars[2] = at.step == 1 ? 1 : 1 / max(1, last - t0)
        scalars[4] = weightDecay
        return scalars
    }

    /// A negative lambd makes parameters grow by themselves.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard scalars[0] >= 0, onlyShrinks(scalars[1]), decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * gradient
    }
}
