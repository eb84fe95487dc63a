// Loss, optimizer, random state and position in the data, for one model. A step here; fit and
// evaluate in files of their own.

import CPUFeatures
import Graph
import KernelDispatch
import KernelInterface
import Layers
import Losses
import Optimizers
import Tensors

public final class Trainer: @unchecked Sendable {
    public let model: Model
    public let lossText: String
    /// One for each output; empty for "none".
    let losses: [any Loss]
    public let update: Update
    public let executor: Executor
    /// Held by whoever trains or evaluates.
    public let lock = ReaderLock()
    public var metrics: [any Metric.Type] = []
    public var metricsText = ""
    public var seed: UInt64
    /// Sets the learning rate from step to step; nil: nothing does.
    public internal(set) var schedule: ScheduleState?
    /// Where training stands: epochs done, and batches done in the next one.
    public internal(set) var epoch = 0
    public internal(set) var batchInEpoch = 0
    /// The epoch in which the last fit began.
    var fitStart = 0

    /// The thread that a callback of a running fit is on, else 0.
    public var callbackThread: UInt = 0
    /// Room for the caller's arrays during a step, so that a step allocates nothing.
    public let views: UnsafeMutablePointer<ArrayView>
    public let inputCount: Int
    public var targetCount: Int { losses.count }

    let feeds: Feeds
    /// The input whose first dimension is the batch; nil when there is none.
    let firstBatchedInput: Int?
    /// Bit i: output i's loss takes integer labels.
    let labelMask: UInt32
    private(set) var entries: [StepPlan] = []
    private(set) var current = 0
    /// The plan of the last step, while it stays bound.
    var lastStep: StepPlan?
    private let cancelFlag: UnsafeMutablePointer<UInt32>
    private static let keptPlans = 8

    public init(model: Model, loss: String, optimizer: String) throws(ChainruleError) {
        try model.prepare()
        self.model = model
        lossText = loss
        losses = try Trainer.parseLosses(loss, model)
        update = Update(try OptimizerChoice(optimizer))
        executor = try Executor(model: model)
        try executor.makeGradients()
        try update.prepare(model)
        try update.bind(executor)
        seed = model.seed
        inputCount = model.inputs.count
        firstBatchedInput = model.firstBatchedInput
        labelMask = Trainer.labelMask(losses, model)
        feeds = Feeds(type: model.type, count: model.inputs.count + model.outputs.count + 1)
        // Plain memory comes last: a throw above would leave it behind.
        cancelFlag = .allocate(capacity: 1)
        cancelFlag.initialize(to: 0)
        let capacity = model.inputs.count + losses.count + 1
        views = .allocate(capacity: capacity)
        views.initialize(repeating: ArrayView(data: nil, type: .float32, rank: 0), count: capacity)
    }

    deinit {
        cancelFlag.deallocate()
        views.deallocate()
    }

    private static func parseLosses(_ text: String, _ model: Model) throws(ChainruleError) -> [any Loss] {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        var losses: [any Loss] = []
        for part in parts {
            if let loss = try LossCatalog.make(part) { losses.append(loss) }
        }
        let outputs = model.outputs.count
        if losses.isEmpty {
            let node = model.nodes[model.outputs[0]]
            guard parts.count == 1, outputs == 1, node.outputShape.elementCount == 1, !node.outputShape.isBatched else {
                throw ChainruleError(
                    .shape, "the output under loss \"none\"", expected: "one number, not one for each sample",
                    got: outputs == 1 ? "\(node.outputShape)" : "\(outputs) outputs")
            }
            return []
        }
        guard losses.count == outputs, parts.count == losses.count else {
            throw ChainruleError(
                .invalidArgument, "the number of losses", expected: "one for each of the \(outputs) outputs",
                got: "\"\(text)\"")
        }
        for (index, loss) in losses.enumerated() {
            // Refuses what can never fit, such as cross_entropy on rank 3.
            _ = try loss.target(for: model.nodes[model.outputs[index]].outputShape, isInteger: true)
        }
        guard losses.count <= Control.maximumLosses else {
            throw ChainruleError(.invalidArgument, "the number of losses", expected: "at most \(Control.maximumLosses)", got: "\(losses.count)")
        }
        return losses
    }

    // Cancelling: a store that a signal handler may do.
    public func cancel() { cr_store_release_32(cancelFlag, 1) }
    public func clearCancel() { cr_store_release_32(cancelFlag, 0) }
    var isCancelled: Bool { cr_load_acquire_32(cancelFlag) != 0 }

