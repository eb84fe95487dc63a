// The negative log-likelihood of numbers under normal distributions whose means and variances are
// predicted (Nix and Weigend 1994).

import KernelInterface
import Layers
import Tensors

struct GaussianNLL: Loss {
    static let kind = "gaussian_nll"
    static let className: String? = "GaussianNLLLoss"
    static let documentation = """
        0.5 (log(v) + (input - target)^2 / v), v = max(var, eps), of predicted means and variances; var has the input's \
        shape, or 1 in the last dimension. The gradient in var is taken as if v were var, as in PyTorch
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("full", .boolean, default: "false", "adds 0.5 log(2 pi)"),
        AttributeSpecification("eps", .real(.positive), default: "1e-6", "the smallest variance"),
        .reduction,
    ]
    static let predictionRoles = ["input", "var"]
    var isComparable: Bool { true }

    let isFull: Bool
    let eps: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        isFull = attributes.boolean("full")
        eps = attributes.real("eps")
    }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        guard predictions[1] == predictions[0] || predictions[1] == shared(predictions[0]) else {
            throw ChainruleError(
                .shape, "gaussian_nll's var", expected: "\(predictions[0]), as its input, or 1 in the last dimension",
                got: "\(predictions[1])")
        }
        return [TargetSpecification(shape: predictions[0])]
    }

    private func shared(_ shape: Shape) -> Shape? {
        shape.rank > 1 ? Shape(shape.dimensions.dropLast() + [1]) : nil
    }

    func emit(_ emit: LossEmitter) {
        let numbers = LossEmitter.Numbers(a: eps, b: isFull ? 0.9189385332046727 : 0)
        let shape = emit.shapes[0]
        guard emit.shapes[1] != shape else { return emit.elements(.gaussian, numbers) }
        // One variance for a row: repeated, and its gradient summed.
        let program = emit.program
        let repeated = program.value(elements: shape.elementCount)
        program.copyStrided(
            emit.predictions[1], strides: emit.shapes[1].broadcastStrides(to: shape), into: repeated, strides: shape.strides,
            sizes: shape.dimensions)
        let full = emit.gradients.map { _ in program.value(elements: shape.elementCount) }
        emit.elements(.gaussian, numbers, second: (repeated, full))
        if let full, let gradient = emit.gradient(1) { program.sum(full, shape, over: [shape.rank - 1], into: gradient) }
    }
}
