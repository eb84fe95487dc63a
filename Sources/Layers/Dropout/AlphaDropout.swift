// Dropout for networks of selu (Klambauer et al. 2017): what is dropped becomes selu's lowest value -a, and an
// affine map brings mean and variance back. With m = 1 / (1 - p) where kept, else 0:
// y = s ((x + a) m - a) with s = sqrt((1 - p) / (1 + p a^2)).

import KernelInterface
import Tensors

struct AlphaDropout: AlphaDropoutLayer {
    static let kind = "alpha_dropout"
    static let className: String? = "AlphaDropout"
    static let documentation = "in training, sets each element with probability p to selu's lowest value, keeping mean 0 and variance 1"
    static let isByChannel = false
    let probability: Double
    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }
}

struct FeatureAlphaDropout: AlphaDropoutLayer {
    static let kind = "feature_alpha_dropout"
    static let className: String? = "FeatureAlphaDropout"
    static let documentation = "alpha_dropout of whole channels, dimension 1"
    static let isByChannel = true
    let probability: Double
    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }
}

protocol AlphaDropoutLayer: Layer {
    static var isByChannel: Bool { get }
    var probability: Double { get }
}

extension AlphaDropoutLayer {
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("p", .real(.probability), default: "0.5", "probability of dropping")]
    }

    /// selu's scale times its alpha.
    private var lowest: Double { 1.7580993408473766 }
    private var scale: Double { ((1 - probability) / (1 + probability * lowest * lowest)).squareRoot() }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard !Self.isByChannel || inputs[0].rank >= 2 else {
            throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "2 dimensions or more: batch, channels, ...", got: "\(inputs[0])")
        }
        return inputs
    }

    func forward(_ emit: Emitter) {
        guard emit.isTraining && probability > 0 else { return emit.setOutput(as: emit.input()) }
        let count = emit.inputShapes[0].elementCount
        let raised = emit.workspace(elements: count)
        let dropped = emit.workspace(elements: count)
        emit.program.unary(.affine, (1, lowest), from: emit.input(), into: raised, count: count)
        drop(emit, raised, into: dropped, count)
        emit.program.unary(.affine, (scale, -scale * lowest), from: dropped, into: emit.output(), count: count)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        guard emit.isTraining && probability > 0 else { return emit.setInputGradient(as: emit.outputGradient()) }
        let count = emit.inputShapes[0].elementCount
        let dropped = emit.workspace(elements: count)
        drop(emit, emit.outputGradient(), into: dropped, count)
        emit.program.unary(.affine, (scale, 0), from: dropped, into: emit.inputGradient(), count: count)
    }

    private func drop(_ emit: Emitter, _ x: Value, into y: Value, _ count: Int) {
        if Self.isByChannel {
            emit.dropChannels(probability, from: x, into: y)
        } else {
            emit.program.dropout(x, into: y, count: count, probability: probability, state: emit.randomState, channel: emit.node)
        }
    }
}
