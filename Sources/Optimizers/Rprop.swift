// Steps of a size of their own for each element, which grows while the gradient keeps its sign and shrinks
// when it turns (Riedmiller and Braun 1993, in PyTorch's form). For gradients of all samples at once.

import KernelInterface
import Layers
import Tensors

struct Rprop: FlatOptimizer {
    static let kind = "rprop"
    static let className = "Rprop"
    static let documentation = "Rprop: steps along the gradient's sign, their size learned from how it changes (full batches)"
    static let attributes = [
        AttributeSpecification("lr", .real(.notNegative), default: "0.01", "size of the first step"),
        AttributeSpecification("etas", .reals, default: "0.5,1.2", "what the size is multiplied by after a turn, and otherwise"),
        AttributeSpecification("step_sizes", .reals, default: "1e-6,50", "smallest and largest size"),
        OptimizerAttribute.maximize,
    ]

    let etas: (Double, Double)
    let sizes: (Double, Double)
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        let etas = attributes.reals("etas")
        guard etas.count == 2, etas[0] > 0, etas[0] < 1, etas[1] > 1 else {
            throw ChainruleError(
                .attribute, "rprop's etas", expected: "a number between 0 and 1, and one above 1",
                got: listText(etas))
        }
        let sizes = attributes.reals("step_sizes")
        guard sizes.count == 2, sizes[0] >= 0, sizes[0] <= sizes[1] else {
            throw ChainruleError(
                .attribute, "rprop's step_sizes", expected: "the smallest and the largest size, 0 or more",
                got: listText(sizes))
        }
        self.etas = (etas[0], etas[1])
        self.sizes = (sizes[0], sizes[1])
        maximize = attributes.boolean("maximize")
    }

    let state = ["prev", "step_size"]
    let kernel = KernelName.rprop

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr
        scalars[1] = etas.0
        scalars[2] = etas.1
        scalars[3] = sizes.0
        scalars[5] = sizes.1
        return scalars
    }

    /// No gradient is so large that the step is.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        scalars[5]
    }
}
