// A loss by itself: its value and its gradients in predictions, for those who write the loop.

import Graph
import KernelInterface
import Layers
import Losses
import Tensors

public final class LossEvaluator: @unchecked Sendable {
    private let choice: LossChoice
    private var loss: any Loss { choice.loss }

    public init(_ text: String) throws(ChainruleError) {
        guard let choice = try LossCatalog.make(text) else {
            throw ChainruleError(
                .attribute, "the loss", expected: "a loss of predictions and targets", got: "\"none\", which only a trainer takes")
        }
        self.choice = choice
    }

    public var predictionCount: Int { choice.predictionCount }
    public var targetCount: Int { choice.targetCount }

    /// The gradient arrays, if given, are written only when all is well.
    public func evaluate(
        predictions: [ArrayView], targets: [ArrayView], weights: ArrayView?, gradients: [ArrayView]?
    ) throws(ChainruleError) -> Double {
        guard choice.reduction != .none else {
            throw ChainruleError(
                .state, "the loss", expected: "reduction mean, sum or batchmean where one number is wanted", got: "reduction=none")
        }
        return try run(choice, predictions: predictions, targets: targets, weights: weights, gradients: gradients).value
    }

    /// Each loss by itself, times its sample's weight, whatever the reduction is; the gradients are those of their sum.
    /// - place: nil to be told the shape alone.
    /// - returns: the losses' shape.
    public func values(
        predictions: [ArrayView], targets: [ArrayView], weights: ArrayView?, into place: ArrayView?, gradients: [ArrayView]?
    ) throws(ChainruleError) -> Shape {
        try run(
            choice.unreduced, predictions: predictions, targets: targets, weights: weights, losses: place, gradients: gradients
        ).losses
    }

    private func run(
        _ choice: LossChoice, predictions: [ArrayView], targets given: [ArrayView], weights: ArrayView?,
        losses: ArrayView? = nil, gradients: [ArrayView]?
    ) throws(ChainruleError) -> (value: Double, losses: Shape) {
        let names = predictions.count == 1 ? ["prediction"] : loss.predictionRoles
        let type = predictions[0].type
        var shapes: [Shape] = []
        for (view, name) in zip(predictions, names) {
            guard view.type.isReal else {
                throw ChainruleError(.dataType, "the \(name)'s type", expected: "float32 or float64", got: view.type.name)
            }
            let shape = try Shape(view.dimensions).validated(what: "the \(name)")
            guard shape.elementCount > 0 else {
                throw ChainruleError(.shape, "the \(name)'s shape", expected: "1 element or more", got: "\(shape)")
            }
            shapes.append(shape)
        }
        let expected = try expectedTargets(given, shapes)
        let batch = shapes[0].rank > 0 ? shapes[0][0] : 1
        let slopes = gradients ?? []
        var arrays: [(view: ArrayView, specification: FeedSpecification)] = []
        for (index, view) in predictions.enumerated() {
            arrays.append((view, FeedSpecification(name: "the \(names[index])", shape: shapes[index], kind: .real)))
        }
        for (index, view) in given.enumerated() {
            let specification = FeedSpecification(
                name: given.count == 1 ? "the target" : loss.targetRoles[index].name, shape: expected[index].shape,
                kind: expected[index].labels.map { .labels($0) } ?? .real, alternative: expected[index].alternative)
            arrays.append((view.withLastDimension(specification), specification))
        }
        if let weights { arrays.append((weights, FeedSpecification(name: "sample_weight", shape: [batch], kind: .real))) }
        let feeds = Feeds(type: type, count: arrays.count)
        var addresses: [UnsafeMutableRawPointer?] = []
        for (slot, array) in arrays.enumerated() {
            try Feeds.check(array.view, array.specification, batch: nil)
            addresses.append(try feeds.address(array.view, array.specification, slot: slot))
        }
        if let weights { try checkSampleWeights(weights) }
        try loss.check(
            { addresses[predictions.count + $0].map { UnsafePointer($0.assumingMemoryBound(to: Int32.self)) } },
            sizes: { expected[$0].shape.elementCount / max(batch, 1) }, batch: batch)
        let program = Program(isDouble: type == .float64)
        let values = addresses.indices.map { program.value(bytes: 0, home: .external($0)) }
        let result = program.value(bytes: 8)
        let found = shapes.map { program.value(elements: $0.elementCount) }
        for value in [result] + found { program.pin(value) }
        let first = predictions.count + given.count
        let emitter = LossEmitter(
            program, choice, predictions: Array(values[..<predictions.count]),
            shapes: shapes.map { $0.rank == 0 ? [1] : $0 }, targets: Array(values[predictions.count..<first]),
            specifications: expected, sampleWeights: weights == nil ? nil : values[first], gradients: found, result: result,
            weightSum: program.value(bytes: 8))
        loss.emit(emitter)
        if let each = emitter.losses { program.pin(each.value) }
        let shapeOfLosses = shapes[0].rank == 0 ? [] : emitter.losses?.shape ?? []
        if choice.reduction == .none && losses == nil { return (0, shapeOfLosses) }
        var results = slopes.enumerated().map { index, view in
            Result(view: view, name: slopes.count == 1 ? "the gradient" : "the gradient in \(names[index])", shape: shapes[index], value: found[index])
        }
        if let losses, let value = emitter.losses?.value {
            results.append(Result(view: losses, name: "values", shape: shapeOfLosses, value: value))
        }
        try check(results, against: arrays.map(\.view))
        let plan = try Plan(program)
        let arena = try Storage(byteCount: plan.arenaBytes, what: "the loss's workspace")
        try plan.runAlone(arena: arena, externals: addresses)
        guard let value = plan.addressAlone(result, arena: arena)?.load(as: Double.self) else { return (0, shapeOfLosses) }
        for result in results {
            if let address = plan.addressAlone(result.value, arena: arena) { copyOut(address, type, result.shape, to: result.view) }
        }
        return (value, shapeOfLosses)
    }

    /// An array of the caller's, and what is to be written there.
    private struct Result {
        var view: ArrayView
        var name: String
        var shape: Shape
        var value: Value
    }

    private func expectedTargets(_ given: [ArrayView], _ shapes: [Shape]) throws(ChainruleError) -> [TargetSpecification] {
        var freeSize = 0
        if let free = choice.freeTarget, given[free].rank > 0 { freeSize = given[free].shape[given[free].rank - 1] }
        return try loss.targets(for: shapes, integers: given.map { !$0.type.isReal }, freeSize: freeSize)
    }

    /// Where results go must be the caller's to write, and apart from all else.
    private func check(_ results: [Result], against inputs: [ArrayView]) throws(ChainruleError) {
        for (index, result) in results.enumerated() {
            try checkResult(result.view, FeedSpecification(name: result.name, shape: result.shape, kind: .real), batch: nil)
            for other in inputs + results[..<index].map(\.view) {
                if let own = result.view.byteRange, let range = other.byteRange, own.overlaps(range) {
                    throw ChainruleError(
                        .invalidArgument, result.name, expected: "memory of its own", got: "memory that overlaps another array")
                }
            }
        }
    }
}

extension ArrayView {
    /// [batch] for a target of shape [batch, 1].
    func withLastDimension(_ specification: FeedSpecification) -> ArrayView {
        guard rank > 0, rank + 1 == specification.shape.rank, specification.shape.dimensions.last == 1, specification.kind == .real
        else { return self }
        var view = self
        view.shape[rank] = 1
        view.strides[rank] = type.size
        view.rank += 1
        return view
    }
}
