// What convolutions and transposed convolutions of one, two and three dimensions have in common: their
// attributes, and the names and first values of their parameters.

import KernelInterface
import Tensors

struct ConvolutionSettings: Sendable {
    let kind: String
    let window: ConvolutionWindow
    let inChannels: Int?
    let outChannels: Int
    let groups: Int
    let hasBias: Bool
    /// Which inputs weight and bias are, if they are no parameters.
    let weightInput: Int?
    let biasInput: Int?
    /// Transposed: more elements behind the output.
    let outputPadding: [Int]
    private let weightInitializer: String
    private let biasInitializer: String

    var rank: Int { window.rank }

    init(_ attributes: Attributes, rank: Int, kind: String, isTransposed: Bool) throws(ChainruleError) {
        self.kind = kind
        let mode: ConvolutionPadding =
            switch attributes.text("padding_mode") {
            case "reflect": .reflect
            case "replicate": .replicate
            case "circular": .circular
            default: .zeros
            }
        window = try ConvolutionWindow(attributes, rank: rank, kind: kind, mode: mode, allowsWords: !isTransposed)
        inChannels = attributes.has("in_channels") ? attributes.integer("in_channels") : nil
        outChannels = attributes.integer("out_channels")
        groups = attributes.integer("groups")
        hasBias = attributes.boolean("bias")
        weightInitializer = attributes.text("weight_init")
        biasInitializer = attributes.text("bias_init")
        weightInput = attributes.input("weight")
        biasInput = attributes.input("bias")
        outputPadding =
            isTransposed
            ? try ConvolutionWindow.numbers(attributes, "output_padding", rank: rank, least: 0, kind: kind)
            : Array(repeating: 0, count: rank)
        guard hasBias || biasInput == nil else {
            throw ChainruleError(.attribute, "\(kind)'s bias", expected: "true, as the bias is an input", got: "false")
        }
        guard outChannels % groups == 0 else {
            throw ChainruleError(
                .attribute, "\(kind)'s out_channels", expected: "a multiple of groups (\(groups))", got: "\(outChannels)")
        }
        for axis in 0..<rank where isTransposed && outputPadding[axis] >= max(window.stride[axis], window.dilation[axis]) {
            throw ChainruleError(
                .attribute, "\(kind)'s output_padding",
                expected: "less than stride or dilation (\(max(window.stride[axis], window.dilation[axis])))",
                got: "\(outputPadding[axis])")
        }
    }

    static func attributes(isTransposed: Bool) -> [AttributeSpecification] {
        let numbers = "a number for all dimensions, or one for each"
        let both = "or two for each, before and behind it"
        var list = [
            AttributeSpecification("in_channels", .integer(.sizes), optional: true, "checked against the input"),
            AttributeSpecification("out_channels", .integer(.sizes), "channels of the output"),
            AttributeSpecification("kernel_size", .integers, "size of the kernel: \(numbers)"),
            AttributeSpecification("stride", .integers, default: "1", "distance between positions of the kernel: \(numbers)"),
            AttributeSpecification(
                "padding", .text, default: "0",
                isTransposed
                    ? "elements cut off around the output: \(numbers), \(both)"
                    : "elements added around the input: \(numbers), \(both); or same (the output is as large as the input) or valid (none)"),
        ]
        let dilation = AttributeSpecification("dilation", .integers, default: "1", "distance between elements of the kernel: \(numbers)")
        let groups = AttributeSpecification(
            "groups", .integer(.sizes), default: "1", "channels are cut into so many groups that don't see each other")
        let bias = AttributeSpecification("bias", .boolean, default: "true", "whether a number is added to each channel")
        if isTransposed {
            list += [
                AttributeSpecification(
                    "output_padding", .integers, default: "0", "elements more behind the output, less than stride or dilation: \(numbers)"),
                groups, bias, dilation,
                AttributeSpecification("padding_mode", .word(["zeros"]), default: "zeros", "zeros alone"),
            ]
        } else {
            list += [
                dilation, groups, bias,
                AttributeSpecification(
                    "padding_mode", .word(["zeros", "reflect", "replicate", "circular"]), default: "zeros", "what the padding holds"),
            ]
        }
        return list + [
            AttributeSpecification("weight_init", .text, default: "default", "initializer of the weight"),
            AttributeSpecification("bias_init", .text, default: "default", "initializer of the bias"),
        ]
    }

