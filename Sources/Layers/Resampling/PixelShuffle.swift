// Channels as pixels and back, and channels of groups in turn: other shapes and orders of the same elements
// (Shi et al. 2016; Zhang et al. 2018, ShuffleNet).

import Tensors

struct PixelShuffle: CompositeLayer {
    static let kind = "pixel_shuffle"
    static let className: String? = "PixelShuffle"
    static let documentation = "[batch, channels * r^2, height, width] to [batch, channels, height * r, width * r], r the upscale_factor"
    static let attributes = [AttributeSpecification("upscale_factor", .integer(1...(1 << 20)), "r")]
    let factor: Int
    init(_ attributes: Attributes) throws(ChainruleError) { factor = attributes.integer("upscale_factor") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let (leading, sample) = try imageSizes(graph.shape(inputs[0]), Self.kind)
        guard sample[0] % (factor * factor) == 0 else {
            throw ChainruleError(
                .shape, "pixel_shuffle's input", expected: "channels that are a multiple of \(factor * factor)", got: "\(sample[0])")
        }
        let channels = sample[0] / (factor * factor)
        return try rearrange(
            graph, inputs[0], leading, [channels, factor, factor, sample[1], sample[2]], order: [0, 3, 1, 4, 2],
            as: [channels, sample[1] * factor, sample[2] * factor])
    }
}

struct PixelUnshuffle: CompositeLayer {
    static let kind = "pixel_unshuffle"
    static let className: String? = "PixelUnshuffle"
    static let documentation = "[batch, channels, height * r, width * r] to [batch, channels * r^2, height, width], r the downscale_factor"
    static let attributes = [AttributeSpecification("downscale_factor", .integer(1...(1 << 20)), "r")]
    let factor: Int
    init(_ attributes: Attributes) throws(ChainruleError) { factor = attributes.integer("downscale_factor") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let (leading, sample) = try imageSizes(graph.shape(inputs[0]), Self.kind)
        guard sample[1] % factor == 0, sample[2] % factor == 0 else {
            throw ChainruleError(
                .shape, "pixel_unshuffle's input", expected: "height and width that are multiples of \(factor)", got: "\(sample[1]) and \(sample[2])")
        }
        let (height, width) = (sample[1] / factor, sample[2] / factor)
        return try rearrange(
            graph, inputs[0], leading, [sample[0], height, factor, width, factor], order: [0, 2, 4, 1, 3],
            as: [sample[0] * factor * factor, height, width])
    }
}

struct ChannelShuffle: CompositeLayer {
    static let kind = "channel_shuffle"
    static let className: String? = "ChannelShuffle"
    static let documentation = "channels (dimension 1) in another order: the first of each group, then the second of each, ..."
    static let attributes = [AttributeSpecification("groups", .integer(.sizes), "how many groups; they divide the channels")]
    let groups: Int
    init(_ attributes: Attributes) throws(ChainruleError) { groups = attributes.integer("groups") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let shape = graph.shape(inputs[0])
        guard shape.rank >= 3, shape.rank < Shape.maximumRank, shape[1] % groups == 0, shape.dimensions.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw ChainruleError(
                .shape, "channel_shuffle's input", expected: "[batch, channels, ...], channels a multiple of \(groups), sizes of 1 or more", got: "\(shape)")
        }
        let rest = Array(shape.dimensions.dropFirst(2))
        return try rearrange(
            graph, inputs[0], Array(shape.dimensions.prefix(1)), [groups, shape[1] / groups] + rest,
            order: [1, 0] + rest.indices.map { $0 + 2 }, as: Array(shape.dimensions.dropFirst()))
    }
}

/// Batch, if there is one, and channels, height, width.
private func imageSizes(_ shape: Shape, _ kind: String) throws(ChainruleError) -> (leading: [Int], sample: [Int]) {
    try checkImage(shape, rank: 2, kind: kind)
    guard shape[shape.rank - 3] > 0 else {
        throw ChainruleError(.shape, "\(kind)'s input", expected: "1 channel or more", got: "\(shape)")
    }
    return (Array(shape.dimensions.dropLast(3)), Array(shape.dimensions.suffix(3)))
}

/// A sample seen in the sizes `parts`, these in another order, and that seen in the sizes `result`.
private func rearrange(
    _ graph: any GraphBuilding, _ input: Int, _ leading: [Int], _ parts: [Int], order: [Int], as result: [Int]
) throws(ChainruleError) -> [Int] {
    // reshape is told all sizes but an open batch.
    let told = leading.filter { $0 != Shape.batch }
    func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
    let cut = try graph.add("reshape", "shape=" + list(told + parts), [input])
    let moved = try graph.add("permute", "dims=" + list(Array(leading.indices) + order.map { $0 + leading.count }), [cut])
    return [try graph.add("reshape", "shape=" + list(told + result), [moved])]
}
