// Adam with Nesterov's momentum, which grows from step to step (Dozat 2016, in PyTorch's form):
// mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and their product up to t corrects the bias.

import Glibc
import KernelInterface
import Layers
import Tensors

struct NAdam: FlatOptimizer {
    static let kind = "nadam"
    static let className = "NAdam"
    static let documentation = "NAdam: Adam that looks ahead along its momentum (Dozat 2016)"
    static let attributes = [
        OptimizerAttribute.lr("0.002"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-8"), OptimizerAttribute.decay(),
        AttributeSpecification("momentum_decay", .real(.notNegative), default: "0.004", "how fast the momentum grows to beta1"),
        OptimizerAttribute.decoupled, OptimizerAttribute.maximize,
    ]

    let numbers: AdamNumbers
    let momentumDecay: Double
    private let product = MomentumProduct()

    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: NAdam.kind, isDecoupled: attributes.boolean("decoupled_weight_decay"))
        momentumDecay = attributes.real("momentum_decay")
    }

    var state: [String] { numbers.state }
    let kernel = KernelName.adam
    var options: Int { 1 }
    var maximize: Bool { numbers.maximize }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        let mu = momentum(at.step)
        let next = momentum(at.step + 1)
        let product = product.value(at.step) { momentum($0) }
        // sqrt(v / c2) + eps, multiplied by sqrt(c2) above and below the line.
        let root = numbers.correction2(at).squareRoot()
        var scalars = numbers.base(at)
        scalars[3] = numbers.eps * root
        scalars[5] = -at.lr * next / (1 - product * next) * root
        scalars[6] = -at.lr * (1 - mu) / (1 - product) * root
        return scalars
    }

    /// As Adam's, with two rates.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        let rate = abs(scalars[5]) + abs(scalars[6])
        guard onlyShrinks(scalars[0]), decayOnlyShrinks(scalars[4], lr: rate) else { return .infinity }
        return rate * gradient / scalars[3]
    }

    private func momentum(_ step: Int) -> Double {
        numbers.beta1 * (1 - 0.5 * pow(0.96, Double(step) * momentumDecay))
    }
}

/// The product of all momenta up to a step. Multiplied on from the last one asked for; the bits don't
/// depend on where that was.
private final class MomentumProduct: @unchecked Sendable {
    private var step = 0
    private var product = 1.0

    func value(_ wanted: Int, _ momentum: (Int) -> Double) -> Double {
        if wanted < step {
            step = 0
            product = 1
        }
        while step < wanted {
            step += 1
            product *= momentum(step)
        }
        return product
    }
}
