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
    private var nextLr: Double
    /// The weights and their mean have changed places.
    public internal(set) var usesAverage = false
    /// The moments and whatever else is kept from step to step; UpdateLayout says where.
    public private(set) var state: Storage?
    /// Tied to this model by the first step.
    public private(set) var model: Model?
    private(set) var layout: UpdateLayout?
    /// The layout's groups that aren't frozen, without references that a step would have to take.
    private var activeGroups = UnsafeMutableBufferPointer<(index: Int, largestCount: Int, group: Unmanaged<OptimizerGroup>)>(start: nil, count: 0)
    /// Of an optimizer that evaluates the loss several times a step.
    private(set) var search: QuasiNewton?
    private var plan: Plan?
    private var accumulation: Plan?
    /// For gradients that were looked at when they were added up: looks at the rest.
    private var shortCheck: Plan?
    /// The whole update of few parameters in one call.
    private var joined: Plan?
    private var workspace: Storage?
    /// The copy of the last careful step, where each one is: an optimizer of the host program.
    private var spare: Storage?
    private var limits = UpdateLimits(isDouble: false)
    /// Every group's optimizer is.
    private var isSteady = false
    /// Whether a moment is beyond the gradients' limit; nil: not looked at since that may have changed.
    private var hasLargeMoments: Bool?
    private weak var boundTo: Executor?
    // The learning rate's bits: set from callbacks and other threads.
    private let lrBits = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    public init(_ choice: OptimizerChoice) {
        self.choice = choice
        lastLr = choice.base.lr
        nextLr = lastLr
        lrBits.initialize(to: choice.base.lr.bitPattern)
    }

    deinit {
        lrBits.deallocate()
        activeGroups.deallocate()
    }

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
        joined = try programs.joined().map { (program) throws(ChainruleError) in try Plan(program) }
        shortCheck = programs.usesSums ? try Plan(programs.checkOfWatched()) : nil
        self.layout = layout
        let active = layout.groups.indices.filter { !layout.groups[$0].isFrozen }
        activeGroups.deallocate()
        activeGroups = .allocate(capacity: active.count)
        for (place, index) in active.enumerated() {
            activeGroups.initializeElement(
                at: place, to: (index, layout.largestCount, Unmanaged.passUnretained(layout.groups[index])))
        }
        limits = UpdateLimits(isDouble: model.isDouble)
        isSteady = active.allSatisfy { layout.groups[$0].optimizer.isSteady }
        if let settings = choice.base.optimizer as? LBFGS {
            search = try QuasiNewton(settings, model, frozen: layout.frozen)
        }
        state = made
        self.model = model
    }

    /// What a step's plan appends when it updates parameters itself (DirectUpdate.swift).
    var programs: UpdateProgram? {
        guard let layout, let model else { return nil }
        return UpdateProgram(choice: choice, layout: layout, model: model)
    }

    /// Bytes of the moments and the plan's workspace.
    public var byteCount: Int { (state?.byteCount ?? 0) + (search?.byteCount ?? 0) + (plan?.arenaBytes ?? 0) }

    /// Makes the plan ready to run with the gradients of an executor.
    public func bind(_ executor: Executor) throws(ChainruleError) {
        guard let plan, boundTo !== executor else { return }
        try executor.makeGradients()
        let plans = [plan, accumulation, shortCheck, joined].compactMap { $0 }
        let workspace = try Storage(byteCount: plans.reduce(0) { max($0, $1.arenaBytes) }, what: "the optimizer's workspace")
        for plan in plans { try executor.bind(plan, arena: workspace, optimizerState: state) }
        self.workspace = workspace
        boundTo = executor
    }

    /// Changes the parameters along the executor's gradients, or takes them into the mean of several
    /// batches'. Throws, and nothing has changed, when a gradient is NaN or infinite or the update would
    /// make a parameter so. Allocates nothing unless numbers or settings are so large that the outcome
    /// can't be foretold.
    /// - committing: the plan of the step whose layers change what they keep, once it is known to succeed.
    /// - areSums: the gradients are those of a context, which looks at them.
    @inline(__always)
    @_optimize(speed)
    public func apply(_ executor: Executor, committing step: Plan? = nil, areSums: Bool = false) throws(ChainruleError) {
        if let joined = joined.map({ Unmanaged.passUnretained($0) }), step.map({ !$0.hasCommits }) ?? true,
            joined._withUnsafeGuaranteedRef({ runJoined($0, executor) })
        {
            return
        }
        try applyInParts(executor, step, areSums)
    }

    /// False, and nothing has changed, when a closer look is needed.
    @inline(__always)
    private func runJoined(_ plan: Plan, _ executor: Executor) -> Bool {
        guard setNumbers(plan) else { return false }
        executor.run(plan, .update)
        guard !foundLarge(executor) else { return false }
        count(executor)
        return true
    }

    private func applyInParts(_ executor: Executor, _ step: Plan?, _ areSums: Bool) throws(ChainruleError) {
        guard let plan else { return }
        guard search == nil else {
            throw ChainruleError(
                .state, "the optimizer lbfgs", expected: "a trainer's step, which can evaluate the loss several times", got: "gradients alone")
        }
        if let accumulation, pending + 1 < choice.accumulate { return try accumulate(accumulation, executor, step) }
        let staysFinite = setNumbers(plan)
        // What was seen may be of a frozen parameter, or of a sum that has become small again.
        executor.run(areSums && !executor.sawLarge ? shortCheck ?? plan : plan, .check)
        guard staysFinite, !foundLarge(executor) else { return try applyCarefully(plan, executor, step) }
        if let step, step.hasCommits { executor.run(step, .commit) }
        run(plan, executor)
    }

    /// The same by the phases check and update of a plan that has its own (DirectUpdate.swift); false
    /// when it can't tell, and nothing changed.
    @inline(__always)
    func apply(_ executor: Executor, by plan: Plan) -> Bool {
        guard setNumbers(plan) else { return false }
        executor.run(plan, .check)
        guard !foundLarge(executor) else { return false }
        if plan.hasCommits { executor.run(plan, .commit) }
        run(plan, executor)
        return true
    }

    /// Takes a batch's gradients into the mean; the last batch's the update takes itself.
    private func accumulate(_ plan: Plan, _ executor: Executor, _ step: Plan?) throws(ChainruleError) {
        executor.run(plan, .check)
        if foundLarge(executor) { try checkGradients(executor) }
        if let step, step.hasCommits { executor.run(step, .commit) }
        executor.run(plan, pending == 0 ? .update : .commit)
        pending += 1
    }

    @inline(__always)
    private func foundLarge(_ executor: Executor) -> Bool {
        executor.control.pointer.load(fromByteOffset: Control.nonFinite, as: Int32.self) != 0
    }

    func checkGradients(_ executor: Executor) throws(ChainruleError) {
        guard let model, let gradients = executor.gradients?.pointer,
            let parameter = model.nonFiniteParameter(in: gradients, besides: layout?.frozen ?? [])
        else { return }
        throw ChainruleError(
            .nonFinite, "a gradient", expected: "finite numbers", got: "NaN or infinity; the parameters are as before the step",
            node: model.describe("the gradient in", parameter))
    }

    /// Sets the next step's numbers. Tells whether with them, and gradients below the limit, all
    /// parameters surely stay finite.
    @inline(__always)
    private func setNumbers(_ plan: Plan) -> Bool {
        nextLr = lr
        // The first step's numbers say that it is the first.
        if isSteady && step > 0 && plan.rateOfScalars == nextLr { return !(hasLargeMoments ?? lookAtMoments()) }
        var staysFinite = true
        for active in activeGroups {
            active.group._withUnsafeGuaranteedRef { group in
                let rate = groupRate(group, nextLr)
                let moment = StepMoment(
                    step: step + 1, lr: rate, lastLr: step == 0 ? rate : groupRate(group, lastLr), isDouble: limits.isDouble)
                var scalars = group.optimizer.scalars(moment)
                scalars[7] = choice.clipValue > 0 ? choice.clipValue : .infinity
                plan.setScalars(.update, group: active.index, scalars, isFirst: step == 0)
                let largest = group.optimizer.largestStep(scalars, gradient: limits.gradient, elements: active.largestCount)
                // NaN is no bound.
                if !(largest <= limits.step) { staysFinite = false }
            }
        }
        plan.rateOfScalars = staysFinite && step > 0 ? nextLr : .nan
        return staysFinite && !(hasLargeMoments ?? lookAtMoments())
    }

    private func lookAtMoments() -> Bool {
        var isLarge = false
        if let model, let state {
            isLarge = !model.isBelow(limits.gradient, state.pointer, state.byteCount / model.type.size)
        }
        hasLargeMoments = isLarge
        return isLarge
    }

    /// The update with the numbers that are set.
    @inline(__always)
    private func run(_ plan: Plan, _ executor: Executor) {
        executor.run(plan, .update)
        count(executor)
    }

    @inline(__always)
    private func count(_ executor: Executor) {
        step += 1
        pending = 0
        lastLr = nextLr
        if choice.hasAverage { takeMean(executor) }
    }

    /// Counts a step that `search` made.
    func finishSearch(lr: Double, _ executor: Executor) {
        step += 1
        lastLr = lr
        if choice.hasAverage { takeMean(executor) }
    }

    /// Makes the update with a copy at hand, looks at the outcome, and takes it back if it isn't finite.
    private func applyCarefully(_ plan: Plan, _ executor: Executor, _ committing: Plan?) throws(ChainruleError) {
        guard let model, let storage = model.storage, let layout else { return }
        try checkGradients(executor)
        let parameters = storage.pointer
        let modelBytes = storage.byteCount
        let stateBytes = state?.byteCount ?? 0
        let copy: Storage
        if let spare { copy = spare } else {
            copy = try Storage(byteCount: modelBytes + stateBytes, what: "a copy of the parameters", isZeroed: false)
        }
        if layout.hasCustomOptimizer { spare = copy }
        copy.pointer.copyMemory(from: parameters, byteCount: modelBytes)
        if let state { (copy.pointer + modelBytes).copyMemory(from: state.pointer, byteCount: stateBytes) }
        let before = (step: step, pending: pending, lastLr: lastLr)
        hasLargeMoments = nil
        if let committing, committing.hasCommits { executor.run(committing, .commit) }
        run(plan, executor)
        var refusal: ChainruleError?
        do { try plan.checkCustomWork() } catch { refusal = error }
        let wrong = refusal == nil ? model.nonFiniteParameter(in: parameters, besides: layout.frozen) ?? nonFiniteState() : nil
        if refusal == nil && wrong == nil { return }
        (step, pending, lastLr) = before
        parameters.copyMemory(from: copy.pointer, byteCount: modelBytes)
        state?.pointer.copyMemory(from: copy.pointer + modelBytes, byteCount: stateBytes)
        if let refusal { throw refusal }
        throw ChainruleError(
            .nonFinite, "a parameter after the update", expected: "finite numbers",
            got: "NaN or infinity with lr \(lr); the parameters are as before the step",
            node: wrong.map { model.describe("its parameter", $0) } ?? "")
    }

    /// The last parameter of which something not finite is kept.
    private func nonFiniteState() -> Parameter? {
        guard let model, let state, let layout else { return nil }
        return layout.arrays.last { array in
            let count = (array.shape ?? model.parameters[array.parameter].shape).elementCount
            return !model.isFinite(state.pointer + array.offset, count)
        }.map { model.parameters[$0.parameter] }
    }

    /// A group's rate keeps its ratio to the whole's; where that began at 0, the group's stays as it is.
    @inline(__always)
    private func groupRate(_ group: OptimizerGroup, _ lr: Double) -> Double {
        let base = choice.base.lr
        if group.lr == base { return lr }
        return base == 0 || lr == base ? group.lr : lr * (group.lr / base)
    }

    /// `FlatOptimizer.productKernel`, unless gradients are needed for more than the update.
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
