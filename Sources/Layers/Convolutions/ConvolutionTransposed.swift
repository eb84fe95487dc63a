// Transposed convolutions (Zeiler et al. 2010): a convolution's gradient as a layer. Where a convolution's
// position reads an element of the image, here it adds to it; so all is as in Convolution.swift, the
// output being the image.

import KernelInterface
import Tensors

struct ConvTranspose1d: TransposedConvolutionLayer {
    static let kind = "conv_transpose1d"
    static let className: String? = "ConvTranspose1d"
    static let rank = 1
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

struct ConvTranspose2d: TransposedConvolutionLayer {
    static let kind = "conv_transpose2d"
    static let className: String? = "ConvTranspose2d"
    static let rank = 2
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

struct ConvTranspose3d: TransposedConvolutionLayer {
    static let kind = "conv_transpose3d"
    static let className: String? = "ConvTranspose3d"
    static let rank = 3
    let settings: ConvolutionSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try Self.settings(attributes) }
}

protocol TransposedConvolutionLayer: Layer {
    static var rank: Int { get }
    var settings: ConvolutionSettings { get }
}

extension TransposedConvolutionLayer {
    static func settings(_ attributes: Attributes) throws(ChainruleError) -> ConvolutionSettings {
        try ConvolutionSettings(attributes, rank: rank, kind: kind, isTransposed: true)
    }
    static var documentation: String {
        "the gradient of conv\(rank)d as a layer: weight[c, o, k] x[c, p], summed over c, is added to y[o, p * stride + k * dilation - padding], and bias[o] to all; weight and bias are parameters unless they are inputs"
    }
    static var attributes: [AttributeSpecification] { ConvolutionSettings.attributes(isTransposed: true) }
    static var inputCount: ClosedRange<Int> { 1...3 }
    static var inputRoles: [String] { ConvolutionSettings.inputRoles }
    static var parameterShapes: [(name: String, shape: String)] {
        [
            ("weight", "[in_channels, out_channels / groups, kernel_size...]"),
            ("bias", "[out_channels], if there is one"),
        ]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = try settings.read(inputs[0])
        try settings.checkGiven(inputs, input.channels, settings.outChannels / settings.groups)
        let sizes = try settings.window.image(input.sizes, more: settings.outputPadding, kind: Self.kind)
        return [settings.output(inputs[0], channels: settings.outChannels, sizes: sizes)]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        try settings.parameters(try settings.read(inputs[0]).channels, settings.outChannels / settings.groups)
    }

    func forward(_ emit: Emitter) {
        guard let weight = settings.weight(emit), let space = space(emit) else { return }
        emit.program.convolveBack(
            emit.input(), weights: weight, bias: settings.bias(emit), into: emit.output(), space, outputs: inputs(emit))
    }

    // dw = x . matrix of dy^T, db = the sum of dy over the image, dx = w . matrix of dy
    func backward(_ emit: Emitter) {
        guard let weight = settings.weight(emit), let space = space(emit) else { return }
        let dy = emit.outputGradient()
        if let gradient = settings.weightGradient(emit) {
            emit.program.convolveWeights(emit.input(), dy, into: gradient, space, outputs: inputs(emit))
        }
        if let gradient = settings.biasGradient(emit) {
            emit.program.sumChannels(
                dy, samples: space.samples, channels: settings.outChannels, positions: space.imageCount, into: gradient)
        }
        if emit.needsInputGradient() {
            emit.program.convolve(dy, weights: weight, bias: nil, into: emit.inputGradient(), space, outputs: inputs(emit))
        }
    }

    /// Channels that a group reads.
    private func inputs(_ emit: Emitter) -> Int {
        emit.inputShapes[0][emit.inputShapes[0].rank - Self.rank - 1] / settings.groups
    }

    private func space(_ emit: Emitter) -> ConvolutionSpace? {
        guard let input = try? settings.read(emit.inputShapes[0]) else { return nil }
        return settings.window.space(
            samples: input.isBatched ? emit.inputShapes[0][0] : 1, groups: settings.groups,
            channels: settings.outChannels / settings.groups, image: Array(emit.outputShapes[0].dimensions.suffix(Self.rank)),
            positions: input.sizes)
    }
}
