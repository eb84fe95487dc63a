// A model's graph, laid out as a program for one batch size: forward here, backward in
// Backward.swift; losses and updates are appended by those who train.

import KernelInterface
import Layers
import Tensors

/// What a program is made for.
public struct PlanRequest: Hashable, Sendable {
    /// Size of the batch; nil when no input has one.
    public var batch: Int?
    /// Dropout and the like are active.
    public var isTraining = false
    /// Results are kept for the backward pass.
    public var keepsResults = false
    /// Gradients are added to those of earlier backward passes.
    public var addsGradients = false
    /// Every node's result stays readable (to find where a NaN began).
    public var keepsEverything = false

    /// Parameters that stay as they are: nodes all of whose parameters do have no gradients.
    public var frozen: Set<Int> = []
    /// Sparse parameters of which the update looks at those rows alone that a step used.
    public var sparse: Set<Int> = []

    public init(batch: Int?) { self.batch = batch }
}

public final class PlanBuilder {
    public let model: Model
    public let request: PlanRequest
    public let program: Program
    /// One per node, in order.
    public private(set) var emitters: [Emitter] = []
    /// Seed and step of the random numbers, in the control block.
    public let randomState: Value

    public init(model: Model, request: PlanRequest) throws(ChainruleError) {
        try model.prepare()
        self.model = model
        self.request = request
        program = Program(isDouble: model.isDouble)
        randomState = program.value(bytes: 16, home: .block(.control, Control.randomState))
        program.wrongIndex = program.value(bytes: 32, home: .block(.control, Control.wrongIndex))
        try appendForward()
    }

    /// A caller's array: inputs first, then targets, then sample weights.
    public func external(_ index: Int, bytes: Int) -> Value { program.value(bytes: bytes, home: .external(index)) }

    public func outputShape(_ index: Int) -> Shape { emitters[model.outputs[index]].outputShapes[0] }
    public func output(_ index: Int) -> Value { emitters[model.outputs[index]].output() }

    /// Whether a parameter of the node is trained.
    func learns(_ node: Node) -> Bool {
        node.parameters.contains { model.parameters[$0].isTrainable && !request.frozen.contains($0) }
    }

    private func appendForward() throws(ChainruleError) {
        let outputs = Set(model.outputs)
        for (index, node) in model.nodes.enumerated() {
            let inputs = node.inputs.map { emitters[$0].output() }
            let inputShapes = node.inputs.map { emitters[$0].outputShapes[0] }
            var shapes: [Shape] = []
            for shape in node.outputShapes {
                shapes.append(try shape.with(batch: request.batch ?? 1).validated(what: "a result"))
            }
            var parameters: [String: Value] = [:]
            var gradients: [String: Value] = [:]
            var rows: [String: Value] = [:]
            let learns = learns(node)
            for parameterIndex in node.parameters {
                let parameter = model.parameters[parameterIndex]
                let bytes = parameter.elementCount * model.type.size
                parameters[parameter.localName] = program.value(bytes: bytes, home: .block(.parameters, parameter.offset))
                if parameter.isTrainable && learns && request.keepsResults {
                    gradients[parameter.localName] = program.value(
                        bytes: bytes, home: request.addsGradients ? .arena : .block(.gradients, parameter.offset))
                    if request.sparse.contains(parameterIndex) {
                        rows[parameter.localName] = program.value(bytes: parameter.shape[0] * 8, home: .block(.rows, parameter.rowsOffset))
                    }
                }
            }
            let emitter = Emitter(
                program: program, node: index, isTraining: request.isTraining, keepsResults: request.keepsResults,
                inputShapes: inputShapes, outputShapes: shapes, inputs: inputs, parameters: parameters, gradients: gradients, rows: rows,
                randomState: randomState)
            program.node = index
            program.roundsOperands = model.roundsOperands(index)
            do throws(ChainruleError) {
                try node.layer.check(inputShapes, isTraining: request.isTraining)
            } catch {
                throw error.at(node: "\(node.kind) \"\(node.name)\"")
            }
            if let output = node.selectedOutput {
                emitter.setOutput(as: emitters[node.inputs[0]].output(output))
            } else if let inputIndex = node.inputIndex {
                emitter.setOutput(as: external(inputIndex, bytes: shapes[0].elementCount * program.elementSize))
            } else {
                node.layer.forward(emitter)
            }
            emitters.append(emitter)
            if outputs.contains(index) || request.keepsEverything { program.pin(emitter.output()) }
        }
        program.roundsOperands = false
    }
}

/// Places in the control block, which holds what changes from step to step besides the data.
public enum Control {
    /// Two UInt64: seed, step.
    public static let randomState = 0
    /// Double: the loss of each output.
    public static let losses = 64
    public static let maximumLosses = 16
    /// Double: what each loss was divided by.
    public static let weightSums = 192
    /// Scalar: what the optimizer multiplies gradients by.
    public static let gradientScale = 320
    /// Int32: 1 when a gradient is NaN or infinite.
    public static let nonFinite = 384
    /// Int32: 1 when a gradient was beyond the limit as it was added to those of earlier passes.
    public static let sawLarge = 388
    /// Four Int64: 1 + the node that met an index out of its range (0: none did), the index, how many
    /// there are to choose from, and its place.
    public static let wrongIndex = 448
    public static let byteCount = 512
}

extension Program {
    /// Keeps a value's memory to the end of the step.
    public func pin(_ value: Value) { values[root(value).index].isPinned = true }
}

extension PlanBuilder {
    /// What the plan expects of the model's inputs.
    public func expectedInputs() -> [ExpectedArray] {
        model.inputs.map { ExpectedArray(emitters[$0].outputShapes[0], kind: model.nodes[$0].outputKinds[0]) }
    }
}