    /// The plan for a batch like this one, made if it isn't there yet.
    func plan(_ key: StepKey) throws(ChainruleError) -> StepPlan {
        if current < entries.count && entries[current].key == key { return try ready(entries[current]) }
        if let found = entries.firstIndex(where: { $0.key == key }) {
            current = found
            return try ready(entries[found])
        }
        let made = try StepPlan(self, key)
        try executor.bind(made.plan)
        lastStep = nil
        if entries.count >= Trainer.keptPlans { executor.unbind(entries.removeFirst().plan) }
        entries.append(made)
        current = entries.count - 1
        return made
    }

    private func ready(_ entry: StepPlan) throws(ChainruleError) -> StepPlan {
        if entry.plan.needsScratch && !executor.hasScratchForTeam { try executor.bind(entry.plan) }
        return entry
    }

    /// One update on checked arrays that lie where the plan can read them. Returns the loss.
    /// Whoever calls holds the trainer and the model.
    func step(_ entry: StepPlan) throws(ChainruleError) -> Double {
        if update.usesAverage { update.useAverage(false) }
        executor.setRandomState(seed: seed, step: UInt64(truncatingIfNeeded: batchCount))
        try executor.runForward(entry.plan)
        executor.run(entry.plan, .loss)
        let loss = entry.loss(executor)
        guard loss.isFinite else { throw diagnose(entry, loss) }
        executor.run(entry.plan, .backward)
        if entry.updatesDirectly {
            if update.apply(executor, by: entry.plan) { return commit(entry, loss) }
            try findGradients(entry)
        }
        guard update.apply(executor) else {
            throw ChainruleError(
                .nonFinite, "a gradient", expected: "finite numbers", got: "NaN or infinity; the parameters are as before the step",
                node: entry.nodeOfNonFiniteGradient(executor))
        }
        return commit(entry, loss)
    }

    /// Batches trained on so far.
    var batchCount: Int { update.step &* update.choice.accumulate &+ update.pending }

    /// What layers keep from step to step changes now that the step has succeeded.
    @inline(__always)
    private func commit(_ entry: StepPlan, _ loss: Double) -> Double {
        if update.pending == 0 { scheduleStep() }
        if entry.plan.hasCommits { executor.run(entry.plan, .commit) }
        return loss
    }

    /// All gradients of a step that was to do without: it is run once more. Its own results stay in place.
    private func findGradients(_ entry: StepPlan) throws(ChainruleError) {
        let arrays = (0..<entry.plan.externalCount).map { entry.plan.externalAddress($0) }
        var key = entry.key
        key.keepsGradients = true
        if entry.full == nil { entry.full = try StepPlan(self, key) }
        guard let full = entry.full else { return }
        try executor.bind(full.plan)
        for (number, address) in arrays.enumerated() {
            full.plan.setExternal(number, address)
            entry.plan.setExternal(number, address)
        }
        for phase in [Phase.forward, .loss, .backward] { executor.run(full.plan, phase) }
        executor.unbind(full.plan)
        for phase in [Phase.forward, .loss] { executor.run(entry.plan, phase) }
    }

    /// Finds the node in which a NaN or infinity began: runs the step again, keeping every result.
    private func diagnose(_ entry: StepPlan, _ loss: Double) -> ChainruleError {
        let place = entry.firstNonFinite(self)
        return ChainruleError(
            .nonFinite, "the loss became \(loss)", expected: "a finite number",
            got: place.map { "\(loss), which began in \($0)" } ?? "\(loss), from the loss itself; the outputs are finite",
            node: place ?? "the loss")
    }

    /// Bytes for a batch of this size, known before the first step.
    public func memory(batch: Int) throws(ChainruleError) -> (parameters: Int, gradients: Int, optimizer: Int, activations: Int) {
        let entry = try plan(StepKey(batch: firstBatchedInput == nil ? nil : batch, labels: labelMask, hasWeights: false, isTraining: true))
        let scratch = entry.plan.needsScratch ? Team.threadCount * kernelScratchBytes : 0
        return (model.storage?.byteCount ?? 0, executor.gradients?.byteCount ?? 0, update.byteCount, entry.plan.arenaBytes + scratch)
    }

    private static func labelMask(_ losses: [any Loss], _ model: Model) -> UInt32 {
        var mask: UInt32 = 0
        for (index, loss) in losses.enumerated() {
            let shape = model.nodes[model.outputs[index]].outputShape
            if (try? loss.target(for: shape, isInteger: true))?.classes != nil { mask |= 1 << UInt32(index) }
        }
        return mask
    }

    /// Whether array `slot` (inputs, targets, weights) has a row for each sample.
    func isBatched(_ slot: Int) -> Bool {
        if slot < inputCount { return model.nodes[model.inputs[slot]].outputShape.isBatched }
        let output = slot - inputCount
        return output >= losses.count || model.nodes[model.outputs[output]].outputShape.isBatched
    }
}
