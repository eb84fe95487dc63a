// The windows of an image as columns, and columns added up to an image: each other's gradients.

import KernelInterface
import Tensors

struct Unfold: Layer {
    static let kind = "unfold"
    static let className: String? = "Unfold"
    static let documentation =
        "the windows of an image [batch, channels, height, width] as columns: [batch, channels * taps, positions]"
    static let attributes = [
        AttributeSpecification("kernel_size", .integers, "size of the window: a number for both dimensions, or one for each"),
        AttributeSpecification("dilation", .integers, default: "1", "distance between elements of the window: one number or two"),
        AttributeSpecification(
            "padding", .text, default: "0", "zeros around the image: one number, one for each dimension, or two for each, before and behind it"),
        AttributeSpecification("stride", .integers, default: "1", "distance between windows: one number or two"),
    ]

    let window: ConvolutionWindow

    init(_ attributes: Attributes) throws(ChainruleError) {
        window = try ConvolutionWindow(attributes, rank: 2, kind: Self.kind, allowsWords: false)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard input.rank == 4 || (input.rank == 3 && !input.isBatched), input[input.rank - 3] > 0 else {
            throw ChainruleError(
                .shape, "unfold's input", expected: "4 dimensions (batch, channels, height, width), 1 channel or more", got: "\(input)")
        }
        let positions = try window.positions(Array(input.dimensions.suffix(2)), kind: Self.kind)
        let (rows, overflow) = input[input.rank - 3].multipliedReportingOverflow(by: window.taps)
        let (count, more) = positions[0].multipliedReportingOverflow(by: positions[1])
        guard !overflow, !more else {
            throw ChainruleError(.shape, "unfold's output", expected: "at most 2^46 bytes in all", got: "more")
        }
        return [Shape(input.dimensions.dropLast(3) + [rows, count])]
    }

    func forward(_ emit: Emitter) {
        guard let space = window.space(ofColumns: emit.inputShapes[0]) else { return }
        emit.program.unfold(emit.input(), into: emit.output(), space)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let space = window.space(ofColumns: emit.inputShapes[0]) else { return }
        emit.program.fold(emit.outputGradient(), into: emit.inputGradient(), space)
    }
}

struct Fold: Layer {
    static let kind = "fold"
    static let className: String? = "Fold"
    static let documentation =
        "columns [batch, channels * taps, positions], as unfold makes them, added up to an image of the size output_size"
    static let attributes = [
        AttributeSpecification("output_size", .integers, "height and width of the image: one number or two"),
        AttributeSpecification("kernel_size", .integers, "size of the window: a number for both dimensions, or one for each"),
        AttributeSpecification("dilation", .integers, default: "1", "distance between elements of the window: one number or two"),
        AttributeSpecification(
            "padding", .text, default: "0", "zeros around the image: one number, one for each dimension, or two for each, before and behind it"),
        AttributeSpecification("stride", .integers, default: "1", "distance between windows: one number or two"),
    ]

    let window: ConvolutionWindow
    let outputSize: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        window = try ConvolutionWindow(attributes, rank: 2, kind: Self.kind, allowsWords: false)
        outputSize = try ConvolutionWindow.numbers(attributes, "output_size", rank: 2, least: 1, kind: Self.kind)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        let positions = try window.positions(outputSize, kind: Self.kind)
        let count = positions[0] * positions[1]
        guard input.rank == 3 || (input.rank == 2 && !input.isBatched), input[input.rank - 2] > 0,
            input[input.rank - 2] % window.taps == 0, input[input.rank - 1] == count
        else {
            throw ChainruleError(
                .shape, "fold's input",
                expected: "[batch, channels * \(window.taps), \(count)] for this output_size (\(positions[0]) by \(positions[1]) windows)",
                got: "\(input)")
        }
        return [Shape(input.dimensions.dropLast(2) + [input[input.rank - 2] / window.taps] + outputSize)]
    }

    func forward(_ emit: Emitter) {
        guard let space = window.space(ofColumns: emit.outputShapes[0]) else { return }
        emit.program.fold(emit.input(), into: emit.output(), space)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let space = window.space(ofColumns: emit.outputShapes[0]) else { return }
        emit.program.unfold(emit.outputGradient(), into: emit.inputGradient(), space)
    }
}

extension ConvolutionWindow {
    /// For images of this shape, with or without a batch.
    fileprivate func space(ofColumns image: Shape) -> ConvolutionSpace? {
        let sizes = Array(image.dimensions.suffix(2))
        guard let positions = try? positions(sizes, kind: "unfold") else { return nil }
        return space(
            samples: image.rank == 4 ? image[0] : 1, channels: image[image.rank - 3], image: sizes, positions: positions)
    }
}
