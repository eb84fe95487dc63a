// The pinball loss, whose minimum is a quantile of the target (Koenker and Bassett 1978); several quantiles
// are predicted side by side in the last dimension.

import KernelInterface
import Layers
import Tensors

struct Quantile: Loss {
    static let kind = "quantile"
    static let className: String? = "QuantileLoss"
    static let documentation = """
        max(q d, (q - 1) d), d = target - prediction. With several quantiles q the prediction has one column for each \
        in its last dimension, the target one column
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("q", .reals, default: "0.5", "one or more quantiles between 0 and 1"), .reduction,
    ]

    let quantiles: [Double]

    init(_ attributes: Attributes) throws(ChainruleError) {
        quantiles = attributes.reals("q")
        guard !quantiles.isEmpty, quantiles.allSatisfy({ $0 > 0 && $0 < 1 }) else {
            throw ChainruleError(.attribute, "quantile's q", expected: "numbers between 0 and 1, with commas", got: "\(quantiles)")
        }
    }

    var isComparable: Bool { quantiles.count == 1 }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let shape = predictions[0]
        guard quantiles.count > 1 else { return [TargetSpecification(shape: shape)] }
        guard shape.rank > 1, shape[shape.rank - 1] == quantiles.count else {
            throw ChainruleError(
                .shape, "quantile's prediction", expected: "[batch, ..., \(quantiles.count)], a column for each quantile",
                got: "\(shape)")
        }
        return [TargetSpecification(shape: Shape(shape.dimensions.dropLast() + [1]))]
    }

    func emit(_ emit: LossEmitter) {
        let numbers = LossEmitter.Numbers(columnNumbers: emit.columnConstant(quantiles))
        let shape = emit.shapes[0]
        guard quantiles.count > 1 else { return emit.elements(.quantile, numbers) }
        let repeated = emit.program.value(elements: shape.elementCount)
        let single = Shape(shape.dimensions.dropLast() + [1])
        emit.program.copyStrided(
            emit.targets[0], strides: single.broadcastStrides(to: shape), into: repeated, strides: shape.strides,
            sizes: shape.dimensions)
        emit.elements(.quantile, numbers, target: repeated)
    }
}
