// A layer's view of the program while it appends its operations.

import KernelInterface
import Tensors

public final class Emitter {
    public let program: Program
    /// Dropout and the like are active.
    public let isTraining: Bool
    /// A backward pass will follow.
    public let keepsResults: Bool
    public let inputShapes: [Shape]
    public let outputShapes: [Shape]
    /// The node's number: the random stream of its own.
    public let node: Int
    /// Two UInt64, seed and step, for random numbers.
    public let randomState: Value

    private let inputs: [Value]
    private let parameterValues: [String: Value]
    private let gradientValues: [String: Value]
    private let rowValues: [String: Value]
    public private(set) var outputs: [Value?]
    /// What forward kept for backward, by the layer's own names.
    private var saved: [String: Value] = [:]

    // Backward only.
    public var outputGradients: [Value?] = []
    public var inputsNeedingGradient: [Bool] = []
    public private(set) var inputGradients: [Value?] = []

    public init(
        program: Program, node: Int, isTraining: Bool, keepsResults: Bool, inputShapes: [Shape], outputShapes: [Shape], inputs: [Value],
        parameters: [String: Value], gradients: [String: Value], rows: [String: Value] = [:], randomState: Value
    ) {
        self.program = program
        self.node = node
        self.isTraining = isTraining
        self.keepsResults = keepsResults
        self.inputShapes = inputShapes
        self.outputShapes = outputShapes
        self.inputs = inputs
        parameterValues = parameters
        gradientValues = gradients
        rowValues = rows
        self.randomState = randomState
        outputs = Array(repeating: nil, count: outputShapes.count)
        inputGradients = Array(repeating: nil, count: inputs.count)
    }

    public var isDouble: Bool { program.isDouble }

    // Forward

    public func input(_ index: Int = 0) -> Value { inputs[index] }

    /// The output's value, to be written by the layer's operations.
    public func output(_ index: Int = 0) -> Value {
        if let value = outputs[index] { return value }
        let value = program.value(elements: outputShapes[index].elementCount)
        outputs[index] = value
        return value
    }

    /// The output is another value as it stands (reshape, dropout outside training).
    public func setOutput(_ index: Int = 0, as value: Value) { outputs[index] = program.alias(of: value) }

    public func parameter(_ name: String) -> Value? { parameterValues[name] }

    /// Where the lists of a sparse parameter's rows stay until the next step (embeddingLists); nil: nobody asks for them.
    public func touchedRows(_ name: String) -> Value? { rowValues[name] }

    /// Appends operations that change what the layer keeps from step to step (running statistics). They
    /// run when the step has succeeded, just before the update of the parameters, so that a failed one
    /// leaves no trace. They may read what the forward pass computed, and write parameters only: in a
    /// context they run before the backward pass.
    public func atCommit(_ body: @escaping (Program) -> Void) { program.atCommit(node: node, body) }

    /// Whole numbers of an input, each checked to be from 0 to under `limit`; others fail the step.
    public func indices(_ index: Int, limit: Int) -> Value {
        program.checkedIndices(inputs[index], count: inputShapes[index].elementCount, limit: limit, node: node)
    }

    public func save(_ name: String, _ value: Value) { saved[name] = value }
    public func saved(_ name: String) -> Value? { saved[name] }

    /// Workspace of real numbers for this layer.
    public func workspace(elements: Int) -> Value { program.value(elements: elements) }

    // Backward

    public func needsInputGradient(_ index: Int = 0) -> Bool { inputsNeedingGradient[index] }

    /// The gradient in output `index`; nil when nothing depends on that output.
    public func arrivedGradient(_ index: Int) -> Value? { outputGradients[index] }

    /// The gradient in output `index`; zeros when nothing depends on that output.
    public func outputGradient(_ index: Int = 0) -> Value {
        if let gradient = outputGradients[index] { return gradient }
        let zeros = program.value(elements: outputShapes[index].elementCount)
        program.fill(zeros, with: 0, count: outputShapes[index].elementCount)
        outputGradients[index] = zeros
        return zeros
    }

    /// The gradient in input `index`, to be written by the layer's operations.
    public func inputGradient(_ index: Int = 0) -> Value {
        let value = program.value(elements: inputShapes[index].elementCount)
        inputGradients[index] = value
        return value
    }

    /// The gradient in input `index` is another value as it stands.
    public func setInputGradient(_ index: Int = 0, as value: Value) {
        inputGradients[index] = program.alias(of: value)
    }

    /// Where the gradient in a parameter goes; nil when nobody wants it.
    public func parameterGradient(_ name: String) -> Value? { gradientValues[name] }
}
