// What batch_norm and instance_norm have in common: attributes, running statistics, and a check of ranks.

import Tensors

struct ChannelNormOptions {
    let numFeatures: Int?
    let eps: Double
    /// nil: the average over all batches so far.
    let momentum: Double?
    let isAffine: Bool
    let tracks: Bool

    init(_ attributes: Attributes, kind: String) throws(ChainruleError) {
        numFeatures = attributes.has("num_features") ? attributes.integer("num_features") : nil
        eps = attributes.real("eps")
        let text = attributes.text("momentum")
        if text == "none" {
            momentum = nil
        } else if let number = Attributes.number(text), number >= 0, number <= 1 {
            momentum = number
        } else {
            throw ChainruleError(.attribute, "\(kind)'s momentum", expected: "a number from 0 to 1, or none", got: "\"\(text)\"")
        }
        isAffine = attributes.boolean("affine")
        tracks = attributes.boolean("track_running_stats")
    }

    static func attributes(isAffine: Bool, tracks: Bool) -> [AttributeSpecification] {
        [
            AttributeSpecification("num_features", .integer(.sizes), optional: true, "channels, checked against the input"),
            AttributeSpecification("eps", .real(.notNegative), default: "1e-05", "added to the variance"),
            AttributeSpecification(
                "momentum", .text, default: "0.1", "weight of a batch in the running statistics; none: the average of all batches"),
            AttributeSpecification("affine", .boolean, default: isAffine ? "true" : "false", "whether there are weight and bias"),
            AttributeSpecification(
                "track_running_stats", .boolean, default: tracks ? "true" : "false",
                "whether running statistics are kept for inference"),
        ]
    }

    static let parameterShapes = [
        (name: "weight", shape: "[num_features]"), (name: "bias", shape: "[num_features]"),
        (name: "running_mean", shape: "[num_features]"), (name: "running_var", shape: "[num_features]"),
        (name: "num_batches_tracked", shape: "[]"),
    ]

    func check(_ input: Shape, ranks: ClosedRange<Int>, kind: String) throws(ChainruleError) {
        guard ranks.contains(input.rank) else {
            let words = ranks.lowerBound == ranks.upperBound ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"
            throw ChainruleError(.shape, "\(kind)'s input", expected: "\(words) dimensions: batch, channels, ...", got: "\(input)")
        }
        guard input[1] > 0 else {
            throw ChainruleError(.shape, "\(kind)'s input", expected: "1 channel or more", got: "\(input)")
        }
        if let numFeatures, numFeatures != input[1] {
            throw ChainruleError(.shape, "\(kind)'s input", expected: "\(numFeatures) channels (num_features)", got: "\(input)")
        }
    }

    func parameters(_ input: Shape) -> [ParameterSpecification] {
        normParameters([input[1]], weight: isAffine, bias: isAffine) + (tracks ? runningParameters(input[1]) : [])
    }
}

/// Samples, channels, and elements of a channel in a sample.
func channelSizes(_ shape: Shape) -> (samples: Int, channels: Int, inner: Int) {
    (shape[0], shape[1], shape.dimensions[2...].reduce(1, *))
}
