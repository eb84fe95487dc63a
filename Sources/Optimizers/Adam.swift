// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), which takes the decay off the
// parameter itself. In PyTorch's form: eps is added to sqrt(v) / sqrt(1 - beta2^t).

import Glibc
import KernelInterface
import Layers
import Tensors

struct Adam: Optimizer {
    static let kind = "adam"
    static let documentation = "Adam: steps along m / (sqrt(v) + eps), running means of the gradient and its square, bias corrected"
    static let attributes = AdamNumbers.attributes(weightDecay: "0", "adds weight_decay * p to the gradient")

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) { numbers = try AdamNumbers(attributes, kind: Adam.kind) }

    var state: [String] { AdamNumbers.state }
    let kernel = KernelName.adam
    var options: [Int] { [0] }
    func scalars(step: Int, lr: Double) -> UpdateScalars { numbers.scalars(step: step, lr: lr) }
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}

struct AdamW: Optimizer {
    static let kind = "adamw"
    static let documentation = "AdamW: Adam with decoupled weight decay, p -= lr * weight_decay * p"
    static let attributes = AdamNumbers.attributes(weightDecay: "0.01", "share of the parameter that lr times this takes off")

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) { numbers = try AdamNumbers(attributes, kind: AdamW.kind) }

    var state: [String] { AdamNumbers.state }
    let kernel = KernelName.adam
    var options: [Int] { [1] }
    func scalars(step: Int, lr: Double) -> UpdateScalars { numbers.scalars(step: step, lr: lr) }
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}

/// What both share.
struct AdamNumbers: Sendable {
    static let state = ["exp_avg", "exp_avg_sq"]

    static func attributes(weightDecay: String, _ meaning: String) -> [AttributeSpecification] {
        [
            AttributeSpecification("lr", .real(.notNegative), default: "0.001", "learning rate"),
            AttributeSpecification("betas", .reals, default: "0.9,0.999", "how slowly the running means forget"),
            AttributeSpecification("eps", .real(.notNegative), default: "1e-8", "added to the denominator"),
            AttributeSpecification("weight_decay", .real(.notNegative), default: weightDecay, meaning),
        ]
    }

    let beta1: Double
    let beta2: Double
    let eps: Double
    let weightDecay: Double

    init(_ attributes: Attributes, kind: String) throws(ChainruleError) {
        let betas = attributes.reals("betas")
        guard betas.count == 2, betas.allSatisfy({ $0 >= 0 && $0 < 1 }) else {
            throw ChainruleError(
                .attribute, "\(kind)'s betas", expected: "two numbers from 0 to under 1",
                got: betas.map { "\($0)" }.joined(separator: ","))
        }
        beta1 = betas[0]
        beta2 = betas[1]
        eps = attributes.real("eps")
        weightDecay = attributes.real("weight_decay")
    }

    func scalars(step: Int, lr: Double) -> UpdateScalars {
        var scalars = UpdateScalars(repeating: 0)
        scalars[0] = lr
        scalars[1] = beta1
        scalars[2] = beta2
        scalars[3] = eps
        scalars[4] = weightDecay
        scalars[5] = 1 - pow(beta1, Double(step))
        scalars[6] = 1 - pow(beta2, Double(step))
        return scalars
    }

    /// The numerator is a mean of gradients, the denominator eps or more.
    func largestStep(_ scalars: UpdateScalars, gradient: Double) -> Double {
        guard decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] / scalars[5] * gradient / eps
    }
}
