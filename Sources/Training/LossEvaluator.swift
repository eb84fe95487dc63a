// A loss by itself: its value and its gradient in a prediction, for those who write the loop.

import Graph
import KernelInterface
import Layers
import Losses
import Tensors

public final class LossEvaluator: @unchecked Sendable {
    private let loss: any Loss

    public init(_ text: String) throws(ChainruleError) {
        guard let loss = try LossCatalog.make(text) else {
            throw ChainruleError(
                .attribute, "the loss", expected: "a loss of predictions and targets", got: "\"none\", which only a trainer takes")
        }
        self.loss = loss
    }

    /// The gradient array, if given, is written only when all is well.
    public func evaluate(
        prediction: ArrayView, target: ArrayView, weights: ArrayView?, gradient: ArrayView?
    ) throws(ChainruleError) -> Double {
        guard prediction.type.isReal else {
            throw ChainruleError(.dataType, "the prediction's type", expected: "float32 or float64", got: prediction.type.name)
        }
        let shape = try Shape(prediction.dimensions).validated(what: "the prediction")
        let expected = try loss.target(for: shape, isInteger: !target.type.isReal)
        let hasLabels = expected.classes != nil
        let batch = shape.rank > 0 ? shape[0] : 1
        guard shape.elementCount > 0 else {
            throw ChainruleError(.shape, "the prediction's shape", expected: "1 element or more", got: "\(shape)")
        }
        let type = prediction.type
        let feeds = Feeds(type: type, count: 3)
        let specifications = [
            FeedSpecification(name: "the prediction", shape: shape, kind: .real),
            FeedSpecification(
                name: "the target", shape: expected.shape, kind: expected.classes.map { .labels(classes: $0) } ?? .real,
                alternative: expected.alternative),
            FeedSpecification(name: "sample_weight", shape: [batch], kind: .real),
        ]
        var addresses: [UnsafeMutableRawPointer?] = []
        for (slot, view) in [prediction, target, weights].enumerated() {
            guard let view else { continue }
            try Feeds.check(view, specifications[slot], batch: nil)
            addresses.append(try feeds.address(view, specifications[slot], slot: slot))
        }
        if let weights { try checkSampleWeights(weights) }
        if let gradient {
            try checkResult(gradient, FeedSpecification(name: "the gradient", shape: shape, kind: .real), batch: nil)
            for given in [prediction, target, weights] {
                if let own = gradient.byteRange, let other = given?.byteRange, own.overlaps(other) {
                    throw ChainruleError(.invalidArgument, "the gradient", expected: "memory of its own", got: "memory that overlaps an input")
                }
            }
        }

        let program = Program(isDouble: type == .float64)
        let slots = addresses.indices.map { program.value(bytes: 0, home: .external($0)) }
        let result = program.value(bytes: 8)
        let slope = program.value(elements: shape.elementCount)
        program.pin(result)
        program.pin(slope)
        loss.emit(
            program,
            LossOperands(
                prediction: slots[0], shape: shape.rank == 0 ? [1] : shape, target: slots[1], hasLabels: hasLabels,
                sampleWeights: weights == nil ? nil : slots[2], gradient: slope, result: result,
                weightSum: program.value(bytes: 8)))
        let plan = try Plan(program)
        let arena = try Storage(byteCount: plan.arenaBytes, what: "the loss's workspace")
        plan.runAlone(arena: arena, externals: addresses)
        guard let value = plan.addressAlone(result, arena: arena)?.load(as: Double.self) else { return 0 }
        if let gradient, let address = plan.addressAlone(slope, arena: arena) { copyOut(address, type, shape, to: gradient) }
        return value
    }
}
