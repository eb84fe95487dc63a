// Sums and means over dimensions.

import KernelInterface
import Tensors

struct SumOperation: Reduction {
    static let kind = "sum"
    static let documentation = "the sum over dimensions"
    let dimensions: [Int]
    let keepsDimensions: Bool
    let isMean = false
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimensions = attributes.integers("dim")
        keepsDimensions = attributes.boolean("keepdim")
    }
}

struct MeanOperation: Reduction {
    static let kind = "mean"
    static let documentation = "the mean over dimensions"
    let dimensions: [Int]
    let keepsDimensions: Bool
    let isMean = true
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimensions = attributes.integers("dim")
        keepsDimensions = attributes.boolean("keepdim")
    }
}

protocol Reduction: Layer {
    /// Empty: all.
    var dimensions: [Int] { get }
    var keepsDimensions: Bool { get }
    var isMean: Bool { get }
}

extension Reduction {
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification("dim", .integers, default: "", "the dimensions; empty: all; the batch is 0"),
            AttributeSpecification("keepdim", .boolean, default: "false", "leaves them as dimensions of size 1"),
        ]
    }

    private func axes(_ shape: Shape) throws(ChainruleError) -> [Int] {
        if dimensions.isEmpty { return Array(0..<shape.rank) }
        var list: [Int] = []
        for dimension in dimensions {
            let axis = try shape.axis(dimension, what: "\(Self.kind)'s dim")
            guard !list.contains(axis) else {
                throw ChainruleError(.attribute, "\(Self.kind)'s dim", expected: "each dimension once", got: "\(dimension) again")
            }
            list.append(axis)
        }
        return list.sorted()
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axes = try axes(inputs[0])
        var sizes: [Int] = []
        for (index, size) in inputs[0].dimensions.enumerated() {
            if !axes.contains(index) { sizes.append(size) } else if keepsDimensions { sizes.append(1) }
        }
        return [Shape(sizes)]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { (try? axes(inputs[0]).contains(0)) ?? true }

    private func factor(_ shape: Shape, _ axes: [Int]) -> Double {
        isMean ? 1 / Double(axes.reduce(1) { $0 * shape[$1] }) : 1
    }

    func forward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        guard let axes = try? axes(shape) else { return }
        emit.program.sum(emit.input(), shape, over: axes, into: emit.output(), factor: factor(shape, axes))
    }

    // Each summed element gets the sum's gradient.
    func backward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        guard emit.needsInputGradient(), let axes = try? axes(shape) else { return }
        let kept = Shape(shape.dimensions.enumerated().map { axes.contains($0.offset) ? 1 : $0.element })
        emit.program.copyStrided(
            emit.outputGradient(), strides: kept.broadcastStrides(to: shape), into: emit.inputGradient(),
            strides: shape.strides, sizes: shape.dimensions, factor: factor(shape, axes))
    }
}
