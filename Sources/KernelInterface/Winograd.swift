// Which convolutions Winograd's algorithm takes, and the sizes that its kernels and its plan agree on
// (Kernels/Winograd.swift explains it). The choice depends on the shape of one sample alone: a sample's bits must
// not depend on its batch.

@frozen
public enum Winograd {
    /// Products for a tile of 4 x 4 results.
    @inlinable public static var points: Int { 36 }
    /// A piece of the forward pass: so many tiles, of any samples, and at most so many outputs; channels are summed
    /// in blocks. Both transforms of a piece fit the second-level cache.
    @inlinable public static var tiles: Int { 32 }
    @inlinable public static var outputs: Int { 64 }
    @inlinable public static var channels: Int { 64 }
    /// The gradient in the weights is summed over blocks of so many tiles, for at most so many outputs and channels.
    @inlinable public static var gradientTiles: Int { 64 }
    @inlinable public static var gradientChannels: Int { 128 }

    /// `count` cut into parts of at most `most`, as equal as possible.
    @inlinable public static func part(_ count: Int, most: Int) -> Int {
        let parts = (count + most - 1) / most
        return (count + parts - 1) / parts
    }
    /// From a point's values of the weights, [channels, outputs padded], to the next: not a power of two, which would
    /// have all points share a set of the cache.
    @inlinable public static func weightStep(outputs: Int, channels: Int) -> Int { channels * padded(outputs) + 16 }
    /// Rows are as long as whole vectors.
    @inlinable public static func padded(_ count: Int) -> Int { (count + 15) & ~15 }
}

extension ConvolutionSpace {
    @inlinable public var tilesDown: Int { (positions[1] + 3) / 4 }
    @inlinable public var tilesAcross: Int { (positions[2] + 3) / 4 }

    /// 3 x 3, without strides, gaps and groups, zeros around the image, channels enough to pay for the transforms of
    /// the image, and tiles enough to fill vectors and to pay for those of the weights in a batch of one.
    public func suitsWinograd(outputs: Int, isDouble: Bool) -> Bool {
        guard !isDouble, groups == 1, mode == ConvolutionPadding.zeros.rawValue, kernel[0] == 1, kernel[1] == 3, kernel[2] == 3,
            image[0] == 1, positions[0] == 1, padding[0] == 0, !hasStride, dilation[1] == 1, dilation[2] == 1,
            padding[1] >= 0, padding[1] <= 2, padding[2] >= 0, padding[2] <= 2
        else { return false }
        let tiles = tilesDown * tilesAcross
        return channels >= 16 && outputs >= 16 && tiles >= 12 && outputs * channels <= 4096 * tiles
    }
}
