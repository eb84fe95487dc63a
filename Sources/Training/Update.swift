// One optimizer at work on one model: its moments, its count of steps, and a plan of its own that
// looks over the gradients and then changes the parameters in one pass.

import CPUFeatures
import Glibc
import Graph
import KernelInterface
import Layers
import Optimizers
import Tensors

public final class Update: @unchecked Sendable {
    public let choice: OptimizerChoice
    /// Updates made so far.
    public var step = 0
    /// Batches taken into the mean gradient of the next update.
    public var pending = 0
    /// The learning rate of the last update.
    public var lastLr: Double
    /// The weights and their mean have changed places.
    public internal(set) var usesAverage = false
    /// The moments and whatever else is kept from step to step; UpdateLayout says where.
    public private(set) var state: Storage?
    /// Tied to this model by the first step.
    public private(set) var model: Model?
    private(set) var layout: UpdateLayout?
    private var plan: Plan?
    private var accumulation: Plan?
    private var workspace: Storage?
    private weak var boundTo: Executor?
    // The learning rate's bits: set from callbacks and other threads.
    private let lrBits = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    public init(_ choice: OptimizerChoice) {
        self.choice = choice
        lastLr = choice.base.lr
        lrBits.initialize(to: choice.base.lr.bitPattern)
    }

    deinit { lrBits.deallocate() }

    public var lr: Double {
        get { Double(bitPattern: cr_load_acquire_64(lrBits)) }
        set { cr_store_release_64(lrBits, newValue.bitPattern) }
    }

    /// Makes the moments and the plan for a model, once.
    public func prepare(_ model: Model) throws(ChainruleError) {
        if let own = self.model {
            guard own === model else {
                throw ChainruleError(
                    .state, "the optimizer's model", expected: "the model of its first step", got: "another one")
            }
            return
        }
        try model.prepare()
        let layout = try UpdateLayout(choice, model)
        let made = try Storage(byteCount: layout.byteCount, what: "the optimizer's state")
        let programs = UpdateProgram(choice: choice, layout: layout, model: model)
        plan = try Plan(programs.whole())
        accumulation = try programs.accumulation().map { (program) throws(ChainruleError) in try Plan(program) }
        self.layout = layout
        state = made
        self.model = model
    }

    /// What a step's plan appends when it updates parameters itself (DirectUpdate.swift).
    var programs: UpdateProgram? {
        guard let layout, let model else { return nil }
        return UpdateProgram(choice: choice, layout: layout, model: model)
    }

    /// Bytes of the moments and the plan's workspace.
    public var byteCount: Int { (state?.byteCount ?? 0) + (plan?.arenaBytes ?? 0) }

    /// Makes the plan ready to run with the gradients of an executor.
    public func bind(_ executor: Executor) throws(ChainruleError) {
        guard let plan, boundTo !== executor else { return }
        try executor.makeGradients()
        let workspace = try Storage(
            byteCount: max(plan.arenaBytes, accumulation?.arenaBytes ?? 0), what: "the optimizer's workspace")
        try executor.bind(plan, arena: workspace, optimizerState: state)
        if let accumulation { try executor.bind(accumulation, arena: workspace, optimizerState: state) }
        self.workspace = workspace
        boundTo = executor
    }

    /// Changes the parameters along the executor's gradients; false, and nothing changed, when a
    /// gradient is NaN or infinite. Allocates nothing.
    @inline(__always)
    public func apply(_ executor: Executor) -> Bool {
        guard let plan else { return true }
        if let accumulation {
            guard isFinite(executor, accumulation) else { return false }
            executor.run(accumulation, pending == 0 ? .update : .commit)
            pending += 1
            if pending < choice.accumulate { return true }
            pending = 0
        }
        return apply(executor, by: plan)
    }

    /// The same by the phases check and update of a plan that has its own (DirectUpdate.swift); false
    /// when it can't tell, and nothing changed.
    @inline(__always)
    func apply(_ executor: Executor, by plan: Plan) -> Bool {
        guard isFinite(executor, plan) else { return false }
        step += 1
        let rate = lr
        if step == 1 { lastLr = rate }
        setNumbers(plan, rate)
        executor.run(plan, .update)
        lastLr = rate
        if choice.hasAverage { takeMean(executor) }
        return true
    }

    @inline(__always)
    private func isFinite(_ executor: Executor, _ plan: Plan) -> Bool {
        executor.run(plan, .check)
        return executor.control.pointer.load(fromByteOffset: Control.nonFinite, as: Int32.self) == 0
    }

    @inline(__always)
    private func setNumbers(_ plan: Plan, _ rate: Double) {
        guard let layout else { return }
        for index in layout.groups.indices where !layout.groups[index].isFrozen {
            let moment = StepMoment(
                step: step, lr: groupRate(layout.groups[index], rate), lastLr: groupRate(layout.groups[index], lastLr),
                isDouble: model?.isDouble ?? false)
            var scalars = layout.groups[index].optimizer.scalars(moment)
            scalars[7] = choice.clipValue > 0 ? choice.clipValue : .infinity
            plan.setScalars(.update, group: index, scalars, isFirst: step == 1)
        }
    }

    /// A group's rate keeps its ratio to the whole's; where that began at 0, the group's stays as it is.
    @inline(__always)
    private func groupRate(_ group: OptimizerGroup, _ lr: Double) -> Double {
        let base = choice.base.lr
        if group.lr == base { return lr }
        return base == 0 || lr == base ? group.lr : lr * (group.lr / base)
    }

    /// `Optimizer.productKernel`, unless gradients are needed for more than the update.
    var productKernel: KernelName? {
        guard let layout, let run = layout.single, choice.clipNorm == 0, choice.clipValue == 0 else { return nil }
        return (layout.groups[run.group].optimizer as? any FlatOptimizer)?.productKernel
    }
}

// The mean of the weights: exponential (weight 1 - ema_decay for the newest), or plain from swa_start on.
extension Update {
    private func takeMean(_ executor: Executor) {
        guard let plan else { return }
        var share = 1.0
        if choice.averageDecay > 0 {
            if step > 1 { share = 1 - choice.averageDecay }
        } else {
            let since = step - choice.averageStart
            guard since >= 0, since % choice.averageFrequency == 0 else { return }
            share = 1 / Double(since / choice.averageFrequency + 1)
        }
        var scalars = UpdateScalars(repeating: 0)
        scalars[0] = share
        scalars[1] = choice.averageDecay > 0 && step > 1 ? choice.averageDecay : 1 - share
        plan.setScalars(.commit, group: -1, scalars, isFirst: false)
        executor.run(plan, .commit)
    }

    /// Whether there is a mean yet.
    public var hasMean: Bool { choice.averageDecay > 0 ? step > 0 : choice.averageStart > 0 && step >= choice.averageStart }

    /// Puts the mean in the model's place, or the weights that training goes on with. The caller holds
    /// the model for writing.
    public func useAverage(_ wanted: Bool) {
        guard wanted != usesAverage, let offset = layout?.average, let state, let weights = model?.storage, !wanted || hasMean else { return }
        let bytes = model?.trainableBytes ?? 0
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 64) { room in
            guard let spare = room.baseAddress else { return }
            var place = 0
            while place < bytes {
                let count = min(4096, bytes - place)
                memcpy(spare, weights.pointer + place, count)
                memcpy(weights.pointer + place, state.pointer + offset + place, count)
                memcpy(state.pointer + offset + place, spare, count)
                place += count
            }
        }
        usesAverage = wanted
    }
}
