// One optimizer at work on one model: its moments, its count of steps, and a plan of its own that
// looks over the gradients and then changes the parameters in one pass.

import CPUFeatures
import Graph
import KernelInterface
import Layers
import Optimizers
import Tensors

public final class Update: @unchecked Sendable {
    public let choice: OptimizerChoice
    /// Updates made so far.
    public var step = 0
    /// The moments, one array of the trainable parameters' layout after the other.
    public private(set) var state: Storage?
    /// Tied to this model by the first step.
    public private(set) var model: Model?
    private var trainableBytes = 0
    private var plan: Plan?
    private var workspace: Storage?
    private weak var boundTo: Executor?
    // The learning rate's bits: set from callbacks and other threads.
    private let lrBits = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    public init(_ choice: OptimizerChoice) {
        self.choice = choice
        lrBits.initialize(to: choice.lr.bitPattern)
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
        let made = try Storage(
            byteCount: model.trainableBytes * choice.optimizer.state.count, what: "the optimizer's state")
        trainableBytes = model.trainableBytes
        plan = try Plan(program(model))
        state = made
        self.model = model
    }

    private func program(_ model: Model) throws(ChainruleError) -> Program {
        let program = Program(isDouble: model.isDouble)
        let all = [0..<model.trainableBytes]
        let pieces = flatPieces(model.trainableBytes / model.type.size)
        let scale = program.value(bytes: 8, home: .block(.control, Control.gradientScale))
        program.phase = .check
        appendCheck(
            to: program, ranges: all, flags: program.value(bytes: pieces * 4), from: 0, count: pieces,
            scale: choice.clipNorm > 0 ? scale : nil)
        program.phase = .update
        appendUpdate(to: program, ranges: all, scale: choice.clipNorm > 0 ? scale : nil)
        return program
    }

    /// Looks for NaN and infinity in byte ranges of the gradients, and sets the control block's flag to
    /// whether there is any or one of the first `from` of `count` flags is set.
    /// - scale: receives what clipping by norm multiplies gradients by; then there is one range.
    func appendCheck(
        to program: Program, ranges: [Range<Int>], flags: Value, from: Int, count: Int, scale: Value? = nil
    ) {
        let flag = program.value(bytes: 4, home: .block(.control, Control.nonFinite))
        var finish = [Operand(1, flags, .read), Operand(4, flag, .write)]
        var place = from
        for range in ranges {
            let elements = range.count / program.elementSize
            let pieces = flatPieces(elements)
            let gradient = program.value(elements: elements, home: .block(.gradients, range.lowerBound))
            var reads = [Operand(0, gradient, .read), Operand(2, flags, .write, byteOffset: place * 4)]
            if let scale {
                let partials = program.value(bytes: pieces * 8)
                reads.append(Operand(1, partials, .write))
                finish += [Operand(0, partials, .read), Operand(3, scale, .write)]
            }
            program.call(.gradientStatistics, reads, pieces: pieces, cost: Double(elements) * 0.1) { $0.integers[0] = elements }
            place += pieces
        }
        program.call(.gradientStatisticsFinish, finish) {
            $0.integers[0] = count
            $0.scalars[0] = scale != nil ? choice.clipNorm : .infinity
        }
    }

    /// Updates byte ranges of the parameters from the gradients.
    func appendUpdate(to program: Program, ranges: [Range<Int>], scale: Value?) {
        for range in ranges {
            let elements = range.count / program.elementSize
            func value(_ block: Block, _ offset: Int) -> Value { program.value(elements: elements, home: .block(block, offset)) }
            var operands = [
                Operand(0, value(.parameters, range.lowerBound), .write), Operand(1, value(.gradients, range.lowerBound), .read),
            ]
            for index in choice.optimizer.state.indices {
                operands.append(Operand(2 + index, value(.optimizer, index * trainableBytes + range.lowerBound), .write))
            }
            if let scale { operands.append(Operand(4, scale, .read)) }
            program.call(choice.optimizer.kernel, operands, pieces: flatPieces(elements), cost: Double(elements) * 0.5) { call in
                call.integers[0] = elements
                for (index, option) in choice.optimizer.options.enumerated() { call.integers[1 + index] = option }
            }
        }
    }

    /// Bytes of the moments and the plan's workspace.
    public var byteCount: Int { (state?.byteCount ?? 0) + (plan?.arenaBytes ?? 0) }

    /// Makes the plan ready to run with the gradients of an executor.
    public func bind(_ executor: Executor) throws(ChainruleError) {
        guard let plan, boundTo !== executor else { return }
        try executor.makeGradients()
        let workspace = try Storage(byteCount: plan.arenaBytes, what: "the optimizer's workspace")
        executor.bind(plan, arena: workspace, optimizerState: state)
        self.workspace = workspace
        boundTo = executor
    }

    /// Changes the parameters along the executor's gradients; false, and nothing changed, when a
    /// gradient is NaN or infinite. Allocates nothing.
    /// - committing: the plan of the step whose layers change what they keep, once it is known to succeed.
    @inline(__always)
    public func apply(_ executor: Executor, committing step: Plan? = nil) -> Bool {
        guard let plan else { return true }
        executor.run(plan, .check)
        guard executor.control.pointer.load(fromByteOffset: Control.nonFinite, as: Int32.self) == 0 else { return false }
        if let step, step.hasCommits { executor.run(step, .commit) }
        run(plan, executor)
        return true
    }

    /// The same by the phases check and update of a plan that has its own (DirectUpdate.swift); false
    /// when it can't tell, and nothing changed.
    func apply(_ executor: Executor, by plan: Plan) -> Bool {
        executor.run(plan, .check)
        guard executor.control.pointer.load(fromByteOffset: Control.nonFinite, as: Int32.self) == 0 else { return false }
        if plan.hasCommits { executor.run(plan, .commit) }
        run(plan, executor)
        return true
    }

    @inline(__always)
    private func run(_ plan: Plan, _ executor: Executor) {
        step += 1
        var scalars = choice.optimizer.scalars(step: step, lr: lr)
        scalars[7] = choice.clipValue > 0 ? choice.clipValue : .infinity
        plan.setScalars(.update, scalars, isFirst: step == 1)
        executor.run(plan, .update)
    }

    /// `Optimizer.productKernel`, unless gradients are clipped.
    var productKernel: KernelName? {
        choice.clipNorm > 0 || choice.clipValue > 0 ? nil : choice.optimizer.productKernel
    }
}
