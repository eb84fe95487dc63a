// Every channel of every sample normalised over its positions (Ulyanov et al. 2016).

import Tensors

struct InstanceNorm1d: InstanceNormLayer {
    static let kind = "instance_norm1d"
    static let className: String? = "InstanceNorm1d"
    static let rank = 3
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

struct InstanceNorm2d: InstanceNormLayer {
    static let kind = "instance_norm2d"
    static let className: String? = "InstanceNorm2d"
    static let rank = 4
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

struct InstanceNorm3d: InstanceNormLayer {
    static let kind = "instance_norm3d"
    static let className: String? = "InstanceNorm3d"
    static let rank = 5
    let options: ChannelNormOptions
    init(_ attributes: Attributes) throws(ChainruleError) { options = try ChannelNormOptions(attributes, kind: Self.kind) }
}

protocol InstanceNormLayer: Layer {
    static var rank: Int { get }
    var options: ChannelNormOptions { get }
}

extension InstanceNormLayer {
    static var documentation: String {
        "(x - mean) / sqrt(var + eps) * weight + bias over the positions of each channel of each sample; "
            + "running moments in inference if they are tracked"
    }
    static var attributes: [AttributeSpecification] { ChannelNormOptions.attributes(isAffine: false, tracks: false) }
    static var parameterShapes: [(name: String, shape: String)] { ChannelNormOptions.parameterShapes }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        try options.check(inputs[0], ranks: Self.rank...Self.rank, kind: Self.kind)
        try check(inputs, isTraining: false)
        return inputs
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { options.parameters(inputs[0]) }

    private func usesInput(_ isTraining: Bool) -> Bool { isTraining || !options.tracks }

    func check(_ inputs: [Shape], isTraining: Bool) throws(ChainruleError) {
        guard usesInput(isTraining), channelSizes(inputs[0]).inner == 1 else { return }
        throw ChainruleError(
            .shape, "\(Self.kind)'s input", expected: "more than one position to take a mean of", got: "\(inputs[0])")
    }

    private func layout(_ emit: Emitter) -> NormLayout {
        let (samples, channels, inner) = channelSizes(emit.inputShapes[0])
        return .groups(samples, channels, channels, inner)
    }

    func forward(_ emit: Emitter) {
        let layout = layout(emit)
        guard usesInput(emit.isTraining) else {
            guard let mean = emit.parameter("running_mean"), let variance = emit.parameter("running_var") else { return }
            emit.norm(layout, eps: options.eps, given: (mean, variance))
            return
        }
        let moments = emit.norm(layout, eps: options.eps, wantsVariances: options.tracks)
        guard options.tracks, emit.isTraining, layout.count > 0 else { return }
        // PyTorch's instance norms count no batches, and take momentum none as 0.
        emit.updateRunningStatistics(
            moments, samples: layout.count / layout.groups, channels: layout.groups, size: layout.size,
            momentum: options.momentum ?? 0, counts: false)
    }

    func backward(_ emit: Emitter) { emit.normBackward(layout(emit), isGiven: !usesInput(emit.isTraining)) }
}
