// Dropout of whole channels (Tompson et al. 2015): one choice for each channel of each sample.

import KernelInterface
import Tensors

struct Dropout1d: ChannelDropout {
    static let kind = "dropout1d"
    static let className: String? = "Dropout1d"
    static let rank = 3
    let probability: Double
    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }
}

struct Dropout2d: ChannelDropout {
    static let kind = "dropout2d"
    static let className: String? = "Dropout2d"
    static let rank = 4
    let probability: Double
    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }
}

struct Dropout3d: ChannelDropout {
    static let kind = "dropout3d"
    static let className: String? = "Dropout3d"
    static let rank = 5
    let probability: Double
    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }
}

protocol ChannelDropout: Layer {
    static var rank: Int { get }
    var probability: Double { get }
}

extension ChannelDropout {
    static var documentation: String {
        "in training, drops each channel of a sample with probability p and scales the others by 1/(1-p)"
    }
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("p", .real(.probability), default: "0.5", "probability of dropping a channel")]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard inputs[0].rank == Self.rank else {
            throw ChainruleError(
                .shape, "\(Self.kind)'s input", expected: "\(Self.rank) dimensions: batch, channels, ...", got: "\(inputs[0])")
        }
        return inputs
    }

    func forward(_ emit: Emitter) {
        guard emit.isTraining && probability > 0 else { return emit.setOutput(as: emit.input()) }
        emit.dropChannels(probability, from: emit.input(), into: emit.output())
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        guard emit.isTraining && probability > 0 else { return emit.setInputGradient(as: emit.outputGradient()) }
        emit.dropChannels(probability, from: emit.outputGradient(), into: emit.inputGradient())
    }
}

extension Emitter {
    /// y = x / (1 - p) in the channels that are kept, else 0; the same choices each time in a step.
    func dropChannels(_ probability: Double, from x: Value, into y: Value) {
        let (samples, channels, inner) = channelSizes(inputShapes[0])
        let rows = samples * channels
        guard rows * inner > 0, let space = StridedSpace(sizes: [rows, inner], strides: [[inner, 1], [1, 0]]) else { return }
        // What each channel is multiplied by: the first pass draws it, the second has it.
        if saved("factors") == nil {
            let ones = workspace(elements: rows)
            let factors = workspace(elements: rows)
            program.fill(ones, with: 1, count: rows)
            program.dropout(ones, into: factors, count: rows, probability: probability, state: randomState, channel: node)
            save("factors", factors)
        }
        if let factors = saved("factors") { multiplyChannels(space, x, factors, into: y) }
    }

    private func multiplyChannels(_ space: StridedSpace, _ x: Value, _ factors: Value, into y: Value) {
        program.call(
            .binaryStrided,
            [Operand(0, x, .read), Operand(1, factors, .read), Operand(2, y, .write), Operand(3, program.table(space), .read)],
            pieces: (space.rows + space.rowsPerPiece - 1) / space.rowsPerPiece, cost: Double(space.count) * 0.3
        ) {
            $0.integers[0] = space.rowsPerPiece
            $0.integers[1] = BinaryFunction.multiply.rawValue
        }
    }
}
