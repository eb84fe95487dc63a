// The variance over dimensions, sum((x - mean)^2) / (n - correction), and its root.

import KernelInterface
import Tensors

struct VarianceOperation: VarianceLayer {
    static let kind = "var"
    static let documentation = "the variance over dimensions: sum((x - mean)^2) / (n - correction)"
    static let isRoot = false
    let axes: ReducedAxes
    let correction: Double
    init(_ attributes: Attributes) throws(ChainruleError) {
        axes = ReducedAxes(attributes)
        correction = attributes.real("correction")
    }
}

struct DeviationOperation: VarianceLayer {
    static let kind = "std"
    static let documentation = "the standard deviation over dimensions: sqrt(sum((x - mean)^2) / (n - correction)); where it is 0, so is the gradient"
    static let isRoot = true
    let axes: ReducedAxes
    let correction: Double
    init(_ attributes: Attributes) throws(ChainruleError) {
        axes = ReducedAxes(attributes)
        correction = attributes.real("correction")
    }
}

protocol VarianceLayer: Layer {
    static var isRoot: Bool { get }
    var axes: ReducedAxes { get }
    var correction: Double { get }
}

extension VarianceLayer {
    static var attributes: [AttributeSpecification] {
        [ReducedAxes.attributes[0], AttributeSpecification("correction", .real(.finite), default: "1", "subtracted from the number of elements"), ReducedAxes.attributes[1]]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        try axes.requireElements(inputs[0], Self.kind)
        return [try axes.outputShape(inputs[0], Self.kind)]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { axes.containsBatch(inputs[0]) }

    private func share(_ shape: Shape) -> Double { 1 / max(Double(axes.count(shape)) - correction, 0) }

    func forward(_ emit: Emitter) {
        let program = emit.program
        let shape = emit.inputShapes[0]
        guard let list = try? axes.axes(shape, Self.kind) else { return }
        let kept = axes.keptShape(shape)
        let mean = emit.workspace(elements: kept.elementCount)
        let centred = emit.workspace(elements: shape.elementCount)
        let squares = emit.workspace(elements: shape.elementCount)
        program.sum(emit.input(), shape, over: list, into: mean, factor: 1 / Double(axes.count(shape)))
        program.binary(
            .subtract, emit.input(), strides: shape.strides, mean, strides: kept.broadcastStrides(to: shape), into: centred,
            sizes: shape.dimensions)
        program.unary(.square, (0, 0), from: centred, into: squares, count: shape.elementCount)
        emit.save("centred", centred)
        guard Self.isRoot else { return program.sum(squares, shape, over: list, into: emit.output(), factor: share(shape)) }
        let variance = emit.workspace(elements: kept.elementCount)
        program.sum(squares, shape, over: list, into: variance, factor: share(shape))
        program.unary(.powerOfMagnitude, (0.5, 0), from: variance, into: emit.output(), count: kept.elementCount)
        emit.save("variance", variance)
    }

    // The mean's own slope cancels: dx = 2 (x - mean) dvar / (n - correction).
    func backward(_ emit: Emitter) {
        let program = emit.program
        let shape = emit.inputShapes[0]
        guard emit.needsInputGradient(), let centred = emit.saved("centred") else { return }
        let kept = axes.keptShape(shape)
        var gradient = emit.outputGradient()
        if let variance = emit.saved("variance") {
            let inner = emit.workspace(elements: kept.elementCount)
            program.unaryBackward(
                .powerOfMagnitude, (0.5, 0), outputGradient: gradient, saved: variance, into: inner, count: kept.elementCount)
            gradient = inner
        }
        let scaled = emit.workspace(elements: kept.elementCount)
        program.accumulate(gradient, a: 2 * share(shape), into: scaled, b: 0, count: kept.elementCount)
        program.binary(
            .multiply, centred, strides: shape.strides, scaled, strides: kept.broadcastStrides(to: shape),
            into: emit.inputGradient(), sizes: shape.dimensions)
    }
}
