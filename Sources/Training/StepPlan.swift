// A training (or evaluation) step compiled for one batch size: forward, losses, backward.

import Graph
import KernelInterface
import Layers
import Losses
import Tensors

/// What a step's plan depends on.
struct StepKey: Equatable {
    var batch: Int?
    /// Bit i: output i's target is labels.
    var labels: UInt32
    var hasWeights: Bool
    /// With backward pass; otherwise in inference mode with the loss alone.
    var isTraining: Bool
    /// Every node's result stays readable.
    var keepsEverything = false
    /// Every parameter's gradient is stored.
    var keepsGradients = false
}

final class StepPlan {
    let key: StepKey
    let plan: Plan
    /// The plan updates the parameters too, without storing all gradients.
    let updatesDirectly: Bool
    /// The same step with all gradients, once it was needed.
    var full: StepPlan?
    let outputs: [Value]
    let outputShapes: [Shape]
    private let model: Model
    /// By array: inputs, targets, sample weights.
    let expected: UnsafeMutablePointer<ExpectedArray>
    let isBatched: [Bool]
    private let lossCount: Int
    private let scalarOutput: Value?
    private let nodeValues: [Value]

    init(_ trainer: Trainer, _ key: StepKey) throws(ChainruleError) {
        model = trainer.model
        self.key = key
        var request = PlanRequest(batch: key.batch)
        request.isTraining = key.isTraining
        request.keepsResults = key.isTraining
        request.keepsEverything = key.keepsEverything
        request.frozen = trainer.update.layout?.frozen ?? []
        let builder = try PlanBuilder(model: model, request: request)
        let program = builder.program
        outputs = model.outputs.indices.map { builder.output($0) }
        outputShapes = model.outputs.indices.map { builder.outputShape($0) }
        nodeValues = key.keepsEverything ? builder.emitters.map { $0.output() } : []
        lossCount = trainer.losses.count

        isBatched = (0...(model.inputs.count + lossCount)).map { trainer.isBatched($0) }
        let expectations = try StepPlan.expectations(trainer, key, builder.expectedInputs(), outputShapes)

        var seeds: [(node: Int, gradient: Value)] = []
        program.phase = .loss
        let inputs = model.inputs.count
        let weights = key.hasWeights
            ? builder.external(inputs + lossCount, bytes: (key.batch ?? 1) * program.elementSize) : nil
        for (index, loss) in trainer.losses.enumerated() {
            let shape = outputShapes[index]
            let hasLabels = key.labels & (1 << UInt32(index)) != 0
            let gradient = key.isTraining ? program.value(elements: shape.elementCount) : nil
            loss.emit(
                program,
                LossOperands(
                    prediction: outputs[index], shape: shape,
                    target: builder.external(inputs + index, bytes: shape.elementCount * program.elementSize),
                    hasLabels: hasLabels, sampleWeights: weights, gradient: gradient,
                    result: program.value(bytes: 8, home: .block(.control, Control.losses + 8 * index)),
                    weightSum: program.value(bytes: 8, home: .block(.control, Control.weightSums + 8 * index))))
            if let gradient { seeds.append((model.outputs[index], gradient)) }
        }
        if trainer.losses.isEmpty {
            scalarOutput = outputs[0]
            if key.isTraining {
                let one = program.value(elements: 1)
                program.fill(one, with: 1, count: 1)
                seeds.append((model.outputs[0], one))
            }
        } else {
            scalarOutput = nil
        }
        if key.isTraining {
            program.phase = .backward
            builder.appendBackward(seeds: seeds, wantsInputs: false)
        }
        updatesDirectly = key.isTraining && !key.keepsGradients && !key.keepsEverything
            && program.updateDirectly(trainer.update, trainableBytes: model.trainableBytes)
        plan = try Plan(program)
        // Plain memory comes last: a throw above would leave it behind.
        expected = .allocate(capacity: expectations.count)
        expected.initialize(from: expectations, count: expectations.count)
    }

    deinit { expected.deallocate() }

