// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), which takes the decay off the
// parameter itself. In PyTorch's form: eps is added to sqrt(v) / sqrt(1 - beta2^t).

import Glibc
import KernelInterface
import Layers
import Tensors

struct Adam: FlatOptimizer {
    static let kind = "adam"
    static let className = "Adam"
    static let documentation = "Adam: steps along m / (sqrt(v) + eps), running means of the gradient and its square, bias corrected"
    static let attributes = [
        OptimizerAttribute.lr("0.001"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-8"), OptimizerAttribute.decay(),
        OptimizerAttribute.amsgrad, OptimizerAttribute.maximize, OptimizerAttribute.decoupled,
    ]

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: Adam.kind, isDecoupled: attributes.boolean("decoupled_weight_decay"))
    }

    var state: [String] { numbers.state }
    let kernel = KernelName.adam
    var maximize: Bool { numbers.maximize }
    func scalars(_ at: StepMoment) -> UpdateScalars { numbers.adam(at) }
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}

struct AdamW: FlatOptimizer {
    static let kind = "adamw"
    static let className = "AdamW"
    static let documentation = "AdamW: Adam with decoupled weight decay, p -= lr * weight_decay * p"
    static let attributes = [
        OptimizerAttribute.lr("0.001"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-8"),
        OptimizerAttribute.shrinkage("0.01"), OptimizerAttribute.amsgrad, OptimizerAttribute.maximize,
    ]

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: AdamW.kind, isDecoupled: true)
    }

    var state: [String] { numbers.state }
    let kernel = KernelName.adam
    var maximize: Bool { numbers.maximize }
    func scalars(_ at: StepMoment) -> UpdateScalars { numbers.adam(at) }
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}

/// What Adam and its relatives share.
struct AdamNumbers: Sendable {
    let beta1: Double
    let beta2: Double
    let eps: Double
    let weightDecay: Double
    let isDecoupled: Bool
    let amsgrad: Bool
    let maximize: Bool

    init(_ attributes: Attributes, kind: String, isDecoupled: Bool) throws(ChainruleError) {
        (beta1, beta2) = try pair(attributes, "betas", of: kind)
        eps = attributes.real("eps")
        weightDecay = attributes.real("weight_decay")
        amsgrad = attributes.boolean("amsgrad")
        maximize = attributes.boolean("maximize")
        self.isDecoupled = isDecoupled
    }

    var state: [String] { amsgrad ? ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] : ["exp_avg", "exp_avg_sq"] }

    /// 1 - beta^step.
    func correction1(_ at: StepMoment) -> Double { 1 - pow(beta1, Double(at.step)) }
    func correction2(_ at: StepMoment) -> Double { 1 - pow(beta2, Double(at.step)) }

    /// Scalars 0 to 4, the step and the root still to be set.
    func base(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = isDecoupled ? 1 - at.lr * weightDecay : 1
        scalars[1] = beta1
        scalars[2] = beta2
        scalars[3] = eps
        scalars[4] = isDecoupled ? 0 : weightDecay
        return scalars
    }

    func adam(_ at: StepMoment) -> UpdateScalars {
        var scalars = base(at)
        scalars[5] = -at.lr / correction1(at)
        scalars[6] = 1 / correction2(at).squareRoot()
        return scalars
    }

    /// The numerator is a mean of gradients, the denominator eps (as the kernel has it) or more.
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        let rate = abs(scalars[5])
        guard onlyShrinks(scalars[0]), decayOnlyShrinks(scalars[4], lr: rate) else { return .infinity }
        return rate * gradient / scalars[3]
    }
}