    /// Channels and sizes of an input [batch, channels, sizes...] or, without a batch, [channels, sizes...].
    func read(_ input: Shape) throws(ChainruleError) -> (isBatched: Bool, channels: Int, sizes: [Int]) {
        let isBatched = input.rank == rank + 2
        guard isBatched || (input.rank == rank + 1 && !input.isBatched) else {
            throw ChainruleError(
                .shape, "\(kind)'s input", expected: "\(rank + 2) dimensions (batch, channels and \(rank) of space)", got: "\(input)")
        }
        let channels = input[isBatched ? 1 : 0]
        guard channels > 0, channels % groups == 0 else {
            throw ChainruleError(
                .shape, "\(kind)'s input", expected: groups == 1 ? "1 channel or more" : "channels that are a multiple of groups (\(groups))",
                got: "\(input)")
        }
        if let inChannels, inChannels != channels {
            throw ChainruleError(.shape, "\(kind)'s input", expected: "\(inChannels) channels (in_channels)", got: "\(input)")
        }
        return (isBatched, channels, Array(input.dimensions.suffix(rank)))
    }

    func output(_ input: Shape, channels: Int, sizes: [Int]) -> Shape {
        Shape(input.dimensions.dropLast(rank + 1) + [channels] + sizes)
    }

    static let inputRoles = ["input", "weight", "bias"]

    /// The weight's first two sizes are given, the kernel's follow.
    func checkGiven(_ inputs: [Shape], _ first: Int, _ second: Int) throws(ChainruleError) {
        let weight = Shape([first, second] + window.kernel)
        if let weightInput, inputs[weightInput] != weight {
            throw ChainruleError(.shape, "\(kind)'s weight", expected: "\(weight)", got: "\(inputs[weightInput])")
        }
        if let biasInput, inputs[biasInput] != [outChannels] {
            throw ChainruleError(.shape, "\(kind)'s bias", expected: "[\(outChannels)]", got: "\(inputs[biasInput])")
        }
    }

    func parameters(_ first: Int, _ second: Int) throws(ChainruleError) -> [ParameterSpecification] {
        let shape = try Shape([first, second] + window.kernel).validated(what: "\(kind)'s weight")
        let fanIn = second * window.taps
        let fanOut = first * window.taps
        var list: [ParameterSpecification] = []
        if weightInput == nil {
            list.append(
                ParameterSpecification(
                    "weight", shape, try Initializer(weightInitializer, fanIn: fanIn, fanOut: fanOut, what: "attribute weight_init")))
        }
        if hasBias && biasInput == nil {
            list.append(
                ParameterSpecification(
                    "bias", [outChannels], try Initializer(biasInitializer, fanIn: fanIn, fanOut: fanOut, what: "attribute bias_init")))
        }
        return list
    }
}

/// Weight and bias: parameters, or inputs.
extension ConvolutionSettings {
    func weight(_ emit: Emitter) -> Value? { weightInput.map { emit.input($0) } ?? emit.parameter("weight") }

    func bias(_ emit: Emitter) -> Value? { biasInput.map { emit.input($0) } ?? emit.parameter("bias") }

    /// Where the gradient goes, if anybody wants it.
    func weightGradient(_ emit: Emitter) -> Value? { gradient(emit, weightInput, "weight") }

    func biasGradient(_ emit: Emitter) -> Value? { gradient(emit, biasInput, "bias") }

    private func gradient(_ emit: Emitter, _ input: Int?, _ name: String) -> Value? {
        guard let input else { return emit.parameterGradient(name) }
        return emit.needsInputGradient(input) ? emit.inputGradient(input) : nil
    }
}
