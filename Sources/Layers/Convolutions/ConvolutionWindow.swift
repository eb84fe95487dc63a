// A kernel's window on an image of one to three dimensions: its size, how it is moved, what lies around the
// image. Convolutions, unfold and fold read their attributes into one.

import KernelInterface
import Tensors

struct ConvolutionWindow: Sendable {
    let kernel: [Int]
    let stride: [Int]
    let dilation: [Int]
    /// Elements before and behind the image.
    private(set) var before: [Int]
    private(set) var behind: [Int]
    let mode: ConvolutionPadding

    var rank: Int { kernel.count }
    var taps: Int { kernel.reduce(1, *) }

    static let largest = 1 << 20

    /// A number for all dimensions, or one for each, from a smallest to 2^20.
    static func numbers(_ attributes: Attributes, _ name: String, rank: Int, least: Int, kind: String) throws(ChainruleError) -> [Int] {
        try spread(attributes.integers(name), name, rank: rank, least: least, kind: kind)
    }

    private static func spread(
        _ list: [Int], _ name: String, rank: Int, least: Int, kind: String
    ) throws(ChainruleError) -> [Int] {
        let isPadding = name == "padding"
        let counts = isPadding ? [1, rank, 2 * rank] : [1, rank]
        guard counts.contains(list.count), list.allSatisfy({ $0 >= least && $0 <= largest }) else {
            var allowed = rank == 1 ? "1 number" : "1 or \(rank) numbers"
            if isPadding { allowed = rank == 1 ? "same, valid, or 1 or 2 numbers" : "same, valid, or 1, \(rank) or \(2 * rank) numbers" }
            throw ChainruleError(
                .attribute, "\(kind)'s \(name)", expected: "\(allowed) from \(least) to \(largest)",
                got: "\"" + list.map(String.init).joined(separator: ",") + "\"")
        }
        return list.count == 1 ? Array(repeating: list[0], count: rank) : list
    }

    /// - allowsWords: padding may be "same" or "valid".
    init(
        _ attributes: Attributes, rank: Int, kind: String, mode: ConvolutionPadding = .zeros, allowsWords: Bool
    ) throws(ChainruleError) {
        kernel = try Self.numbers(attributes, "kernel_size", rank: rank, least: 1, kind: kind)
        stride = try Self.numbers(attributes, "stride", rank: rank, least: 1, kind: kind)
        dilation = try Self.numbers(attributes, "dilation", rank: rank, least: 1, kind: kind)
        self.mode = mode
        before = Array(repeating: 0, count: rank)
        behind = before
        let text = attributes.text("padding")
        switch (text, allowsWords) {
        case ("valid", true): break
        case ("same", true):
            guard stride.allSatisfy({ $0 == 1 }) else {
                throw ChainruleError(
                    .attribute, "\(kind)'s stride", expected: "1 with padding=same",
                    got: "\"" + stride.map(String.init).joined(separator: ",") + "\"")
            }
            for axis in 0..<rank {
                let both = dilation[axis] * (kernel[axis] - 1)
                before[axis] = both / 2
                behind[axis] = both - both / 2
            }
        default:
            var list: [Int] = []
            for word in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let number = wholeNumber(word) else {
                    throw ChainruleError(
                        .attribute, "\(kind)'s padding",
                        expected: (allowsWords ? "same, valid, or " : "") + "numbers from 0 to \(Self.largest), with commas", got: "\"\(text)\"")
                }
                list.append(number)
            }
            list = try Self.spread(list, "padding", rank: rank, least: 0, kind: kind)
            let isPair = list.count == 2 * rank
            for axis in 0..<rank {
                before[axis] = isPair ? list[2 * axis] : list[axis]
                behind[axis] = isPair ? list[2 * axis + 1] : list[axis]
            }
        }
    }

    /// Positions of the window on an image of these sizes.
    func positions(_ image: [Int], kind: String) throws(ChainruleError) -> [Int] {
        var result: [Int] = []
        for axis in 0..<rank {
            try checkMode(image[axis], axis, kind: kind)
            let free = image[axis] + before[axis] + behind[axis] - dilation[axis] * (kernel[axis] - 1) - 1
            guard image[axis] > 0, free >= 0 else {
                throw ChainruleError(
                    .shape, "\(kind)'s input", expected: "at least \(max(1, image[axis] - free)) in dimension \(axis - rank), which the kernel spans",
                    got: "\(image[axis])")
            }
            result.append(free / stride[axis] + 1)
        }
        return result
    }

    private func checkMode(_ size: Int, _ axis: Int, kind: String) throws(ChainruleError) {
        let most = mode == .reflect ? size - 1 : mode == .circular ? size : Int.max
        let padding = max(before[axis], behind[axis])
        guard padding <= most else {
            throw ChainruleError(
                .shape, "\(kind)'s padding", expected: "at most \(most) in dimension \(axis - rank) of \(size) elements", got: "\(padding)")
        }
    }

    /// The sizes of the image that has these positions: what a transposed convolution makes.
    func image(_ positions: [Int], more: [Int], kind: String) throws(ChainruleError) -> [Int] {
        var result: [Int] = []
        for axis in 0..<rank {
            guard positions[axis] > 0 else {
                throw ChainruleError(.shape, "\(kind)'s input", expected: "at least 1 in dimension \(axis - rank)", got: "\(positions[axis])")
            }
            let (span, overflow) = (positions[axis] - 1).multipliedReportingOverflow(by: stride[axis])
            guard !overflow, span < Shape.maximumBytes else {
                throw ChainruleError(.shape, "\(kind)'s output", expected: "at most 2^46 bytes in all", got: "more")
            }
            let size = span + dilation[axis] * (kernel[axis] - 1) + 1 + more[axis] - before[axis] - behind[axis]
            guard size > 0 else {
                throw ChainruleError(
                    .shape, "\(kind)'s output", expected: "at least 1 in dimension \(axis - rank)", got: "\(size)")
            }
            result.append(size)
        }
        return result
    }

    func space(
        samples: Int, groups: Int = 1, channels: Int, image: [Int], positions: [Int]
    ) -> ConvolutionSpace {
        ConvolutionSpace(
            samples: samples, groups: groups, channels: channels, image: image, positions: positions, kernel: kernel,
            stride: stride, dilation: dilation, padding: before, mode: mode)
    }
}