    /// How many labels array `slot` holds.
    @inline(__always)
    func labelCount(_ slot: Int) -> Int {
        var count = 1
        for index in 0..<expected[slot].rank { count *= expected[slot].shape[index] }
        return count
    }

    private static func expectations(
        _ trainer: Trainer, _ key: StepKey, _ inputs: [ExpectedArray], _ outputShapes: [Shape]
    ) throws(ChainruleError) -> [ExpectedArray] {
        var list = inputs
        for (index, loss) in trainer.losses.enumerated() {
            let hasLabels = key.labels & (1 << UInt32(index)) != 0
            let target = try loss.target(for: outputShapes[index], isInteger: hasLabels)
            list.append(ExpectedArray(target.shape, classes: target.classes ?? 0, mayDropLast: true))
        }
        list.append(ExpectedArray([key.batch ?? 1], classes: 0, mayDropLast: false))
        return list
    }

    /// The sum of the outputs' losses after the loss phase.
    @inline(__always)
    func loss(_ executor: Executor) -> Double {
        if let scalarOutput {
            guard let address = executor.address(scalarOutput, in: plan) else { return 0 }
            return model.isDouble ? address.load(as: Double.self) : Double(address.load(as: Float.self))
        }
        var sum = 0.0
        for index in 0..<lossCount {
            sum += executor.control.pointer.load(fromByteOffset: Control.losses + 8 * index, as: Double.self)
        }
        return sum
    }

    /// Output i's loss, and what its mean was divided by in samples' worth of weight.
    func lossAndWeight(_ index: Int, _ executor: Executor, _ loss: any Loss) -> (loss: Double, weight: Double) {
        let value = executor.control.pointer.load(fromByteOffset: Control.losses + 8 * index, as: Double.self)
        let isWeighted = key.hasWeights || (loss.hasWeights && key.labels & (1 << UInt32(index)) != 0)
        let weight = isWeighted
            ? executor.control.pointer.load(fromByteOffset: Control.weightSums + 8 * index, as: Double.self)
            : Double(key.batch ?? 1)
        return (value, weight)
    }

    /// The first node, in the order of computation, whose result holds a NaN or infinity.
    func firstNonFinite(_ trainer: Trainer) -> String? {
        var all = key
        all.keepsEverything = true
        guard let full = try? StepPlan(trainer, all), let executor = try? Executor(model: model) else { return nil }
        guard (try? executor.makeGradients()) != nil, (try? executor.bind(full.plan)) != nil else { return nil }
        executor.setRandomState(seed: trainer.seed, step: UInt64(truncatingIfNeeded: trainer.batchCount))
        plan.copyExternals(to: full.plan)
        executor.run(full.plan, .forward)
        for (index, node) in model.nodes.enumerated() {
            if node.isInteger { continue }
            let count = node.outputShape.with(batch: key.batch ?? 1).elementCount
            for parameterIndex in node.parameters {
                let parameter = model.parameters[parameterIndex]
                if let base = model.storage?.pointer,
                    !isFinite(base + parameter.offset, parameter.elementCount)
                {
                    return "\(node.kind) \"\(node.name)\" (its parameter \(parameter.name))"
                }
            }
            if let address = executor.address(full.nodeValues[index], in: full.plan), !isFinite(address, count) {
                return "\(node.kind) \"\(node.name)\""
            }
        }
        return nil
    }

    /// The node of the last parameter (the first that the backward pass reaches) with such a gradient.
    func nodeOfNonFiniteGradient(_ executor: Executor) -> String {
        guard let gradients = executor.gradients else { return "" }
        for parameter in model.parameters.reversed() where parameter.isTrainable {
            if !isFinite(gradients.pointer + parameter.offset, parameter.elementCount) {
                let node = model.nodes[parameter.node]
                return "\(node.kind) \"\(node.name)\" (the gradient in \(parameter.name))"
            }
        }
        return ""
    }

    private func isFinite(_ address: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        for index in 0..<count {
            let value = model.isDouble
                ? address.load(fromByteOffset: index * 8, as: Double.self)
                : Double(address.load(fromByteOffset: index * 4, as: Float.self))
            if !value.isFinite { return false }
        }
        return true
    }
}
