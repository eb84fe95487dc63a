// A training (or evaluation) step compiled for one batch size: forward, losses, backward.

import Graph
import KernelInterface
import Layers
import Losses
import Tensors

/// What a step's plan depends on.
struct StepKey: Equatable {
    var batch: Int?
    /// Bit i: target i is labels.
    var labels: UInt64
    /// By loss: the last size of a target that may have any.
    var sizes = SIMD16<Int32>(repeating: 0)
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
    /// The input whose next sample the update already multiplies by its weight, if the plan has such a one, and
    /// the number of the caller's array where it looks for that sample.
    let foresees: (input: Int, next: Int)?
    /// What the last update has multiplied, and the model's count of writes then.
    var foreseen: (sample: UnsafeMutableRawPointer?, writes: UInt64) = (nil, 0)
    /// The same step with all gradients, once it was needed.
    var full: StepPlan?
    let outputs: [Value]
    let outputShapes: [Shape]
    let targetShapes: [Shape]
    private let model: Model
    /// Some target is labels.
    let hasLabels: Bool
    /// By array: inputs, targets, sample weights.
    let expected: UnsafeMutablePointer<ExpectedArray>
    let isBatched: [Bool]
    private let lossCount: Int
    /// By loss: its mean is divided by a sum of weights.
    private let usesWeightSum: [Bool]
    private let scalarOutput: Value?
    private let nodeValues: [Value]

    /// - segments: more than 1: results that lie inside of them are computed again in the backward pass. Gradients are
    ///   all stored then: an update from the factors of their products would keep those to the end of the step.
    init(_ trainer: Trainer, _ key: StepKey, segments: Int = 1) throws(ChainruleError) {
        model = trainer.model
        self.key = key
        var request = PlanRequest(batch: key.batch)
        request.isTraining = key.isTraining
        request.keepsResults = key.isTraining
        request.keepsEverything = key.keepsEverything
        request.frozen = trainer.update.layout?.frozen ?? []
        request.sparse = trainer.update.layout?.sparse ?? []
        let builder = try PlanBuilder(model: model, request: request)
        let program = builder.program
        outputs = model.outputs.indices.map { builder.output($0) }
        outputShapes = model.outputs.indices.map { builder.outputShape($0) }
        nodeValues = key.keepsEverything ? builder.emitters.map { $0.output() } : []
        lossCount = trainer.losses.count

        let (outputs, outputShapes) = (outputs, outputShapes)
        let inputs = model.inputs.count
        let targets = trainer.targetCount
        isBatched = (0...(inputs + targets)).map { trainer.isBatched($0) }
        let specifications = try StepPlan.specifications(trainer, key, outputShapes)
        targetShapes = specifications.joined().map(\.shape)
        var expectations = builder.expectedInputs()
        for target in specifications.joined() {
            expectations.append(ExpectedArray(target.shape, labels: target.labels, mayDropLast: target.labels == nil))
        }
        expectations.append(ExpectedArray([key.batch ?? 1], labels: nil, mayDropLast: false))

        var seeds: [(node: Int, gradient: Value)] = []
        var usesWeightSum: [Bool] = []
        program.phase = .loss
        let weights = key.hasWeights
            ? builder.external(inputs + targets, bytes: (key.batch ?? 1) * program.elementSize) : nil
        for (index, trained) in trainer.losses.enumerated() {
            let shapes = trained.outputs.map { outputShapes[$0] }
            guard weights == nil || trained.shapes[0].isBatched else {
                throw ChainruleError(
                    .invalidArgument, "sample_weight", expected: "none: the prediction of \(trained.loss.kind) has no samples",
                    got: "weights")
            }
            let gradients = key.isTraining ? shapes.map { program.value(elements: $0.elementCount) } : nil
            let own = specifications[index]
            let emitter = LossEmitter(
                program, trained.choice, predictions: trained.outputs.map { outputs[$0] }, shapes: shapes,
                targets: zip(trained.targets, own).map {
                    builder.external(inputs + $0, bytes: $1.shape.elementCount * ($1.labels == nil ? program.elementSize : 4))
                }, specifications: own, sampleWeights: weights, gradients: gradients,
                result: program.value(bytes: 8, home: .block(.control, Control.losses + 8 * index)),
                weightSum: program.value(bytes: 8, home: .block(.control, Control.weightSums + 8 * index)))
            trained.loss.emit(emitter)
            usesWeightSum.append(emitter.usesWeightSum)
            for (output, gradient) in zip(trained.outputs, gradients ?? []) { seeds.append((trainer.model.outputs[output], gradient)) }
        }
        self.usesWeightSum = usesWeightSum
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
        updatesDirectly = key.isTraining && !key.keepsGradients && !key.keepsEverything && segments <= 1
            && program.updateDirectly(
                trainer.update, trainableBytes: model.trainableBytes, nextSample: inputs + targets + 1)
        foresees = program.foreseen.map { ($0.input, inputs + targets + 1) }
        program.turnsInputs = key.isTraining && !key.keepsEverything
        plan = try Plan(program, segments: segments)
        hasLabels = expectations.contains { $0.labels != nil }
        // Plain memory comes last: a throw above would leave it behind.
        expected = .allocate(capacity: expectations.count)
        expected.initialize(from: expectations, count: expectations.count)
    }

    deinit { expected.deallocate() }

    /// How many labels array `slot` holds.
    @inline(__always)
    func labelCount(_ slot: Int) -> Int { expected[slot].elementCount }

    /// By loss, what its targets must be.
    private static func specifications(
        _ trainer: Trainer, _ key: StepKey, _ outputShapes: [Shape]
    ) throws(ChainruleError) -> [[TargetSpecification]] {
        var list: [[TargetSpecification]] = []
        for (index, trained) in trainer.losses.enumerated() {
            list.append(
                try trained.loss.targets(
                    for: trained.outputs.map { outputShapes[$0] }, integers: trained.integers(key.labels),
                    freeSize: Int(key.sizes[index])))
        }
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

    /// Loss i, and what its mean was divided by in samples' worth of weight.
    func lossAndWeight(_ index: Int, _ executor: Executor) -> (loss: Double, weight: Double) {
        let value = executor.control.pointer.load(fromByteOffset: Control.losses + 8 * index, as: Double.self)
        let weight = usesWeightSum[index]
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
                    !model.isFinite(base + parameter.offset, parameter.elementCount)
                {
                    return model.describe("its parameter", parameter)
                }
            }
            if let address = executor.address(full.nodeValues[index], in: full.plan), !model.isFinite(address, count) {
                return "\(node.kind) \"\(node.name)\""
            }
        }
        return nil
    }
}
