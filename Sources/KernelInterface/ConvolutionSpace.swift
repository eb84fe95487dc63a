// How the positions of a convolution read an image. One to three spatial dimensions are three here, with
// leading sizes of 1. A call holds a pointer to one of these in the plan's memory.
//
// Convolution, its two gradients, transposed convolution, unfold and fold all speak of one matrix that is
// never made: its rows are (channel, tap of the kernel), its columns the positions, and its element is
// image[channel, position * stride + tap * dilation - padding].

/// What lies outside the image.
public enum ConvolutionPadding: Int, CaseIterable, Sendable {
    case zeros, reflect, replicate, circular
}

@frozen
public struct ConvolutionSpace: Sendable {
    public var samples: Int
    public var groups: Int
    /// Of the image, in one group.
    public var channels: Int
    public var image: InlineArray<3, Int>
    public var positions: InlineArray<3, Int>
    public var kernel: InlineArray<3, Int>
    public var stride: InlineArray<3, Int>
    public var dilation: InlineArray<3, Int>
    /// Before the first element; negative: positions begin inside the image.
    public var padding: InlineArray<3, Int>
    /// `ConvolutionPadding`
    public var mode: Int
    public var imageCount: Int
    public var positionCount: Int
    public var taps: Int

    /// Lists of one to three numbers, outermost dimension first.
    public init(
        samples: Int, groups: Int, channels: Int, image: [Int], positions: [Int], kernel: [Int], stride: [Int],
        dilation: [Int], padding: [Int], mode: ConvolutionPadding
    ) {
        func three(_ list: [Int], _ filling: Int) -> InlineArray<3, Int> {
            var result = InlineArray<3, Int>(repeating: filling)
            for (index, number) in list.enumerated() { result[3 - list.count + index] = number }
            return result
        }
        self.samples = samples
        self.groups = groups
        self.channels = channels
        self.image = three(image, 1)
        self.positions = three(positions, 1)
        self.kernel = three(kernel, 1)
        self.stride = three(stride, 1)
        self.dilation = three(dilation, 1)
        self.padding = three(padding, 0)
        self.mode = mode.rawValue
        imageCount = image.reduce(1, *)
        positionCount = positions.reduce(1, *)
        taps = kernel.reduce(1, *)
    }

    /// Each position reads its own element and no other: the matrix is the image.
    public var isPointwise: Bool {
        guard taps == 1 else { return false }
        for axis in 0..<3 where stride[axis] != 1 || padding[axis] != 0 || image[axis] != positions[axis] { return false }
        return true
    }

    /// Every tap of every position lies inside the image, and those of positions side by side lie side by side.
    public var isDense: Bool {
        for axis in 0..<3 where padding[axis] != 0 || reach(axis) > image[axis] { return false }
        return stride[2] == 1
    }

    /// Elements along an axis from the first position's first tap to the last one's last.
    @inlinable public func reach(_ axis: Int) -> Int {
        (positions[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
    }

    /// Columns of a padded plane that have the same remainder modulo the stride.
    @inlinable public var columnsOfRemainder: Int { (reach(2) + stride[2] - 1) / stride[2] }

    public var hasStride: Bool { stride[0] * stride[1] * stride[2] != 1 }

    /// Rows of the matrix for one group.
    public var depth: Int { channels * taps }
}

/// Scratch of a thread that a convolution's kernels keep for themselves, behind what the matrix product
/// uses: the strip of A, and packed columns of B.
public let convolutionScratchOffset = matrixMultiplyStripBytes + (512 << 10)

/// Where a convolution that multiplies an image as it lies keeps what in a thread's scratch (Kernels/DirectConvolution.swift).
public enum DirectRoom {
    static let mostDepth = 512
    static let mostOutputs = 64
    /// Of a piece.
    static let mostColumns = 256
    static let mostPlaneBytes = 256 << 10
    public static let offsets = 0
    public static let weights = offsets + mostDepth * 8
    public static let tiles = weights + mostDepth * mostOutputs * 4
    public static let turned = tiles + mostColumns * 64
    public static let planes = turned + 16 * 64
}

extension ConvolutionSpace {
    /// Rows of positions that a piece of so many columns may touch; with several planes of positions, all.
    public func directRows(columns: Int) -> Int {
        positions[0] > 1 ? positions[1] : min(positions[1], (columns - 1) / positions[2] + 2)
    }

    /// Whether multiplying the image as it lies is faster than gathering its matrix first, in float32: where there are few
    /// outputs to share what is gathered, but enough to fill vectors, and positions enough side by side.
    public func suitsDirect(outputs: Int) -> Bool {
        taps > 1 && outputs * 4 >= (outputs + 15) / 16 * 16 * 3 && positions[2] >= 4 && fitsDirect(outputs: outputs)
    }

    /// Whether the image can be multiplied so: the depth is one block, and what is copied has room.
    public func fitsDirect(outputs: Int) -> Bool {
        guard outputs <= DirectRoom.mostOutputs, depth <= DirectRoom.mostDepth else { return false }
        if isDense { return true }
        let rows = Double(directRows(columns: DirectRoom.mostColumns))
        let lines = (rows - 1) * Double(stride[1]) + Double(kernel[1] - 1) * Double(dilation[1]) + 1
        let planes = Double(positions[0] - 1) * Double(stride[0]) + Double(kernel[0] - 1) * Double(dilation[0]) + 1
        let line = Double(positions[2] + 1) * Double(stride[2]) + Double(kernel[2] - 1) * Double(dilation[2])
        return Double(channels) * planes * lines * line < Double(DirectRoom.mostPlaneBytes / 4 - 64)
    }
}

/// Limits of the kernels that keep one padded plane in a thread's scratch.
@frozen
public enum DepthwisePlane {
    @inlinable public static var mostTaps: Int { 4096 }
    @inlinable public static var mostBytes: Int { kernelScratchBytes - mostTaps * 8 }
}
