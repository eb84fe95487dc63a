// Inference: one executor a caller at a time, taken from a pool, with a plan for each batch size met
// lately. Large batches go through in parts, so that their activations stay in the cache.

import KernelDispatch
import Layers
import Tensors

public final class PredictorPool: @unchecked Sendable {
    private let lock = ThreadLock()
    private var idle: [Predictor] = []

    public init() {}

    func take(_ model: Model) throws(ChainruleError) -> Predictor {
        lock.lock()
        let predictor = idle.popLast()
        lock.unlock()
        if let predictor { return predictor }
        return try Predictor(model)
    }

    func clear() {
        lock.lock()
        idle = []
        lock.unlock()
    }

    func give(_ predictor: Predictor) {
        lock.lock()
        if idle.count < 64 { idle.append(predictor) }
        lock.unlock()
    }
}

final class Predictor: @unchecked Sendable {
    private struct Entry {
        var batch: Int
        var plan: Plan
        var outputs: [Value]
        var outputShapes: [Shape]
        /// Whether the plan writes output i where the caller wants it, without a copy.
        var writesOutput: [Bool]
        /// Inputs, then outputs.
        var expected: [ExpectedArray]
    }

    private static let keptPlans = 6

    // Unowned: the model's pool owns the predictor.
    private unowned(unsafe) let model: Model
    private let executor: Executor
    private let feeds: Feeds
    private var packed: PackedParameters?
    private var entries: [Entry] = []

    init(_ model: Model) throws(ChainruleError) {
        self.model = model
        executor = try Executor(model: model)
        feeds = Feeds(type: model.type, count: model.inputs.count + model.outputs.count)
    }

    private func entry(batch: Int) throws(ChainruleError) -> Int {
        if let found = entries.firstIndex(where: { $0.batch == batch }) {
            if !entries[found].plan.needsScratch || executor.hasScratchForTeam { return found }
            try executor.bind(entries[found].plan)
            return found
        }
        let builder = try PlanBuilder(model: model, request: PlanRequest(batch: batch))
        // Where indices are looked at, or functions of the host may refuse, nothing may be written to the caller before all were.
        let writesOutput = builder.program.checksIndices || model.hasCustomLayers ? model.outputs.map { _ in false } : builder.placeOutputs()
        // Rounding a weight takes longer than multiplying it by a row.
        let mayPack = batch > 64 || model.compute == .bfloat16
        if mayPack, packed == nil {
            packed = model.packedParameters()
            executor.packed = packed?.storage
        }
        if mayPack, let packed { builder.program.packedOffsets = packed.offsets }
        let plan = try Plan(builder.program)
        try executor.bind(plan)
        if entries.count >= Predictor.keptPlans { executor.unbind(entries.removeFirst().plan) }
        entries.append(
            Entry(
                batch: batch, plan: plan, outputs: model.outputs.indices.map { builder.output($0) },
                outputShapes: model.outputs.indices.map { builder.outputShape($0) }, writesOutput: writesOutput,
                expected: builder.expectedInputs() + model.outputs.indices.map {
                    ExpectedArray(builder.outputShape($0), kind: model.nodes[model.outputs[$0]].outputKinds[0])
                }))
        return entries.count - 1
    }

    /// The short way for what most calls are: a batch size met before, arrays of the model's own type
    /// that lie in one piece. False if it isn't so; then nothing was done.
    func runKnown(
        _ inputs: UnsafeBufferPointer<ArrayView>, _ outputs: UnsafeBufferPointer<ArrayView>, batch: Int
    ) -> Bool {
        for index in entries.indices where entries[index].batch == batch && !entries[index].plan.checksIndices
            && entries[index].plan.customWorks.isEmpty
        {
            let plan = entries[index].plan
            if plan.needsScratch && !executor.hasScratchForTeam { return false }
            for slot in 0..<inputs.count where !fits(index, slot, inputs[slot]) { return false }
            for slot in 0..<outputs.count {
                guard fits(index, inputs.count + slot, outputs[slot]) else { return false }
                for other in inputs where outputs[slot].overlaps(other) { return false }
                for other in 0..<slot where outputs[slot].overlaps(outputs[other]) { return false }
            }
            for slot in 0..<inputs.count { plan.setExternal(slot, inputs[slot].data) }
            for slot in 0..<outputs.count { plan.setExternal(inputs.count + slot, outputs[slot].data) }
            if plan.usesPacked { packed?.refresh(model) }
            executor.run(plan, .forward)
            for slot in 0..<outputs.count where !entries[index].writesOutput[slot] {
                guard let result = executor.address(entries[index].outputs[slot], in: plan), let data = outputs[slot].data
                else { continue }
                data.copyMemory(from: result, byteCount: outputs[slot].elementCount * model.type.size)
            }
            return true
        }
        return false
    }

    @inline(__always)
    private func fits(_ entry: Int, _ place: Int, _ view: ArrayView) -> Bool {
        view.type == (entries[entry].expected[place].isReal ? model.type : model.storageType(.integer)) && view.isContiguous
            && entries[entry].expected[place].fits(view)
    }

    /// Rows `first..<first + batch` of everything; arrays were checked.
    func run(
        _ specifications: [FeedSpecification], _ inputs: UnsafeBufferPointer<ArrayView>,
        _ outputs: UnsafeBufferPointer<ArrayView>, first: Int, batch: Int, isWhole: Bool
    ) throws(ChainruleError) {
        let index = try entry(batch: batch)
        let plan = entries[index].plan
        for slot in 0..<inputs.count {
            let view = isWhole ? inputs[slot] : inputs[slot].rows(first, batch)
            plan.setExternal(slot, try feeds.address(view, specifications[slot], slot: slot))
        }
        let direct = entries[index].writesOutput
        for slot in 0..<outputs.count where direct[slot] {
            let view = isWhole ? outputs[slot] : outputs[slot].rows(first, batch)
            let place = inputs.count + slot
            let isPlain = view.type == outputType(slot) && view.isContiguous
            plan.setExternal(
                place, isPlain ? view.data : try feeds.buffer(place, bytes: view.elementCount * model.type.size))
        }
        if plan.usesPacked { packed?.refresh(model) }
        try executor.runForward(plan)
        for slot in 0..<outputs.count {
            let view = isWhole ? outputs[slot] : outputs[slot].rows(first, batch)
            guard let result = executor.address(entries[index].outputs[slot], in: plan), let data = view.data,
                result != data
            else { continue }
            if view.type == outputType(slot) && view.isContiguous {
                data.copyMemory(from: result, byteCount: view.elementCount * model.type.size)
            } else {
                copyOut(result, outputType(slot), entries[index].outputShapes[slot], to: view)
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
        return min(max((768 << 10) / max(widest, 1) / 64 * 64, 128), 1024)
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

    /// Runs the model on checked or unchecked arrays of the caller.
    public func predict(
        _ views: UnsafeBufferPointer<ArrayView>, into outputs: UnsafeBufferPointer<ArrayView>
    ) throws(ChainruleError) {
        try prepare()
        let predictor = try predictors.take(self)
        defer { predictors.give(predictor) }
        let known = firstBatchedInput.map { views[$0].rank > 0 ? views[$0].shape[0] : .max } ?? 1
        if known <= predictionPart || !isSeparable, predictor.runKnown(views, outputs, batch: known) { return }
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
        var first = 0
        while first < total {
            let count = min(predictionPart, total - first)
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
