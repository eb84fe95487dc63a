// Runs plans for one caller: owns the arena, the control block and, for training, the gradients.

import KernelDispatch
import KernelInterface
import Layers
import Tensors

public final class Executor: @unchecked Sendable {
    // Whoever owns the executor owns the model too; the model's own pool must not keep it alive.
    private unowned(unsafe) let model: Model
    public let control: Storage
    public private(set) var gradients: Storage?
    private var rows: Storage?
    private var arena: Storage?
    private var scratch: Storage? { didSet { scratchAddress = scratch?.pointer } }
    /// Its own, so that a step takes no reference to the storage.
    private var scratchAddress: UnsafeMutableRawPointer?
    private var scratchCount = 0
    private var boundPlans: [Plan] = []

    public init(model: Model) throws(ChainruleError) {
        try model.prepare()
        self.model = model
        control = try Storage(byteCount: Control.byteCount, what: "the control block")
        control.pointer.storeBytes(of: model.isDouble ? 1.0 : 0, toByteOffset: Control.gradientScale, as: Double.self)
        if !model.isDouble { control.pointer.storeBytes(of: 1, toByteOffset: Control.gradientScale, as: Float.self) }
    }

    /// Whether each thread of the team has its workspace (it may have grown since `bind`).
    public var hasScratchForTeam: Bool { scratchCount >= Team.threadCount }

    public var arenaBytes: Int { (arena?.byteCount ?? 0) + (scratch?.byteCount ?? 0) }

    /// Memory for the gradients in the trainable parameters, in the parameters' own layout.
    @discardableResult
    public func makeGradients() throws(ChainruleError) -> Storage {
        if let gradients { return gradients }
        let made = try Storage(byteCount: model.trainableBytes, what: "the gradients")
        if model.rowsBytes > 0 { rows = try Storage(byteCount: model.rowsBytes, what: "the lists of rows") }
        gradients = made
        return made
    }

    /// Readies a plan to run here: makes the arena large enough and puts the addresses in. Plans
    /// bound earlier stay bound, and share the arena; they do so too when this throws, so the old memory
    /// goes only when all of the new is there.
    public func bind(_ plan: Plan) throws(ChainruleError) {
        let moved = (arena?.byteCount ?? -1) < plan.arenaBytes
        let newArena = try moved ? Storage(byteCount: plan.arenaBytes, what: "the activations") : arena
        try makeScratch(for: plan)
        arena = newArena
        if !boundPlans.contains(where: { $0 === plan }) { boundPlans.append(plan) }
        for bound in boundPlans where moved || bound === plan { resolve(bound) }
    }

    private func makeScratch(for plan: Plan) throws(ChainruleError) {
        let threads = plan.needsScratch ? Team.threadCount : 0
        guard threads > scratchCount else { return }
        scratch = try Storage(byteCount: threads * kernelScratchBytes, what: "workspace", isZeroed: false)
        scratchCount = threads
    }

    /// No plan is bound any more, and the arena is free.
    public func releasePlans() {
        boundPlans = []
        arena = nil
    }

    public func unbind(_ plan: Plan) { boundPlans.removeAll { $0 === plan } }

    private func resolve(_ plan: Plan) {
        guard let arena else { return }
        plan.bind(arena: arena.pointer, blocks: blocks)
    }

    /// Readies a plan that works on this executor's gradients but has an arena of its own.
    public func bind(_ plan: Plan, arena: Storage, optimizerState: Storage?) throws(ChainruleError) {
        try makeScratch(for: plan)
        var blocks = blocks
        blocks[Block.optimizer.rawValue] = optimizerState?.pointer
        plan.bind(arena: arena.pointer, blocks: blocks)
    }

    private var blocks: BlockAddresses {
        [model.storage?.pointer, gradients?.pointer, nil, control.pointer, rows?.pointer]
    }

    @inline(__always)
    public func run(_ plan: Plan, _ phase: Phase) {
        plan.run(phase, scratch: scratchAddress, scratchCount: threads(for: plan))
    }

