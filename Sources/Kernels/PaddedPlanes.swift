// Planes of an image copied to scratch with their padding, columns sorted by their remainder modulo the stride: whatever
// that is, positions side by side then read a tap's elements side by side. What convolutions read that make no matrix
// (Depthwise.swift, DirectConvolution.swift).

import KernelInterface

/// Where position (z, y, x), counted from the first of `rows`, meets a tap of a channel is element
/// z * deep + y * down + x + offsets[channel * taps + tap].
struct PaddedPlanes<V: KernelMath> {
    let elements: UnsafeMutablePointer<V.Scalar>
    let offsets: UnsafeMutablePointer<Int>
    /// Sizes of what the taps reach; the last one in columns of the same remainder.
    private let planes: Int
    private let lines: Int
    private let length: Int
    private let channels: Int
    let deep: Int
    let down: Int

    /// - rows: of positions, in a plane of them.
    @inline(never) init(
        _ g: ConvolutionSpace, channels: Int, rows: Int, offsets: UnsafeMutablePointer<Int>,
        elements: UnsafeMutablePointer<V.Scalar>
    ) {
        self.channels = channels
        self.offsets = offsets
        self.elements = elements
        planes = g.reach(0)
        lines = (rows - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
        length = g.columnsOfRemainder
        let line = length * g.stride[2]
        deep = lines * line * g.stride[0]
        down = line * g.stride[1]
        fillOffsets(
            g, channels: channels, channelStep: planes * lines * line, plane: lines * line, line: line, remainder: length,
            stride: g.stride[2], offsets)
    }

    /// The image's lines from that of position `row` on.
    @inline(never) func fill(_ g: ConvolutionSpace, _ image: UnsafePointer<V.Scalar>, row: Int) {
        let stride = g.stride[2]
        let reach = g.reach(2)
        let first = row * g.stride[1] - g.padding[1]
        // Beyond the last position nothing is read.
        let last = g.reach(1) - 1 - g.padding[1]
        var target = elements
        for channel in 0..<channels {
            let image = image + channel * g.imageCount
            for plane in 0..<planes {
                let z = g.place(plane - g.padding[0], g.image[0])
                for line in first..<(first + lines) {
                    let y = z < 0 || line > last ? -1 : g.place(line, g.image[1])
                    if y < 0 {
                        copyContiguous(RowOperand<V>(nil, step: 0, constant: 0), target, length * stride)
                    } else {
                        let source = image + (z * g.image[1] + y) * g.image[2]
                        for remainder in 0..<stride {
                            let count = (reach - remainder + stride - 1) / stride
                            gatherRow(
                                V.self, source, size: g.image[2], from: remainder - g.padding[2], stride: stride, count: count,
                                mode: g.mode, to: target + remainder * length)
                        }
                    }
                    target += length * stride
                }
            }
        }
        // Vectors may reach over the end.
        V.zero.store(target)
    }
}

/// The distances of a group's taps, channel after channel: from a channel to the next, a plane, a line, and from columns
/// to those with the next remainder modulo the stride.
@inline(never)
func fillOffsets(
    _ g: ConvolutionSpace, channels: Int, channelStep: Int, plane: Int, line: Int, remainder: Int, stride: Int,
    _ offsets: UnsafeMutablePointer<Int>
) {
    var t = 0
    for channel in 0..<channels {
        for z in 0..<g.kernel[0] {
            for y in 0..<g.kernel[1] {
                let first = channel * channelStep + z * g.dilation[0] * plane + y * g.dilation[1] * line
                for x in 0..<g.kernel[2] {
                    let distance = x * g.dilation[2]
                    offsets[t] = first + (stride == 1 ? distance : distance % stride * remainder + distance / stride)
                    t += 1
                }
            }
        }
    }
}
