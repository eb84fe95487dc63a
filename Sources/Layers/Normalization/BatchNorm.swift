// Every channel normalised over the batch and all positions (Ioffe and Szegedy 2015). Training takes the batch's
// own mean and variance, and keeps running averages of them for inference.

import Tensors

struct BatchNorm: BatchNormLayer {
    static let kind = "batch_norm"
    static let className: String? = "BatchNorm"
    static let ranks = 2...Shape.maximumRank
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

struct BatchNorm1d: BatchNormLayer {
    static let kind = "batch_norm1d"
    static let className: String? = "BatchNorm1d"
    static let ranks = 2...3
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

struct BatchNorm2d: BatchNormLayer {
    static let kind = "batch_norm2d"
    static let className: String? = "BatchNorm2d"
    static let ranks = 4...4
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

struct BatchNorm3d: BatchNormLayer {
    static let kind = "batch_norm3d"
    static let className: String? = "BatchNorm3d"
    static let ranks = 5...5
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

protocol BatchNormLayer: Layer {
    static var ranks: ClosedRange<Int> { get }
    var options: ChannelNormOptions { get }
}

extension BatchNormLayer {
    static var documentation: String {
        "(x - mean) / sqrt(var + eps) * weight + bias by channel; the batch's moments in training, running ones in inference"
    }
    static var attributes: [AttributeSpecification] { ChannelNormOptions.attributes(isAffine: true, tracks: true) }
    static var parameterShapes: [(name: String, shape: String)] { ChannelNormOptions.parameterShapes }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        try options.check(inputs[0], ranks: Self.ranks, kind: Self.kind)
        return inputs
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { options.parameters(inputs[0]) }

    func mixesSamples(_ inputs: [Shape]) -> Bool { !options.tracks }

    private func usesBatch(_ isTraining: Bool) -> Bool { isTraining || !options.tracks }

    func check(_ inputs: [Shape], isTraining: Bool) throws(ChainruleError) {
        let (samples, _, inner) = channelSizes(inputs[0])
        guard usesBatch(isTraining), samples * inner == 1 else { return }
        throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "more than one value per channel to take a mean of", got: "\(inputs[0])")
    }

    private func layout(_ emit: Emitter) -> NormLayout {
        let (samples, channels, inner) = channelSizes(emit.inputShapes[0])
        return .channels(samples, channels, inner)
    }

    func forward(_ emit: Emitter) {
        let layout = layout(emit)
        guard usesBatch(emit.isTraining) else {
            guard let mean = emit.parameter("running_mean"), let variance = emit.parameter("running_var") else { return }
            emit.norm(layout, eps: options.eps, given: (mean, variance))
            return
        }
        let moments = emit.norm(layout, eps: options.eps, wantsVariances: options.tracks)
        guard options.tracks else { return }
        emit.updateRunningStatistics(
            moments, samples: 1, channels: layout.count, size: layout.size, momentum: options.momentum, counts: true)
    }

    func backward(_ emit: Emitter) { emit.normBackward(layout(emit), isGiven: !usesBatch(emit.isTraining)) }
}
