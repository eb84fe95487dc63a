// Adam whose adaptive part is rectified by how many gradients its variance rests on, and left out while
// there are too few (Liu et al. 2020, in PyTorch's form).

import Glibc
import KernelInterface
import Layers
import Tensors

struct RAdam: FlatOptimizer {
    static let kind = "radam"
    static let className = "RAdam"
    static let documentation = "RAdam: Adam with a rectified variance, plain momentum in the first steps (Liu et al. 2020)"
    static let attributes = [
        OptimizerAttribute.lr("0.001"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-8"), OptimizerAttribute.decay(),
        OptimizerAttribute.decoupled, OptimizerAttribute.maximize,
    ]

    let numbers: AdamNumbers

    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: RAdam.kind, isDecoupled: attributes.boolean("decoupled_weight_decay"))
    }

    var state: [String] { numbers.state }
    let kernel = KernelName.adam
    var maximize: Bool { numbers.maximize }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        let correction2 = numbers.correction2(at)
        let longest = 2 / (1 - numbers.beta2) - 1
        let length = longest - 2 * Double(at.step) * pow(numbers.beta2, Double(at.step)) / correction2
        var scalars = numbers.base(at)
        scalars[5] = -at.lr / numbers.correction1(at)
        if length > 5 {
            let rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).squareRoot()
            scalars[5] *= rectified * correction2.squareRoot()
            scalars[6] = 1
        } else {
            // The denominator is 0 sqrt(v) + 1.
            scalars[3] = 1
            scalars[6] = 0
        }
        return scalars
    }

    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        numbers.largestStep(scalars, gradient: gradient)
    }
}
