// What rnn, lstm and gru share: their attributes, shapes and parameters, and the way through layers and
// directions. One layer in one direction is RecurrentSequence.swift.

import KernelInterface
import Tensors

/// torch.nn.RNN, LSTM and GRU, of which each names its unit.
protocol RecurrentStack: Layer {
    var options: RecurrentOptions { get }
}

/// The attributes, and where the optional inputs are.
struct RecurrentOptions: Sendable {
    let kind: String
    let unit: RecurrentUnit
    let inputSize: Int?
    let hidden: Int
    let layers: Int
    let hasBias: Bool
    let dropout: Double
    let isBidirectional: Bool
    /// 0: no projection.
    let projection: Int
    let firstState: Int?
    let firstCell: Int?
    let lengths: Int?

    var directions: Int { isBidirectional ? 2 : 1 }
    /// Elements of a state.
    var state: Int { projection > 0 ? projection : hidden }

    init(_ attributes: Attributes, _ kind: String, _ unit: RecurrentUnit) throws(ChainruleError) {
        self.kind = kind
        self.unit = unit
        inputSize = attributes.has("input_size") ? attributes.integer("input_size") : nil
        hidden = attributes.integer("hidden_size")
        layers = attributes.integer("num_layers")
        hasBias = attributes.boolean("bias")
        dropout = attributes.real("dropout")
        isBidirectional = attributes.boolean("bidirectional")
        projection = attributes.integer("proj_size")
        firstState = attributes.input("h_0")
        firstCell = attributes.input("c_0")
        lengths = attributes.input("lengths")
        guard attributes.boolean("batch_first") else {
            throw ChainruleError(
                .attribute, "\(kind)'s batch_first", expected: "true: the batch is always the first dimension", got: "false")
        }
        guard projection < hidden else {
            throw ChainruleError(
                .attribute, "\(kind)'s proj_size", expected: "0 or less than hidden_size \(hidden)", got: "\(projection)")
        }
    }

    static let limit = 1 << 24

    /// In the order of PyTorch's constructor.
    static func attributes(_ extra: [AttributeSpecification] = [], last: [AttributeSpecification] = []) -> [AttributeSpecification] {
        [
            AttributeSpecification("input_size", .integer(.sizes), optional: true, "checked against the input"),
            AttributeSpecification("hidden_size", .integer(1...limit), "elements of the hidden state"),
            AttributeSpecification("num_layers", .integer(1...1024), default: "1", "layers, each on the output of the one before"),
        ] + extra + [
            AttributeSpecification("bias", .boolean, default: "true", "whether b_ih and b_hh are added"),
            AttributeSpecification(
                "batch_first", .boolean, default: "true",
                "always true: arrays are [batch, time, ...] and states [batch, layers*directions, ...], unlike PyTorch's default"),
            AttributeSpecification(
                "dropout", .real(.probability), default: "0", "in training, drops elements of the outputs of all layers but the last"),
            AttributeSpecification("bidirectional", .boolean, default: "false", "whether a second set of weights reads each sequence backwards"),
        ] + last
    }

    static let note = """
        input is [batch, time, features]; h_0 (and c_0), zeros if not given, h_n (and c_n) are [batch, layers*directions, size], \
        batch first, unlike PyTorch's; lengths [batch] are whole numbers from 0 to time: behind a sequence's end the \
        output is 0, final states are those at its end, and the reverse direction begins there. For the last output alone take h_n, or slice
        """

    static func parameterShapes(_ gates: Int, projection: Bool) -> [(name: String, shape: String)] {
        let rows = gates == 1 ? "hidden_size" : "\(gates)*hidden_size"
        let list = [
            ("weight_ih_l0", "[\(rows), features], features of layer 1 and on: directions*size; ..._reverse: the other direction"),
            ("weight_hh_l0", projection ? "[\(rows), proj_size or hidden_size]" : "[\(rows), hidden_size]"),
            ("bias_ih_l0", "[\(rows)]"), ("bias_hh_l0", "[\(rows)]"),
        ]
        return projection ? list + [("weight_hr_l0", "[proj_size, hidden_size]")] : list
    }

    func suffix(_ layer: Int, _ direction: Int) -> String { "_l\(layer)" + (direction == 1 ? "_reverse" : "") }

