// One caller's activations and gradients on a model: forward and backward as calls of their own.

import Layers
import Tensors

public final class Context: @unchecked Sendable {
    private struct Entry {
        var batch: Int?
        var isTraining: Bool
        var plan: Plan
        var outputs: [Value]
        var outputShapes: [Shape]
        var inputGradients: [Value?]
        /// Inputs that are looked at after the forward pass, when the caller's arrays may have gone.
        var keptInputs: [Bool]
    }

    public let model: Model
    public let executor: Executor
    public let lock = ReaderLock()
    private let feeds: Feeds
    private var entries: [Entry] = []
    /// What the plans are made for.
    private var compute = Compute.float32
    private var current: Int?
    private var canGoBack = false
    private var hasGoneBack = false
    private var passes: UInt64 = 0
    /// Whether a backward pass was made since the context was.
    public private(set) var hasGradients = false
    private static let keptPlans = 4

    public init(model: Model) throws(ChainruleError) {
        try model.prepare()
        self.model = model
        executor = try Executor(model: model)
        try executor.makeGradients()
        feeds = Feeds(type: model.type, count: model.inputs.count + model.outputs.count)
    }

    private func entry(batch: Int?, isTraining: Bool) throws(ChainruleError) -> Int {
        if compute != model.compute {
            for entry in entries { executor.unbind(entry.plan) }
            (entries, current, compute) = ([], nil, model.compute)
        }
        if let found = entries.firstIndex(where: { $0.batch == batch && $0.isTraining == isTraining }) {
            if entries[found].plan.needsScratch && !executor.hasScratchForTeam { try executor.bind(entries[found].plan) }
            return found
        }
        var request = PlanRequest(batch: batch)
        request.isTraining = isTraining
        request.keepsResults = true
        request.addsGradients = true
        let builder = try PlanBuilder(model: model, request: request)
        let program = builder.program
        program.phase = .backward
        let seeds = model.outputs.enumerated().map { index, node in
            let elements = builder.outputShape(index).elementCount
            return (node: node, gradient: builder.external(model.inputs.count + index, bytes: elements * program.elementSize))
        }
        let inputGradients = builder.appendBackward(seeds: seeds, wantsInputs: true)
        for gradient in inputGradients { if let gradient { program.pin(gradient) } }
        let plan = try Plan(program)
        try executor.bind(plan)
        if entries.count >= Context.keptPlans { executor.unbind(entries.removeFirst().plan) }
        entries.append(
            Entry(
                batch: batch, isTraining: isTraining, plan: plan, outputs: model.outputs.indices.map { builder.output($0) },
                outputShapes: model.outputs.indices.map { builder.outputShape($0) }, inputGradients: inputGradients,
                keptInputs: model.inputs.indices.map { input in
                    plan.isUsed(external: input, after: .forward) || model.outputs.indices.contains { plan.external(of: builder.output($0)) == input }
                }))
        return entries.count - 1
    }

    /// Those inputs are copied that are needed after it: the caller's arrays may have gone by then.
    /// - drawsAnew: random numbers (dropout's) other than those of the pass before.
    public func forward(
        _ views: UnsafeBufferPointer<ArrayView>, isTraining: Bool, drawsAnew: Bool = true
    ) throws(ChainruleError) {
        let specifications = model.inputSpecifications
        let batch = try model.batch(of: views, specifications)
        for index in views.indices { try Feeds.check(views[index], specifications[index], batch: batch) }
        let index = try entry(batch: batch, isTraining: isTraining)
        canGoBack = false
        hasGoneBack = false
        // Nobody may read results while there are none.
        current = nil
        for slot in views.indices {
            let isKept = entries[index].keptInputs[slot]
            let address = try isKept ? feeds.copied(views[slot], slot: slot) : feeds.plainAddress(views[slot], slot: slot)
            entries[index].plan.setExternal(slot, address)
        }
        executor.setRandomState(seed: model.seed, step: passes)
        if drawsAnew { passes += 1 }
        try executor.runForward(entries[index].plan)
        current = index
        canGoBack = true
        commitsNext = isTraining && entries[index].plan.hasCommits
    }

    /// Whether the last forward pass has changes of what layers keep from step to step, still to be made
    /// by `commit`.
    public private(set) var commitsNext = false

    /// For who holds the model for writing.
    public func commit() throws(ChainruleError) {
        commitsNext = false
        executor.run(try forwardEntry().plan, .commit)
    }

