// Inference: one executor a caller at a time, taken from a pool, with a plan for each batch size met
// lately. Large batches go through in parts, so that their activations stay in the cache.

import KernelDispatch
import Layers
import Tensors

final class Predictor: @unchecked Sendable {
    private static let keptPlans = 6

    // Unowned: the model's pool owns the predictor.
    private unowned(unsafe) let model: Model
    private let executor: Executor
    private let feeds: Feeds
    private var entries: [PredictionPlan] = []
    /// The same, without references that a prediction would have to take.
    private let known = UnsafeMutablePointer<Unmanaged<PredictionPlan>>.allocate(capacity: keptPlans)
    private var knownCount = 0

    init(_ model: Model) throws(ChainruleError) {
        self.model = model
        executor = try Executor(model: model)
        feeds = Feeds(type: model.type, count: model.inputs.count + model.outputs.count)
    }

    deinit { known.deallocate() }

    private func entry(batch: Int) throws(ChainruleError) -> PredictionPlan {
        if let found = entries.first(where: { $0.batch == batch }) {
            if found.plan.needsScratch && !executor.hasScratchForTeam { try executor.bind(found.plan) }
            return found
        }
        let builder = try PlanBuilder(model: model, request: PlanRequest(batch: batch))
        // Where indices are looked at, or functions of the host may refuse, nothing may be written to the caller before all were.
        let writesOutput = builder.program.checksIndices || model.hasCustomLayers ? model.outputs.map { _ in false } : builder.placeOutputs()
        let made = try PredictionPlan(model, builder, batch: batch, writesOutput: writesOutput)
        try executor.bind(made.plan)
        if entries.count >= Predictor.keptPlans { executor.unbind(entries.removeFirst().plan) }
        entries.append(made)
        for (index, entry) in entries.enumerated() { (known + index).initialize(to: Unmanaged.passUnretained(entry)) }
        knownCount = entries.count
        return made
    }

    /// The short way for what most calls are: a batch size met before, arrays of the model's own types. False if it isn't
    /// so; then nothing was done.
    @_optimize(speed)
    func runKnown(_ arrays: UnsafePointer<PlainArray>, _ count: Int) -> Bool {
        for index in 0..<knownCount {
            let isDone = known[index]._withUnsafeGuaranteedRef { entry in
                guard entry.fits(arrays, count), !entry.plan.needsScratch || executor.hasScratchForTeam else { return false }
                entry.point(arrays)
                entry.refresh(model, executor)
                executor.run(entry.plan, .forward)
                entry.copyOutputs(arrays, from: executor)
                return true
            }
            if isDone { return true }
        }
        return false
    }

    /// Rows `first..<first + batch` of everything; arrays were checked.
    func run(
        _ specifications: [FeedSpecification], _ inputs: UnsafeBufferPointer<ArrayView>,
        _ outputs: UnsafeBufferPointer<ArrayView>, first: Int, batch: Int, isWhole: Bool
    ) throws(ChainruleError) {
        let entry = try entry(batch: batch)
        let plan = entry.plan
        for slot in 0..<inputs.count {
            let view = isWhole ? inputs[slot] : inputs[slot].rows(first, batch)
            plan.setExternal(slot, try feeds.address(view, specifications[slot], slot: slot))
        }
        let direct = entry.writesOutput
        for slot in 0..<outputs.count where direct[slot] {
            let view = isWhole ? outputs[slot] : outputs[slot].rows(first, batch)
            let place = inputs.count + slot
            let isPlain = view.type == outputType(slot) && view.isContiguous
            plan.setExternal(
                place, isPlain ? view.data : try feeds.buffer(place, bytes: view.elementCount * model.type.size))
        }
        entry.refresh(model, executor)
        try executor.runForward(plan)
        for slot in 0..<outputs.count {
            let view = isWhole ? outputs[slot] : outputs[slot].rows(first, batch)
            guard let result = executor.address(entry.outputs[slot], in: plan), let data = view.data,
                result != data
            else { continue }
            if view.type == outputType(slot) && view.isContiguous {
                data.copyMemory(from: result, byteCount: view.elementCount * model.type.size)
            } else {
                copyOut(result, outputType(slot), entry.outputShapes[slot], to: view)
            }
        }
    }
}

extension Predictor {
    private func outputType(_ index: Int) -> DataType { model.storageType(model.nodes[model.outputs[index]].outputKinds[0]) }
}

extension PlanBuilder {
    /// Gives outputs that operations of this plan write the places of callers' arrays, behind those of
    /// the inputs. An output that is an input, or another output once more, is left where it is.
    fileprivate func placeOutputs() -> [Bool] {
        var taken = Set<Int>()
        return model.outputs.indices.map { index in
            let root = program.root(output(index)).index
            let bytes = outputShape(index).elementCount * program.elementSize
            guard program.values[root].home == .arena, program.values[root].byteCount == bytes,
                taken.insert(root).inserted
            else { return false }
            program.values[root].home = .external(model.inputs.count + index)
            return true
        }
    }
}

