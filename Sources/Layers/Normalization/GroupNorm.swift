// Groups of channels of every sample normalised together (Wu and He 2018).

import Tensors

struct GroupNorm: Layer {
    static let kind = "group_norm"
    static let className: String? = "GroupNorm"
    static let documentation = "(x - mean) / sqrt(var + eps) * weight + bias over groups of a sample's channels, dimension 1"
    static let attributes = [
        AttributeSpecification("num_groups", .integer(.sizes), "into how many groups the channels are divided"),
        AttributeSpecification("num_channels", .integer(.sizes), optional: true, "channels, checked against the input"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-05", "added to the variance"),
        AttributeSpecification("affine", .boolean, default: "true", "whether there are weight and bias"),
    ]
    static let parameterShapes = [(name: "weight", shape: "[num_channels]"), (name: "bias", shape: "[num_channels]")]

    let groups: Int
    let channels: Int?
    let eps: Double
    let isAffine: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        groups = attributes.integer("num_groups")
        channels = attributes.has("num_channels") ? attributes.integer("num_channels") : nil
        eps = attributes.real("eps")
        isAffine = attributes.boolean("affine")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard input.rank >= 2, input[1] > 0 else {
            throw ChainruleError(.shape, "group_norm's input", expected: "2 dimensions or more: batch, channels, ...", got: "\(input)")
        }
        if let channels, channels != input[1] {
            throw ChainruleError(.shape, "group_norm's input", expected: "\(channels) channels (num_channels)", got: "\(input)")
        }
        guard input[1] % groups == 0 else {
            throw ChainruleError(.attribute, "group_norm's num_groups", expected: "a divisor of the \(input[1]) channels", got: "\(groups)")
        }
        return inputs
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        normParameters([inputs[0][1]], weight: isAffine, bias: isAffine)
    }

    private func layout(_ emit: Emitter) -> NormLayout {
        let (samples, channels, inner) = channelSizes(emit.inputShapes[0])
        return .groups(samples, groups, channels, inner)
    }

    func forward(_ emit: Emitter) { emit.norm(layout(emit), eps: eps) }
    func backward(_ emit: Emitter) { emit.normBackward(layout(emit)) }
}