    /// The parameters of one layer and direction, by PyTorch's names: all uniform in +-1/sqrt(hidden_size).
    static func parameters(
        _ suffix: String, unit: RecurrentUnit, inputSize: Int, hidden: Int, projection: Int, hasBias: Bool
    ) -> [ParameterSpecification] {
        let bound = (1 / Double(hidden)).squareRoot()
        let initializer = Initializer(.uniform(low: -bound, high: bound))
        let rows = unit.gateCount * hidden
        var list = [
            ParameterSpecification("weight_ih" + suffix, [rows, inputSize], initializer, isTransposed: true),
            ParameterSpecification(
                "weight_hh" + suffix, [rows, projection > 0 ? projection : hidden], initializer, isTransposed: true),
        ]
        if hasBias {
            list.append(ParameterSpecification("bias_ih" + suffix, [rows], initializer))
            list.append(ParameterSpecification("bias_hh" + suffix, [rows], initializer))
        }
        if projection > 0 {
            list.append(ParameterSpecification("weight_hr" + suffix, [projection, hidden], initializer, isTransposed: true))
        }
        return list
    }
}

extension RecurrentStack {
    static var inputRoles: [String] { inputCount.upperBound == 4 ? ["input", "h_0", "c_0", "lengths"] : ["input", "h_0", "lengths"] }
    static var integerInputs: Set<String> { ["lengths"] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let o = options
        let input = inputs[0]
        guard input.rank == 3, input[1] >= 1, input[2] >= 1 else {
            throw ChainruleError(.shape, "\(o.kind)'s input", expected: "[batch, time, features], time and features 1 or more", got: "\(input)")
        }
        if let size = o.inputSize, size != input[2] {
            throw ChainruleError(.shape, "\(o.kind)'s input", expected: "last dimension \(size) (input_size)", got: "\(input)")
        }
        let batch = input[0]
        let count = o.layers * o.directions
        for (role, index, size) in [("h_0", o.firstState, o.state), ("c_0", o.firstCell, o.hidden)] {
            guard let index, inputs[index] != [batch, count, size] else { continue }
            throw ChainruleError(.shape, "\(o.kind)'s \(role)", expected: "\(Shape([batch, count, size]))", got: "\(inputs[index])")
        }
        if let index = o.lengths, inputs[index] != [batch] {
            throw ChainruleError(.shape, "\(o.kind)'s lengths", expected: "\(Shape([batch]))", got: "\(inputs[index])")
        }
        // Largest of what a layer works with; its product with the batch is looked at when that is known.
        _ = try Shape([input[1], o.unit.gateCount * o.hidden]).validated(what: "\(o.kind)'s gates")
        let output: [Shape] = [[batch, input[1], o.directions * o.state], [batch, count, o.state]]
        return o.unit == .lstm ? output + [[batch, count, o.hidden]] : output
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        let o = options
        var list: [ParameterSpecification] = []
        for layer in 0..<o.layers {
            for direction in 0..<o.directions {
                list += RecurrentOptions.parameters(
                    o.suffix(layer, direction), unit: o.unit, inputSize: layer == 0 ? inputs[0][2] : o.directions * o.state,
                    hidden: o.hidden, projection: o.projection, hasBias: o.hasBias)
            }
        }
        return list
    }

    func forward(_ emit: Emitter) {
        let o = options
        guard fits(emit) else { return }
        let lengths = o.lengths.map { emit.indices($0, limit: emit.inputShapes[0][1] + 1) }
        let (batch, time) = (emit.inputShapes[0][0], emit.inputShapes[0][1])
        var x = emit.input()
        if let lengths {
            // What lies behind an end must not matter, not even a NaN.
            x = emit.workspace(elements: emit.inputShapes[0].elementCount)
            mask(emit, emit.input(), lengths, into: x)
        }
        let width = o.directions * o.state
        for layer in 0..<o.layers {
            let output = layer == o.layers - 1 ? emit.output() : emit.workspace(elements: batch * time * width)
            for direction in 0..<o.directions {
                let slot = layer * o.directions + direction
                sequence(emit, layer, direction, lengths).forward(
                    emit, x: x, output: output,
                    first: (place(o.firstState.map(emit.input), slot, o.state), place(o.firstCell.map(emit.input), slot, o.hidden)),
                    last: (place(emit.output(1), slot, o.state), o.unit == .lstm ? place(emit.output(2), slot, o.hidden) : nil))
            }
            x = output
            if layer < o.layers - 1 && isDropping(emit) {
                x = emit.workspace(elements: batch * time * width)
                drop(emit, layer, output, into: x, count: batch * time * width)
            }
        }
        if let lengths { emit.save("lengths", lengths) }
    }

