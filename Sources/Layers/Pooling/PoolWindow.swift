// Where pooling's windows lie on an image of one to three dimensions, read from attributes and checked; and the
// tables of it that the kernels read.

import KernelInterface
import Tensors

struct PoolWindow: Sendable {
    static let largest = 1 << 20
    /// Windows along one dimension: they stand in a table.
    static let most = 1 << 24

    let kind: String
    let kernel: [Int]
    let stride: [Int]
    let padding: [Int]
    let dilation: [Int]
    let roundsUp: Bool
    /// Whether an average counts the padding.
    let countsPadding: Bool
    let divisor: Int

    var rank: Int { kernel.count }

    static let kernelAttribute = AttributeSpecification(
        "kernel_size", .integers, "size of the window: a number for all dimensions, or one for each")
    static let strideAttribute = AttributeSpecification(
        "stride", .integers, optional: true, "distance between windows: one number, or one for each dimension; kernel_size without it")
    static let paddingAttribute = AttributeSpecification(
        "padding", .integers, default: "0", "elements around the image, at most half the window: one number, or one for each dimension")
    static let ceilAttribute = AttributeSpecification(
        "ceil_mode", .boolean, default: "false", "whether a last window may reach over the end")

    init(_ attributes: Attributes, rank: Int, kind: String) throws(ChainruleError) {
        self.kind = kind
        kernel = try Self.numbers(attributes.integers("kernel_size"), "kernel_size", rank, least: 1, kind)
        stride = attributes.has("stride") ? try Self.numbers(attributes.integers("stride"), "stride", rank, least: 1, kind) : kernel
        let none = Array(repeating: 0, count: rank)
        let ones = Array(repeating: 1, count: rank)
        padding = attributes.has("padding") ? try Self.numbers(attributes.integers("padding"), "padding", rank, least: 0, kind) : none
        dilation = attributes.has("dilation") ? try Self.numbers(attributes.integers("dilation"), "dilation", rank, least: 1, kind) : ones
        roundsUp = attributes.boolean("ceil_mode")
        countsPadding = attributes.boolean("count_include_pad")
        divisor = attributes.integer("divisor_override")
        guard !attributes.has("divisor_override") || divisor != 0 else {
            throw ChainruleError(.attribute, "\(kind)'s divisor_override", expected: "a number that is not 0", got: "0")
        }
        for axis in 0..<rank where padding[axis] > (dilation[axis] * (kernel[axis] - 1) + 1) / 2 {
            throw ChainruleError(
                .attribute, "\(kind)'s padding", expected: "at most half the window, \((dilation[axis] * (kernel[axis] - 1) + 1) / 2)",
                got: "\(padding[axis])")
        }
    }

    static func numbers(_ list: [Int], _ name: String, _ rank: Int, least: Int, _ kind: String) throws(ChainruleError) -> [Int] {
        guard list.count == 1 || list.count == rank, list.allSatisfy({ $0 >= least && $0 <= largest }) else {
            throw ChainruleError(
                .attribute, "\(kind)'s \(name)", expected: "1 number\(rank == 1 ? "" : " or \(rank)") from \(least) to \(largest)",
                got: "\"" + list.map(String.init).joined(separator: ",") + "\"")
        }
        return list.count == 1 ? Array(repeating: list[0], count: rank) : list
    }

    func positions(_ image: [Int]) throws(ChainruleError) -> [Int] {
        var result: [Int] = []
        for axis in 0..<rank {
            let free = image[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
            guard image[axis] > 0, free >= 0 || (roundsUp && free > -stride[axis]) else {
                throw ChainruleError(
                    .shape, "\(kind)'s input", expected: "at least \(max(1, image[axis] - free)) in dimension \(axis - rank), which the window spans",
                    got: "\(image[axis])")
            }
            var count = free < 0 ? 1 : (free + (roundsUp ? stride[axis] - 1 : 0)) / stride[axis] + 1
            // A window that would begin behind the image is left out.
            if roundsUp && (count - 1) * stride[axis] >= image[axis] + padding[axis] { count -= 1 }
            result.append(count)
        }
        return result
    }

    /// Begin, end and count of each window of a dimension.
    private func intervals(_ axis: Int, size: Int, positions: Int) -> [Int] {
        var result: [Int] = []
        result.reserveCapacity(3 * positions)
        let (kernel, padding, dilation) = (kernel[axis], padding[axis], dilation[axis])
        for position in 0..<positions {
            let first = position * stride[axis] - padding
            let begin = first < 0 ? first + (dilation - 1 - first) / dilation * dilation : first
            let end = min(first + dilation * (kernel - 1) + 1, size)
            let count = countsPadding ? min(first + kernel, size + padding) - first : end - begin
            result += [begin, max(begin, end), count]
        }
        return result
    }

    func tables(image: [Int], positions: [Int]) -> (space: PoolSpace, intervals: [Int]) {
        var space = PoolSpace(image: image, positions: positions, step: dilation)
        space.divisor = divisor
        let last = rank - 1
        let reach = dilation[last] * (kernel[last] - 1)
        let low = min((padding[last] + stride[last] - 1) / stride[last], positions[last])
        let behind = image[last] - 1 - reach + padding[last]
        let high = behind < 0 ? low : max(low, min(behind / stride[last] + 1, positions[last]))
        (space.low, space.high, space.taps, space.stride) = (low, high, kernel[last], stride[last])
        space.isPairs = rank >= 2
        for axis in 0..<rank {
            let size = axis < rank - 2 ? 1 : 2
            if kernel[axis] != size || stride[axis] != size || padding[axis] != 0 || positions[axis] * size > image[axis] || dilation[axis] != 1 {
                space.isPairs = false
            }
        }
        var all: [Int] = []
        for _ in rank..<3 { all += [0, 1, 1] }
        for axis in 0..<rank { all += intervals(axis, size: image[axis], positions: positions[axis]) }
        return (space, all)
    }
}
