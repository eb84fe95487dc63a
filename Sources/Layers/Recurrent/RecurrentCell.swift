// One time step as a layer of its own: torch.nn.RNNCell, LSTMCell and GRUCell, for those who write the
// loop over time themselves.

import KernelInterface
import Tensors

struct RNNCell: RecurrentCell {
    static let kind = "rnn_cell"
    static let className: String? = "RNNCell"
    static let documentation = "h_1 = tanh(W_ih x + b_ih + W_hh h_0 + b_hh), or relu; h_0 [batch, hidden_size] is 0 if not given"
    static let attributes = cellAttributes(last: [
        AttributeSpecification("nonlinearity", .word(["tanh", "relu"]), default: "tanh", "the function")
    ])
    static let inputCount = 1...2
    static let outputRoles = ["h_1"]
    static let parameterShapes = cellParameterShapes(1)
    let options: CellOptions
    init(_ attributes: Attributes) throws(ChainruleError) {
        options = CellOptions(attributes, Self.kind, attributes.text("nonlinearity") == "relu" ? .relu : .tanh)
    }
}

struct LSTMCell: RecurrentCell {
    static let kind = "lstm_cell"
    static let className: String? = "LSTMCell"
    static let documentation = """
        i, f, g, o = gates of W_ih x + b_ih + W_hh h_0 + b_hh, sigmoid but g tanh; c_1 = f c_0 + i g, h_1 = o tanh(c_1); \
        h_0, c_0 [batch, hidden_size] are 0 if not given
        """
    static let attributes = cellAttributes()
    static let inputCount = 1...3
    static let outputRoles = ["h_1", "c_1"]
    static let parameterShapes = cellParameterShapes(4)
    let options: CellOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = CellOptions(attributes, Self.kind, .lstm) }
}

struct GRUCell: RecurrentCell {
    static let kind = "gru_cell"
    static let className: String? = "GRUCell"
    static let documentation = """
        r, z = sigmoid(W_i x + b_i + W_h h_0 + b_h), n = tanh(W_in x + b_in + r (W_hn h_0 + b_hn)), h_1 = (1 - z) n + z h_0; \
        h_0 [batch, hidden_size] is 0 if not given
        """
    static let attributes = cellAttributes()
    static let inputCount = 1...2
    static let outputRoles = ["h_1"]
    static let parameterShapes = cellParameterShapes(3)
    let options: CellOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = CellOptions(attributes, Self.kind, .gru) }
}

struct CellOptions: Sendable {
    let kind: String
    let unit: RecurrentUnit
    let inputSize: Int?
    let hidden: Int
    let hasBias: Bool
    let firstState: Int?
    let firstCell: Int?

    init(_ attributes: Attributes, _ kind: String, _ unit: RecurrentUnit) {
        self.kind = kind
        self.unit = unit
        inputSize = attributes.has("input_size") ? attributes.integer("input_size") : nil
        hidden = attributes.integer("hidden_size")
        hasBias = attributes.boolean("bias")
        firstState = attributes.input("h_0")
        firstCell = attributes.input("c_0")
    }
}

protocol RecurrentCell: Layer {
    var options: CellOptions { get }
}

extension RecurrentCell {
    static func cellAttributes(last: [AttributeSpecification] = []) -> [AttributeSpecification] {
        [
            AttributeSpecification("input_size", .integer(.sizes), optional: true, "checked against the input"),
            AttributeSpecification("hidden_size", .integer(1...RecurrentOptions.limit), "elements of the hidden state"),
            AttributeSpecification("bias", .boolean, default: "true", "whether b_ih and b_hh are added"),
        ] + last
    }

    static func cellParameterShapes(_ gates: Int) -> [(name: String, shape: String)] {
        let rows = gates == 1 ? "hidden_size" : "\(gates)*hidden_size"
        return [
            ("weight_ih", "[\(rows), features]"), ("weight_hh", "[\(rows), hidden_size]"), ("bias_ih", "[\(rows)]"),
            ("bias_hh", "[\(rows)]"),
        ]
    }

    static var inputRoles: [String] { inputCount.upperBound == 3 ? ["input", "h_0", "c_0"] : ["input", "h_0"] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let o = options
        let input = inputs[0]
        guard input.rank == 2, input[1] >= 1 else {
            throw ChainruleError(.shape, "\(o.kind)'s input", expected: "[batch, features], features 1 or more", got: "\(input)")
        }
        if let size = o.inputSize, size != input[1] {
            throw ChainruleError(.shape, "\(o.kind)'s input", expected: "last dimension \(size) (input_size)", got: "\(input)")
        }
        let state: Shape = [input[0], o.hidden]
        for (role, index) in [("h_0", o.firstState), ("c_0", o.firstCell)] {
            guard let index, inputs[index] != state else { continue }
            throw ChainruleError(.shape, "\(o.kind)'s \(role)", expected: "\(state)", got: "\(inputs[index])")
        }
        return Array(repeating: state, count: Self.outputRoles.count)
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        RecurrentOptions.parameters(
            "", unit: options.unit, inputSize: inputs[0][1], hidden: options.hidden, projection: 0, hasBias: options.hasBias)
    }

    func forward(_ emit: Emitter) {
        let o = options
        guard fits(emit) else { return }
        sequence(emit).forward(
            emit, x: emit.input(), output: emit.output(),
            first: (place(o.firstState.map(emit.input)), place(o.firstCell.map(emit.input))),
            last: (nil, o.unit == .lstm ? place(emit.output(1)) : nil))
    }

    func backward(_ emit: Emitter) {
        let o = options
        guard fits(emit) else { return }
        let state = o.firstState.flatMap { emit.needsInputGradient($0) ? emit.inputGradient($0) : nil }
        let cell = o.firstCell.flatMap { emit.needsInputGradient($0) ? emit.inputGradient($0) : nil }
        sequence(emit).backward(
            emit, outputGradient: emit.arrivedGradient(0),
            last: (nil, o.unit == .lstm ? place(emit.arrivedGradient(1)) : nil), first: (place(state), place(cell)),
            inputGradient: emit.needsInputGradient() ? emit.inputGradient() : nil, adds: false)
    }

    private func fits(_ emit: Emitter) -> Bool { emit.fits([emit.inputShapes[0][0], options.unit.gateCount, options.hidden]) }

    private func sequence(_ emit: Emitter) -> RecurrentSequence {
        let o = options
        return RecurrentSequence(
            unit: o.unit,
            sizes: RecurrentSizes(
                batch: emit.inputShapes[0][0], time: 1, hidden: o.hidden, state: o.hidden, gateCount: o.unit.gateCount),
            inputSize: emit.inputShapes[0][1], suffix: "", isReverse: false, hasBias: o.hasBias, hasProjection: false,
            outputOffset: 0, outputStride: o.hidden, lengths: nil)
    }

    private func place(_ value: Value?) -> StatePlace? {
        value.map { StatePlace(value: $0, offset: 0, stride: options.hidden) }
    }
}