    private func forwardEntry() throws(ChainruleError) -> Entry {
        guard let current else {
            throw ChainruleError(.state, "the context", expected: "a forward pass first", got: "none yet")
        }
        return entries[current]
    }

    public func output(_ index: Int, to view: ArrayView) throws(ChainruleError) {
        let entry = try forwardEntry()
        guard entry.outputs.indices.contains(index) else {
            throw ChainruleError(.notFound, "the output's index", expected: "0 to \(entry.outputs.count - 1)", got: "\(index)")
        }
        let kind = model.nodes[model.outputs[index]].outputKinds[0]
        try checkResult(
            view, FeedSpecification(
                name: "output \(index)", shape: entry.outputShapes[index], kind: kind == .integer ? .integers : .real), batch: entry.batch)
        guard let address = executor.address(entry.outputs[index], in: entry.plan) else { return }
        copyOut(address, model.storageType(kind), entry.outputShapes[index], to: view)
    }

    /// Gradients in the outputs (nil: ones) to gradients in parameters, which are added up, and inputs.
    public func backward(_ views: UnsafeBufferPointer<ArrayView>?) throws(ChainruleError) {
        let entry = try forwardEntry()
        guard canGoBack else {
            throw ChainruleError(
                .state, "the backward pass", expected: "a forward pass before each", got: "a second backward pass")
        }
        let inputs = model.inputs.count
        for (index, shape) in entry.outputShapes.enumerated() {
            let slot = inputs + index
            if let views {
                let specification = FeedSpecification(name: "the gradient in output \(index)", shape: shape, kind: .real)
                try Feeds.check(views[index], specification, batch: entry.batch)
                entry.plan.setExternal(slot, try feeds.plainAddress(views[index], slot: slot))
            } else {
                let ones = try feeds.buffer(slot, bytes: shape.elementCount * model.type.size)
                for element in 0..<shape.elementCount {
                    if model.isDouble {
                        ones.storeBytes(of: 1, toByteOffset: element * 8, as: Double.self)
                    } else {
                        ones.storeBytes(of: 1, toByteOffset: element * 4, as: Float.self)
                    }
                }
                entry.plan.setExternal(slot, ones)
            }
        }
        // Values of the forward pass may be overwritten by those of the backward pass.
        canGoBack = false
        try executor.runBackward(entry.plan)
        hasGoneBack = true
        hasGradients = true
    }

    public func inputGradient(_ index: Int, to view: ArrayView) throws(ChainruleError) {
        let entry = try forwardEntry()
        guard hasGoneBack else {
            throw ChainruleError(.state, "the gradient in an input", expected: "a backward pass first", got: "none since the forward pass")
        }
        guard model.inputs.indices.contains(index) else {
            throw ChainruleError(.notFound, "the input's index", expected: "0 to \(model.inputs.count - 1)", got: "\(index)")
        }
        guard !model.nodes[model.inputs[index]].isInteger else {
            throw ChainruleError(.notFound, "the input's index", expected: "an input of real numbers", got: "\(index), which holds whole numbers")
        }
        let shape = model.nodes[model.inputs[index]].outputShape.with(batch: entry.batch ?? 1)
        try checkResult(view, FeedSpecification(name: "the gradient in input \(index)", shape: shape, kind: .real), batch: entry.batch)
        if let value = entry.inputGradients[index], let address = executor.address(value, in: entry.plan) {
            copyOut(address, model.type, shape, to: view)
        } else {
            // Nothing of it reaches the outputs.
            copyElements(from: ArrayView.zeros(like: view), to: view)
        }
    }

    public func gradient(_ name: String, to view: ArrayView) throws(ChainruleError) {
        let parameter = try model.parameter(named: name)
        guard parameter.isTrainable, let gradients = executor.gradients else {
            throw ChainruleError(.notFound, "the parameter", expected: "a trainable one", got: "\"\(name)\", a constant")
        }
        try checkResult(view, FeedSpecification(name: "the gradient in \(name)", shape: parameter.shape, kind: .real), batch: nil)
        copyElements(from: parameter.view(gradients.pointer, model.type), to: view)
    }

    public func zeroGradients() {
        guard let gradients = executor.gradients else { return }
        gradients.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: gradients.byteCount)
        executor.sawLarge = false
    }
}