    /// How many threads have the workspace that a plan needs.
    @inline(__always)
    private func threads(for plan: Plan) -> Int { plan.needsScratch ? scratchCount : Team.maximumThreads }

    /// Computes again what a plan keeps of parameters that were written since.
    func refresh(_ entry: PredictionPlan) {
        model.keptResults.refresh(entry.kept, model.lock.writes, scratch: scratchAddress, scratchCount: threads(for: entry.plan))
    }

    /// Runs the forward pass; an index out of range is an error.
    /// - recalling: its first product was computed by the update before (Foreseen.swift).
    /// - repeating: the caller's arrays hold what they held when the plan ran last, and no other plan has run here since.
    /// - through: and the phases up to this one. False if some are left: where indices are looked at or functions of the
    ///   host program called, only the losses follow.
    @inline(__always)
    @discardableResult
    public func runForward(
        _ plan: Plan, recalling: Bool = false, repeating: Bool = false, through: Phase = .forward
    ) throws(ChainruleError) -> Bool {
        let scratchCount = threads(for: plan)
        let isChecked = plan.checksIndices || plan.hasCustomWork
        let last = isChecked ? .forward : through
        if recalling {
            plan.run(from: .recall, through: .inputs, scratch: scratchAddress, scratchCount: scratchCount)
            plan.run(from: .forward, through: last, scratch: scratchAddress, scratchCount: scratchCount)
        } else {
            plan.run(from: repeating ? .first : .inputs, through: last, scratch: scratchAddress, scratchCount: scratchCount)
        }
        guard isChecked else { return true }
        if plan.checksIndices { try checkIndices() }
        if plan.hasCustomWork { try plan.checkCustomWork(model) }
        guard through != .forward else { return true }
        try runLoss(plan)
        return through == .loss
    }

    /// Runs the losses; a host's function may refuse.
    @inline(__always)
    private func runLoss(_ plan: Plan) throws(ChainruleError) {
        run(plan, .loss)
        if plan.hasCustomWork { try plan.checkCustomWork(model) }
    }

    /// Runs the backward phase; a host's function may refuse.
    @inline(__always)
    public func runBackward(_ plan: Plan) throws(ChainruleError) {
        run(plan, .backward)
        if plan.hasCustomWork { try plan.checkCustomWork(model) }
    }

    /// Whether a gradient beyond the limit was seen when it was added to those of earlier passes, since they were zero.
    @inline(__always)
    public var sawLarge: Bool {
        get { control.pointer.load(fromByteOffset: Control.sawLarge, as: Int32.self) != 0 }
        set { control.pointer.storeBytes(of: newValue ? 1 : 0, toByteOffset: Control.sawLarge, as: Int32.self) }
    }

    /// Throws what the plan's operations have reported.
    private func checkIndices() throws(ChainruleError) {
        let report = control.pointer + Control.wrongIndex
        let node = Int(report.load(as: Int64.self)) - 1
        guard node >= 0 else { return }
        report.storeBytes(of: 0, as: Int64.self)
        let index = report.load(fromByteOffset: 8, as: Int64.self)
        let limit = report.load(fromByteOffset: 16, as: Int64.self)
        let place = report.load(fromByteOffset: 24, as: Int64.self)
        guard node < model.nodes.count else { throw ChainruleError(.internal, "an index of no node") }
        let name = "\(model.nodes[node].kind) \"\(model.nodes[node].name)\""
        throw ChainruleError(
            .value, "an index, element \(place)", expected: limit > 0 ? "0 to \(limit - 1)" : "nothing to choose from",
            got: "\(index)", node: name)
    }

    /// Where a value of a bound plan lies.
    public func address(_ value: Value, in plan: Plan) -> UnsafeMutableRawPointer? {
        guard let arena else { return nil }
        return plan.address(value, arena: arena.pointer, blocks: blocks)
    }

    /// Seed and step of the random numbers.
    public func setRandomState(seed: UInt64, step: UInt64) {
        control.pointer.storeBytes(of: seed, toByteOffset: Control.randomState, as: UInt64.self)
        control.pointer.storeBytes(of: step, toByteOffset: Control.randomState + 8, as: UInt64.self)
    }
}
