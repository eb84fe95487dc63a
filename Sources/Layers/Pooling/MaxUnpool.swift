// The elements of a max-pooled image put back where they came from, zeros around them.

import KernelInterface
import Tensors

struct MaxUnpool1d: MaxUnpoolLayer {
    static let kind = "max_unpool1d"
    static let className: String? = "MaxUnpool1d"
    static let rank = 1
    let settings: UnpoolSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try UnpoolSettings(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxUnpool2d: MaxUnpoolLayer {
    static let kind = "max_unpool2d"
    static let className: String? = "MaxUnpool2d"
    static let rank = 2
    let settings: UnpoolSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try UnpoolSettings(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxUnpool3d: MaxUnpoolLayer {
    static let kind = "max_unpool3d"
    static let className: String? = "MaxUnpool3d"
    static let rank = 3
    let settings: UnpoolSettings
    init(_ attributes: Attributes) throws(ChainruleError) { settings = try UnpoolSettings(attributes, rank: Self.rank, kind: Self.kind) }
}

struct UnpoolSettings: Sendable {
    let window: PoolWindow
    let outputSize: [Int]?

    init(_ attributes: Attributes, rank: Int, kind: String) throws(ChainruleError) {
        window = try PoolWindow(attributes, rank: rank, kind: kind)
        outputSize = attributes.has("output_size")
            ? try PoolWindow.numbers(attributes.integers("output_size"), "output_size", rank, least: 1, kind) : nil
    }

    /// Along one dimension of `size` elements.
    func outputSize(_ axis: Int, _ size: Int) throws(ChainruleError) -> Int {
        let (kernel, stride, padding) = (window.kernel[axis], window.stride[axis], window.padding[axis])
        let (span, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        guard !overflow, span < Shape.maximumBytes else {
            throw ChainruleError(.shape, "\(window.kind)'s output", expected: "at most 2^46 bytes in all", got: "more")
        }
        let usual = span + kernel - 2 * padding
        let wanted = outputSize?[axis] ?? usual
        guard wanted >= 1, wanted > usual - stride, wanted < usual + stride else {
            throw ChainruleError(
                .shape, "\(window.kind)'s output_size", expected: "\(max(1, usual - stride + 1)) to \(usual + stride - 1) in dimension \(axis - window.rank)",
                got: "\(wanted)")
        }
        return wanted
    }
}

protocol MaxUnpoolLayer: Layer {
    static var rank: Int { get }
    var settings: UnpoolSettings { get }
}

extension MaxUnpoolLayer {
    static var documentation: String {
        "zeros, and the elements of input at the places indices in their channel (max_pool\(rank)d_with_indices gives them), of several for one place the last (but, as in PyTorch, each gets the gradient); a window's size, stride and padding tell the output's size"
    }
    static var attributes: [AttributeSpecification] {
        [
            PoolWindow.kernelAttribute, PoolWindow.strideAttribute, PoolWindow.paddingAttribute,
            AttributeSpecification(
                "output_size", .integers, optional: true,
                "the output's size\(rank == 1 ? "" : "s: a number for all dimensions, or one for each"), where several sizes are pooled to the input's"),
        ]
    }
    static var inputCount: ClosedRange<Int> { 2...2 }
    static var inputRoles: [String] { ["input", "indices"] }
    static var integerInputs: Set<String> { ["indices"] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        try checkImage(input, rank: Self.rank, kind: Self.kind)
        guard inputs[1].dimensions == input.dimensions else {
            throw ChainruleError(.shape, "\(Self.kind)'s indices", expected: "the input's shape, \(input)", got: "\(inputs[1])")
        }
        var image: [Int] = []
        for axis in 0..<Self.rank { image.append(try settings.outputSize(axis, input[input.rank - Self.rank + axis])) }
        try checkIndexRange(image, kind: Self.kind)
        return [Shape(input.dimensions.dropLast(Self.rank) + image)]
    }

    private func planes(_ emit: Emitter) -> Planes { Planes(emit.inputShapes[0], emit.outputShapes[0], Self.rank) }

    func forward(_ emit: Emitter) {
        let planes = planes(emit)
        let indices = emit.indices(1, limit: planes.large)
        emit.save("indices", indices)
        emit.program.place(.put, emit.input(), indices: indices, into: emit.output(), planes: planes)
    }

    // PyTorch's: the gradient at the place, also to elements that another one has replaced.
    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let indices = emit.saved("indices") else { return }
        emit.program.place(.fetch, emit.outputGradient(), indices: indices, into: emit.inputGradient(), planes: planes(emit))
    }
}