extension ConvolutionSpace {
    /// Whether the gradient in the image is better taken as a convolution of dy than by adding up: only
    /// without strides, and unless dy has many more elements than the image's matrix.
    func isBetterReversed(outputs: Int) -> Bool {
        !hasStride && mode == ConvolutionPadding.zeros.rawValue
            && Double(outputs) * Double(imageCount) < 2 * Double(channels) * Double(positionCount)
    }

    /// The kernel lies on the whole image: a linear layer.
    var isWhole: Bool {
        for axis in 0..<3 where positions[axis] != 1 || kernel[axis] != image[axis] || padding[axis] != 0 { return false }
        for axis in 0..<3 where kernel[axis] > 1 && dilation[axis] != 1 { return false }
        return groups == 1
    }

    /// One channel a group, and its plane, padded, fits a thread's scratch: no matrix is made, taps are
    /// multiplied as they are (Kernels/Depthwise.swift).
    func isDepthwise(isDouble: Bool) -> Bool {
        guard channels == 1, taps <= DepthwisePlane.mostTaps else { return false }
        var count = 1.0
        for axis in 0..<3 {
            let size = Double(positions[axis] - 1) * Double(stride[axis]) + Double(dilation[axis]) * Double(kernel[axis] - 1) + 1
            count *= size + (axis == 2 ? Double(stride[axis]) : 0)
        }
        return count < Double(DepthwisePlane.mostBytes / (isDouble ? 8 : 4) - 64)
    }

    /// The convolution, stride 1, that takes the gradient in this one's result to that in its image: the
    /// kernel turned round, its channels exchanged.
    func reversed(outputs: Int) -> ConvolutionSpace {
        var space = self
        space.channels = outputs
        (space.image, space.positions) = (positions, image)
        (space.imageCount, space.positionCount) = (positionCount, imageCount)
        for axis in 0..<3 { space.padding[axis] = dilation[axis] * (kernel[axis] - 1) - padding[axis] }
        return space
    }
}