    func backward(_ emit: Emitter) {
        let o = options
        guard fits(emit) else { return }
        let count = emit.inputShapes[0][0] * emit.inputShapes[0][1] * o.directions * o.state
        var dy = emit.arrivedGradient(0)
        let stateGradient = o.firstState.flatMap { emit.needsInputGradient($0) ? emit.inputGradient($0) : nil }
        let cellGradient = o.firstCell.flatMap { emit.needsInputGradient($0) ? emit.inputGradient($0) : nil }
        let inputGradient = emit.needsInputGradient() ? emit.inputGradient() : nil
        for layer in (0..<o.layers).reversed() {
            let dx = layer > 0 ? emit.workspace(elements: count) : inputGradient
            for direction in 0..<o.directions {
                let slot = layer * o.directions + direction
                sequence(emit, layer, direction, emit.saved("lengths")).backward(
                    emit, outputGradient: dy,
                    last: (
                        place(emit.arrivedGradient(1), slot, o.state),
                        o.unit == .lstm ? place(emit.arrivedGradient(2), slot, o.hidden) : nil
                    ),
                    first: (place(stateGradient, slot, o.state), place(cellGradient, slot, o.hidden)),
                    inputGradient: dx, adds: direction > 0)
            }
            dy = dx
            if layer > 0 && isDropping(emit), let dx {
                let kept = emit.workspace(elements: count)
                drop(emit, layer - 1, dx, into: kept, count: count)
                dy = kept
            }
        }
    }

    private func sequence(_ emit: Emitter, _ layer: Int, _ direction: Int, _ lengths: Value?) -> RecurrentSequence {
        let o = options
        return RecurrentSequence(
            unit: o.unit,
            sizes: RecurrentSizes(
                batch: emit.inputShapes[0][0], time: emit.inputShapes[0][1], hidden: o.hidden, state: o.state,
                gateCount: o.unit.gateCount),
            inputSize: layer == 0 ? emit.inputShapes[0][2] : o.directions * o.state, suffix: o.suffix(layer, direction),
            isReverse: direction == 1, hasBias: o.hasBias, hasProjection: o.projection > 0, outputOffset: direction * o.state,
            outputStride: o.directions * o.state, lengths: lengths)
    }

    private func place(_ value: Value?, _ slot: Int, _ size: Int) -> StatePlace? {
        value.map { StatePlace(value: $0, offset: slot * size, stride: options.layers * options.directions * size) }
    }

    private func fits(_ emit: Emitter) -> Bool {
        emit.fits([emit.inputShapes[0][0], emit.inputShapes[0][1], options.unit.gateCount, options.hidden])
    }

    private func mask(_ emit: Emitter, _ x: Value, _ lengths: Value, into y: Value) {
        let shape = emit.inputShapes[0]
        let rowsPerPiece = StridedSpace.rowsPerPiece(columns: shape[2])
        emit.program.call(
            .maskSequence, [Operand(0, x, .read), Operand(1, lengths, .read), Operand(2, y, .write)],
            pieces: (shape[0] * shape[1] + rowsPerPiece - 1) / rowsPerPiece, cost: Double(shape.elementCount) * 0.2
        ) {
            $0.integers[0] = shape[0] * shape[1]
            $0.integers[1] = shape[1]
            $0.integers[2] = shape[2]
            $0.integers[3] = rowsPerPiece
        }
    }

    private func isDropping(_ emit: Emitter) -> Bool { emit.isTraining && options.dropout > 0 }

    /// Each layer draws numbers of its own: the channel is the node's number, and the layer above it.
    private func drop(_ emit: Emitter, _ layer: Int, _ x: Value, into y: Value, count: Int) {
        emit.program.dropout(x, into: y, count: count, probability: options.dropout, state: emit.randomState,
            channel: (emit.node + (layer << 16)) & 0x7f_ffff)
    }
}

extension Emitter {
    /// Whether a work array of these sizes is one that memory can hold. If not, the plan is refused for it.
    func fits(_ sizes: [Int]) -> Bool {
        if (try? Shape(sizes).validated(what: "the work of a layer")) != nil { return true }
        program.fill(program.value(bytes: 2 * Shape.maximumBytes), with: 0, count: 0)
        return false
    }
}
