// Adam with the largest gradient, slowly forgotten, in place of the root of the mean square
// (Kingma and Ba 2015, section 7, in PyTorch's form).

import KernelInterface
import Layers
import Tensors

struct Adamax: FlatOptimizer {
    static let kind = "adamax"
    static let className = "Adamax"
    static let documentation = "Adamax: Adam with u = max(beta2 * u, |g| + eps) in place of sqrt(v)"
    static let attributes = [
        OptimizerAttribute.lr("0.002"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-8"), OptimizerAttribute.decay(),
        OptimizerAttribute.maximize,
    ]

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: Adamax.kind, isDecoupled: false)
    }

    let state = ["exp_avg", "exp_inf"]
    let kernel = KernelName.adamax
    var maximize: Bool { numbers.maximize }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = numbers.base(at)
        scalars[5] = -at.lr / numbers.correction1(at)
        return scalars
    }

    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}
