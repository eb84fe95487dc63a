// v = rho v + (1 - rho) g^2; d = sqrt(a + eps) / sqrt(v + eps) g; a = rho a + (1 - rho) d^2; p -= lr d
// (Zeiler 2012, in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct Adadelta: FlatOptimizer {
    static let kind = "adadelta"
    static let className = "Adadelta"
    static let documentation = "Adadelta: steps as large as the root mean square of earlier ones, over that of the gradient"
    static let attributes = [
        OptimizerAttribute.lr("1"),
        AttributeSpecification("rho", .real(.probability), default: "0.9", "how slowly the running means forget"),
        OptimizerAttribute.eps("1e-6"), OptimizerAttribute.decay(), OptimizerAttribute.maximize,
    ]

    let rho: Double
    let eps: Double
    let weightDecay: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        rho = attributes.real("rho")
        eps = attributes.real("eps")
        weightDecay = attributes.real("weight_decay")
        maximize = attributes.boolean("maximize")
    }

    let state = ["square_avg", "acc_delta"]
    let kernel = KernelName.adadelta

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr
        scalars[1] = rho
        scalars[3] = eps
        scalars[4] = weightDecay
        return scalars
    }

    /// v holds (1 - rho) g^2 at least, so d is sqrt(a + eps) / sqrt(1 - rho) at most.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard rho < 1, eps >= leastSafeEpsilon, decayOnlyShrinks(weightDecay, lr: scalars[0]) else { return .infinity }
        return scalars[0] * ((gradient + eps) / (1 - rho)).squareRoot()
    }
    /// From step to step a may grow without end.
    var watchedState: Int? { 1 }
}
