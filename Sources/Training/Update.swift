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
    private var limits = UpdateLimits(isDouble: false)
    /// Whether a moment is beyond the gradients' limit; nil: not looked at since that may have changed.
    private var hasLargeMoments: Bool?
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
        limits = UpdateLimits(isDouble: model.isDouble)
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

    /// Looks for NaN, infinity and numbers beyond the limit (UpdateLimits.swift) in byte ranges of the
    /// gradients, and sets the control block's flag to whether there is any or one of the first `from` of
    /// `count` flags is set.
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
            program.call(.gradientStatistics, reads, pieces: pieces, cost: Double(elements) * 0.1) {
                $0.integers[0] = elements
                $0.scalars[0] = UpdateLimits(isDouble: program.isDouble).scale
            }
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

    /// Changes the parameters along the executor's gradients. Throws, and nothing has changed, when a
    /// gradient is NaN or infinite or the update would make a parameter so. Allocates nothing unless
    /// numbers or settings are so large that the outcome can't be foretold.
    @inline(__always)
    public func apply(_ executor: Executor) throws(ChainruleError) {
        guard let plan else { return }
        executor.run(plan, .check)
        let scalars = nextScalars
        guard !foundLarge(executor), staysFinite(scalars) else { return try applyCarefully(plan, executor) }
        run(plan, executor, scalars)
    }

    /// The same by the phases check and update of a plan that has its own (DirectUpdate.swift); false
    /// when it can't tell, and nothing changed.
    func apply(_ executor: Executor, by plan: Plan) -> Bool {
        let scalars = nextScalars
        guard staysFinite(scalars) else { return false }
        executor.run(plan, .check)
        guard !foundLarge(executor) else { return false }
        run(plan, executor, scalars)
        return true
    }

    @inline(__always)
    private func foundLarge(_ executor: Executor) -> Bool {
        executor.control.pointer.load(fromByteOffset: Control.nonFinite, as: Int32.self) != 0
    }

    @inline(__always)
    private var nextScalars: UpdateScalars {
        var scalars = choice.optimizer.scalars(step: step + 1, lr: lr)
        scalars[7] = choice.clipValue > 0 ? choice.clipValue : .infinity
        return scalars
    }

    /// Whether an update with these numbers and gradients below the limit leaves all parameters finite.
    @inline(__always)
    private func staysFinite(_ scalars: UpdateScalars) -> Bool {
        let bound = choice.optimizer.largestStep(scalars, gradient: limits.gradient)
        return bound <= limits.step && !(hasLargeMoments ?? lookAtMoments())
    }

    private func lookAtMoments() -> Bool {
        var isLarge = false
        if let model, let state {
            isLarge = !model.isBelow(limits.gradient, state.pointer, state.byteCount / model.type.size)
        }
        hasLargeMoments = isLarge
        return isLarge
    }

    @inline(__always)
    private func run(_ plan: Plan, _ executor: Executor, _ scalars: UpdateScalars) {
        step += 1
        plan.setScalars(.update, scalars, isFirst: step == 1)
        executor.run(plan, .update)
    }

    /// Makes the update with a copy at hand, looks at the outcome, and takes it back if it isn't finite.
    private func applyCarefully(_ plan: Plan, _ executor: Executor) throws(ChainruleError) {
        guard let model, let parameters = model.storage?.pointer, let gradients = executor.gradients?.pointer else { return }
        if let parameter = model.nonFiniteParameter(in: gradients) {
            throw ChainruleError(
                .nonFinite, "a gradient", expected: "finite numbers", got: "NaN or infinity; the parameters are as before the step",
                node: model.describe("the gradient in", parameter))
        }
        let stateBytes = state?.byteCount ?? 0
        let copy = try Storage(byteCount: trainableBytes + stateBytes, what: "a copy of the parameters", isZeroed: false)
        copy.pointer.copyMemory(from: parameters, byteCount: trainableBytes)
        if let state { (copy.pointer + trainableBytes).copyMemory(from: state.pointer, byteCount: stateBytes) }
        hasLargeMoments = nil
        run(plan, executor, nextScalars)
        var wrong = model.nonFiniteParameter(in: parameters)
        for index in choice.optimizer.state.indices {
            if let state { wrong = wrong ?? model.nonFiniteParameter(in: state.pointer + index * trainableBytes) }
        }
        guard let wrong else { return }
        step -= 1
        parameters.copyMemory(from: copy.pointer, byteCount: trainableBytes)
        state?.pointer.copyMemory(from: copy.pointer + trainableBytes, byteCount: stateBytes)
        throw ChainruleError(
            .nonFinite, "a parameter after the update", expected: "finite numbers",
            got: "NaN or infinity with lr \(lr); the parameters are as before the step",
            node: model.describe("its parameter", wrong))
    }

    /// `Optimizer.productKernel`, unless gradients are clipped.
    var productKernel: KernelName? {
        choice.clipNorm > 0 || choice.clipValue > 0 ? nil : choice.optimizer.productKernel
    }
}
