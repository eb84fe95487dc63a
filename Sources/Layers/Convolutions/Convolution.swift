// Convolutions as neural networks have them (cross-correlations) over one, two and three dimensions of
// space: y[o, p] = b[o] + sum over channels c and taps k of w[o, c, k] x[c, p * stride + k * dilation - padding].

import KernelInterface
import Tensors

struct Conv1d: ConvolutionLayer {
    static let kind = "conv1d"
    static let className: String? = "Conv1d"
    static let rank = 1
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

struct Conv2d: ConvolutionLayer {
    static let kind = "conv2d"
    static let className: String? = "Conv2d"
    static let rank = 2
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

struct Conv3d: ConvolutionLayer {
    static let kind = "conv3d"
    static let className: String? = "Conv3d"
    static let rank = 3
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

protocol ConvolutionLayer: Layer {
    static var rank: Int { get }
    var settings: ConvolutionSettings { get }
}

extension ConvolutionLayer {
    static func settings(_ attributes: Attributes) throws(ChainruleError) -> ConvolutionSettings {
        try ConvolutionSettings(attributes, rank: rank, kind: kind, isTransposed: false)
    }
    static var documentation: String {
        "y[o, p] = bias[o] + the sum over channels c and taps k of weight[o, c, k] x[c, p * stride + k * dilation - padding], over \(rank) dimension\(rank == 1 ? "" : "s") of space; weight and bias are parameters unless they are inputs"
    }
    static var attributes: [AttributeSpecification] { ConvolutionSettings.attributes(isTransposed: false) }
    static var inputCount: ClosedRange<Int> { 1...3 }
    static var inputRoles: [String] { ConvolutionSettings.inputRoles }
    static var parameterShapes: [(name: String, shape: String)] {
        [
            ("weight", "[out_channels, in_channels / groups, kernel_size...]"),
            ("bias", "[out_channels], if there is one"),
        ]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = try settings.read(inputs[0])
        try settings.checkGiven(inputs, settings.outChannels, input.channels / settings.groups)
        return [
            settings.output(inputs[0], channels: settings.outChannels, sizes: try settings.window.positions(input.sizes, kind: Self.kind))
        ]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        try settings.parameters(settings.outChannels, try settings.read(inputs[0]).channels / settings.groups)
    }

    func forward(_ emit: Emitter) {
        guard let weight = settings.weight(emit), let space = space(emit) else { return }
        emit.program.convolve(
            emit.input(), weights: weight, bias: settings.bias(emit), into: emit.output(), space, outputs: outputs)
    }

    // dw = dy . matrix^T, db = the sum of dy over positions, dx: each position's w^T dy, added where it reads.
    func backward(_ emit: Emitter) {
        guard let weight = settings.weight(emit), let space = space(emit) else { return }
        let dy = emit.outputGradient()
        if let gradient = settings.weightGradient(emit) {
            emit.program.convolveWeights(dy, emit.input(), into: gradient, space, outputs: outputs)
        }
        if let gradient = settings.biasGradient(emit) {
            emit.program.sumChannels(
                dy, samples: space.samples, channels: settings.outChannels, positions: space.positionCount, into: gradient)
        }
        if emit.needsInputGradient() {
            emit.program.convolveBack(dy, weights: weight, bias: nil, into: emit.inputGradient(), space, outputs: outputs)
        }
    }

    /// Channels that a group makes.
    private var outputs: Int { settings.outChannels / settings.groups }

    private func space(_ emit: Emitter) -> ConvolutionSpace? {
        guard let input = try? settings.read(emit.inputShapes[0]) else { return nil }
        return settings.window.space(
            samples: input.isBatched ? emit.inputShapes[0][0] : 1, groups: settings.groups, channels: input.channels / settings.groups,
            image: input.sizes, positions: Array(emit.outputShapes[0].dimensions.suffix(Self.rank)))
    }
}
