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
    /// Empty for "none".
    let losses: [TrainedLoss]
    /// Those whose prediction and target metrics can compare.
    let measured: [TrainedLoss]
    public let update: Update
    public let executor: Executor
    /// Held by whoever trains or evaluates.
    public let lock = ReaderLock()
    public var metrics: [MetricChoice] = []
    public var metricsText = ""
    public var seed: UInt64
    /// How results are kept for the backward pass: ActivationCheckpointing.swift.
    public internal(set) var checkpointSegments = 0
    /// Sets the learning rate from step to step; nil: nothing does.
    public internal(set) var schedule: ScheduleState?
    /// Where training stands: epochs done, and batches done in the next one.
    public internal(set) var epoch = 0
    public internal(set) var batchInEpoch = 0
    /// The epoch in which the last fit began.
    var fitStart = 0

    /// The thread that a callback of a running fit is on, else 0; other threads look at it.
    public var callbackThread: UInt {
        get { UInt(cr_load_acquire_64(callbackThreadBits)) }
        set { cr_store_release_64(callbackThreadBits, UInt64(newValue)) }
    }
    private let callbackThreadBits: UnsafeMutablePointer<UInt64>
    /// Room for the caller's arrays during a step, so that a step allocates nothing.
    public let views: UnsafeMutablePointer<ArrayView>
    public let inputCount: Int
    public let targetCount: Int

    let feeds: Feeds
    /// The input whose first dimension is the batch; nil when there is none.
    let firstBatchedInput: Int?
    /// Bit i: target i may be integer labels.
    let labelMask: UInt64
    /// Some loss looks at labels whose ranges depend on each other, or at a target of any size.
    let hasFreeTargets: Bool
    private(set) var entries: [StepPlan] = []
    private(set) var current = 0
    /// What the plans are made for.
    private var compute = Compute.float32
    /// The plan of the last step, while it stays bound.
    var lastStep: StepPlan?
    private let cancelFlag: UnsafeMutablePointer<UInt32>
    private static let keptPlans = 8

    public init(model: Model, loss: String, optimizer: String) throws(ChainruleError) {
        try model.prepare()
        self.model = model
        lossText = loss
        losses = try TrainedLoss.parse(loss, model)
        measured = losses.filter { $0.loss.isComparable }
        targetCount = losses.last?.targets.upperBound ?? 0
        hasFreeTargets = losses.contains { $0.choice.freeTarget != nil }
        update = Update(try OptimizerChoice(optimizer))
        executor = try Executor(model: model)
        try executor.makeGradients()
        try update.prepare(model)
        try update.bind(executor)
        seed = model.seed
        inputCount = model.inputs.count
        firstBatchedInput = model.firstBatchedInput
        labelMask = losses.reduce(0) { $0 | $1.labelMask }
        feeds = Feeds(type: model.type, count: model.inputs.count + targetCount + 1)
        // Plain memory comes last: a throw above would leave it behind.
        cancelFlag = .allocate(capacity: 1)
        cancelFlag.initialize(to: 0)
        callbackThreadBits = .allocate(capacity: 1)
        callbackThreadBits.initialize(to: 0)
        let capacity = model.inputs.count + targetCount + 1
        views = .allocate(capacity: capacity)
        views.initialize(repeating: ArrayView(data: nil, type: .float32, rank: 0), count: capacity)
    }

    deinit {
        cancelFlag.deallocate()
        callbackThreadBits.deallocate()
        views.deallocate()
    }

    // Cancelling: a store that a signal handler may do.
    public func cancel() { cr_store_release_32(cancelFlag, 1) }
    public func clearCancel() { cr_store_release_32(cancelFlag, 0) }
    var isCancelled: Bool { cr_load_acquire_32(cancelFlag) != 0 }

    /// The plans were made for other products.
    var isOutdated: Bool { compute != model.compute }

    func hasPlan(_ key: StepKey) -> Bool {
        (current < entries.count && entries[current].key == key) || entries.contains { $0.key == key }
    }

    /// The plan for a batch like this one, made if it isn't there yet.
    func plan(_ key: StepKey) throws(ChainruleError) -> StepPlan {
        if isOutdated {
            compute = model.compute
            forgetPlans()
        }
        if current < entries.count && entries[current].key == key { return try ready(entries[current]) }
        if let found = entries.firstIndex(where: { $0.key == key }) {
            current = found
            return try ready(entries[found])
        }
        let made = try makePlan(key).entry
        lastStep = nil
        try executor.bind(made.plan)
        if entries.count >= Trainer.keptPlans { executor.unbind(entries.removeFirst().plan) }
        entries.append(made)
        current = entries.count - 1
        return made
    }

    /// Plans are made anew, and their memory is given back until then.
    func forgetPlans() {
        entries = []
        current = 0
        lastStep = nil
        executor.releasePlans()
    }

    private func ready(_ entry: StepPlan) throws(ChainruleError) -> StepPlan {
        if entry.plan.needsScratch && !executor.hasScratchForTeam { try executor.bind(entry.plan) }
        return entry
    }

    /// One update on checked arrays that lie where the plan can read them. Returns the loss.
    /// Whoever calls holds the trainer and the model.
    /// - repeating: they are the arrays of the step before, which nobody has written, and no other plan ran in between.
    @_optimize(speed)
    func step(_ entry: StepPlan, repeating: Bool = false) throws(ChainruleError) -> Double {
        if update.usesAverage { update.useAverage(false) }
        executor.setRandomState(seed: seed, step: UInt64(truncatingIfNeeded: batchCount))
        let loss = try evaluate(entry, recalling: recalls(entry), repeating: repeating)
        guard loss.isFinite else { throw diagnose(entry, loss) }
        // Before the update: a schedule of the host program may refuse, and then nothing has changed.
        let next = try nextRate()
        if let search = update.search {
            try runSearch(search, entry, loss)
            scheduleStep(next)
            return loss
        }
        if entry.updatesDirectly {
            if update.apply(executor, by: entry.plan) {
                scheduleStep(next)
                if let next = entry.foresees?.next { entry.foreseen = (entry.plan.externalAddress(next), model.lock.writes) }
                return loss
            }
            try findGradients(entry)
        }
        try update.apply(executor, committing: entry.plan)
        if update.pending == 0 { scheduleStep(next) }
        return loss
    }

    /// Whether the step before has computed this one's first product: it knew the sample, and nobody has
    /// written the model (nor this trainer its arena) since.
    @inline(__always)
    private func recalls(_ entry: StepPlan) -> Bool {
        guard let foresees = entry.foresees, let sample = entry.foreseen.sample else { return false }
        entry.foreseen.sample = nil
        return sample == entry.plan.externalAddress(foresees.input) && model.lock.writes == entry.foreseen.writes &+ 1
    }

    /// The loss, and all gradients if it is finite.
    @inline(__always)
    private func evaluate(
        _ entry: StepPlan, recalling: Bool = false, repeating: Bool = false
    ) throws(ChainruleError) -> Double {
        // Gradients of a loss that is not finite are for nobody.
        let isDone = try executor.runForward(entry.plan, recalling: recalling, repeating: repeating, through: .backward)
        let loss = entry.loss(executor)
        if !isDone && loss.isFinite { try executor.runBackward(entry.plan) }
        return loss
    }

    /// A step that evaluates the loss several times, with the same random numbers each time. What layers keep
    /// changes once, as the first evaluation has it.
    private func runSearch(_ search: QuasiNewton, _ entry: StepPlan, _ loss: Double) throws(ChainruleError) {
        try update.checkGradients(executor)
        if entry.plan.hasCommits { executor.run(entry.plan, .commit) }
        let lr = update.lr
        try search.step(from: loss, lr: lr, executor: executor) { () throws(ChainruleError) in
            try self.evaluate(entry)
        } failure: { self.diagnose(entry, $0) }
        update.finishSearch(lr: lr, executor)
    }

    /// Batches trained on so far.
    var batchCount: Int { update.step &* update.choice.accumulate &+ update.pending }

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
        defer { executor.unbind(full.plan) }
        try executor.runForward(full.plan, through: .loss)
        try executor.runBackward(full.plan)
        try executor.runForward(entry.plan, through: .loss)
    }

    /// Finds the node in which a NaN or infinity began: runs the step again, keeping every result.
    private func diagnose(_ entry: StepPlan, _ loss: Double) -> ChainruleError {
        let place = entry.firstNonFinite(self)
        return ChainruleError(
            .nonFinite, "the loss became \(loss)", expected: "a finite number",
            got: place.map { "\(loss), which began in \($0)" } ?? "\(loss), from the loss itself; the outputs are finite",
            node: place ?? "the loss")
    }

    /// Bytes for a batch of this size, known before the first step: the plan tells, and takes no memory.
    public func memory(
        batch: Int
    ) throws(ChainruleError) -> (parameters: Int, gradients: Int, optimizer: Int, activations: Int, saved: Int) {
        var key = StepKey(batch: firstBatchedInput == nil ? nil : batch, labels: labelMask, hasWeights: false, isTraining: true)
        for (index, loss) in losses.enumerated() where loss.choice.freeTarget != nil { key.sizes[index] = Int32(clamping: loss.largestFreeSize) }
        let (entry, plainBytes) = try makePlan(key)
        let activations = entry.activationBytes
        return (
            model.storage?.byteCount ?? 0, executor.gradients?.byteCount ?? 0, update.byteCount, activations, plainBytes - activations
        )
    }

    /// Whether array `slot` (inputs, targets, weights) has a row for each sample.
    func isBatched(_ slot: Int) -> Bool {
        if slot < inputCount { return model.nodes[model.inputs[slot]].outputShape.isBatched }
        let target = slot - inputCount
        return losses.first { $0.targets.contains(target) }?.shapes[0].isBatched ?? true
    }
}