extension Model {
    /// Samples of a large batch that are predicted at a time: few enough for a layer's activations to
    /// stay in the second-level cache, unless the parameters are so large that reading them again for
    /// each part would cost more. The bits of a sample don't depend on it.
    func makePredictionPart() -> Int {
        let widest = nodes.map { $0.outputShape.elementCount * type.size }.max() ?? 1
        let parameterBytes = parameters.reduce(0) { $0 + $1.elementCount * type.size }
        guard parameterBytes <= 8 << 20 else { return 1024 }
        return min(max((1 << 20) / max(widest, 1) / 64 * 64, 128), 1024)
    }

    /// What `predict` expects of each input.
    public func makeInputSpecifications() -> [FeedSpecification] {
        inputs.enumerated().map { index, node in
            FeedSpecification(
                name: inputs.count == 1 ? "the input" : "input \(index) (\"\(nodes[node].name)\")",
                shape: nodes[node].outputShape, kind: nodes[node].isInteger ? .integers : .real)
        }
    }

    /// The batch of some arrays: the first dimension of the first batched one; nil without any.
    public func batch(
        of views: UnsafeBufferPointer<ArrayView>, _ specifications: [FeedSpecification]
    ) throws(ChainruleError) -> Int? {
        for (index, specification) in specifications.enumerated() where specification.shape.isBatched {
            guard views[index].rank > 0 else {
                throw ChainruleError(
                    .shape, "\(specification.name)'s shape", expected: "\(specification.shape)",
                    got: views[index].description)
            }
            return views[index].shape[0]
        }
        return nil
    }

    /// The short way; false if the arrays are not for it, and then nothing was done. The caller reads the model.
    /// - arrays: inputs, then outputs.
    @inline(__always)
    public func predictKnown(_ arrays: UnsafePointer<PlainArray>, _ count: Int) -> Bool {
        guard let predictor = predictors.takeKnown() else { return false }
        defer { predictors.give(predictor) }
        return predictor._withUnsafeGuaranteedRef { $0.runKnown(arrays, count) }
    }

    /// Runs the model on checked or unchecked arrays of the caller.
    public func predict(
        _ views: UnsafeBufferPointer<ArrayView>, into outputs: UnsafeBufferPointer<ArrayView>
    ) throws(ChainruleError) {
        try prepare()
        let predictor = try predictors.take(self)
        defer { predictors.give(predictor) }
        let specifications = inputSpecifications
        let batch = try batch(of: views, specifications)
        for index in views.indices { try Feeds.check(views[index], specifications[index], batch: batch) }
        for index in outputs.indices { try checkOutput(outputs, index, batch: batch, inputs: views) }
        let total = batch ?? 1
        guard total > predictionPart, isSeparable else {
            if total == 0 { return }
            try predictor.run(specifications, views, outputs, first: 0, batch: total, isWhole: true)
            return
        }
        // Of equal size: a few rows that are left over would read all weights for little.
        let parts = (total + predictionPart - 1) / predictionPart
        let part = ((total + parts - 1) / parts + 15) & ~15
        var first = 0
        while first < total {
            let count = min(part, total - first)
            try predictor.run(specifications, views, outputs, first: first, batch: count, isWhole: false)
            first += count
        }
    }

    private func checkOutput(
        _ views: UnsafeBufferPointer<ArrayView>, _ index: Int, batch: Int?, inputs: UnsafeBufferPointer<ArrayView>
    ) throws(ChainruleError) {
        let view = views[index]
        let node = nodes[self.outputs[index]]
        try checkResult(
            view, FeedSpecification(
                name: self.outputs.count == 1 ? "the output" : "output \(index)",
                shape: node.outputShape, kind: node.isInteger ? .integers : .real), batch: batch)
        guard let range = view.byteRange else { return }
        for input in inputs {
            if let other = input.byteRange, range.overlaps(other) {
                throw ChainruleError(
                    .invalidArgument, "output \(index)", expected: "memory of its own", got: "memory that overlaps an input")
            }
        }
        for earlier in 0..<index {
            if let other = views[earlier].byteRange, range.overlaps(other) {
                throw ChainruleError(
                    .invalidArgument, "output \(index)", expected: "memory of its own",
                    got: "memory that overlaps output \(earlier)")
            }
        }
    }
}

/// Checks an array that a result is to be written to.
public func checkResult(
    _ view: ArrayView, _ specification: FeedSpecification, batch: Int?
) throws(ChainruleError) {
    try Feeds.check(view, specification, batch: batch)
    guard !view.mayOverlapItself else {
        throw ChainruleError(
            .invalidArgument, "\(specification.name)'s strides", expected: "a place of its own for each element",
            got: "\((0..<view.rank).map { view.strides[$0] }) for shape \(view.description)")
    }
}
