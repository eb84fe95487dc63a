// From the matrix of a convolution back to the image: rows of such a matrix are added to the elements that they would have
// been read from (ConvolutionGather.swift).

import CPUFeatures
import KernelInterface

/// Adds rows `row..<row+rows` and columns `column..<column+columns` of one group's matrix, at `from` with
/// `rowStride`, to the image.
@inline(never)
func scatterColumns<V: KernelMath>(
    _: V.Type, _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafeMutablePointer<V.Scalar>, row: Int, rows: Int,
    column: Int, columns: Int, from: UnsafePointer<V.Scalar>, rowStride: Int
) {
    let g = space.pointee
    #if !BASELINE
    if V.self == FloatVector.self && g.fetchesRows && row % g.taps == 0 && rows % g.taps == 0 && columns == g.positionCount {
        fetchRows(
            g, UnsafeMutableRawPointer(image + row / g.taps * g.imageCount).assumingMemoryBound(to: Float.self),
            channels: rows / g.taps, UnsafeRawPointer(from).assumingMemoryBound(to: Float.self), rowStride)
        return
    }
    #endif
    let end = column + columns
    var column = column
    var source = from
    while column < end {
        let run = PositionRun(g, column)
        let count = min(run.left, end - column)
        scatterRun(V.self, g, image, run, count, row, rows, source, rowStride)
        column += count
        source += count
    }
}

#if !BASELINE
extension ConvolutionSpace {
    /// Rows of an image are at most a vector, and of positions too: one dimension or two, no strides, zeros around.
    fileprivate var fetchesRows: Bool {
        image[2] <= FloatVector.lanes && positions[2] <= FloatVector.lanes && image[0] == 1 && positions[0] == 1 && kernel[0] == 1
            && padding[0] == 0 && !hasStride && mode == 0 && kernel[2] <= 16
    }
}

/// A row of the image fetches what every tap sends it: short rows take long to add to what has just been stored.
@inline(never)
private func fetchRows(
    _ g: ConvolutionSpace, _ image: UnsafeMutablePointer<Float>, channels: Int, _ from: UnsafePointer<Float>, _ rowStride: Int
) {
    let width = g.positions[2]
    var target = image
    var taps = from
    for _ in 0..<channels {
        for row in 0..<g.image[1] {
            var sum = FloatVector.load(target, g.image[2])
            for x in 0..<g.kernel[2] {
                // Lane i is sent something by position i + shift, if there is one.
                let shift = g.padding[2] - x * g.dilation[2]
                let low = max(0, -shift)
                let end = min(g.image[2], width - shift)
                if low >= end { continue }
                for y in 0..<g.kernel[1] {
                    let line = row + g.padding[1] - y * g.dilation[1]
                    if line < 0 || line >= g.positions[1] { continue }
                    sum += cr_load_between_floats(taps + ((y * g.kernel[2] + x) * rowStride + line * width + shift), low, end)
                }
            }
            sum.store(target, g.image[2])
            target += g.image[2]
        }
        taps += g.taps * rowStride
    }
}
#endif

/// Taps that read the same row of the image at neighbouring places are not added one after the other: each
/// would wait until the one before is stored. So the innermost tap is the outer loop, if rows of taps are whole.
@inline(__always)
private func scatterRun<V: KernelMath>(
    _: V.Type, _ g: ConvolutionSpace, _ image: UnsafeMutablePointer<V.Scalar>, _ run: PositionRun, _ count: Int,
    _ row: Int, _ rows: Int, _ from: UnsafePointer<V.Scalar>, _ rowStride: Int
) {
    let size = g.kernel[2]
    let isWhole = row % size == 0 && rows % size == 0
    for x in 0..<(isWhole ? size : 1) {
        var tap = TapCounter(g, row)
        var source = from + x * rowStride
        var k = 0
        while k < rows {
            let taps = min(size - tap.x, rows - k)
            let z = g.place(run.z + tap.z * g.dilation[0], g.image[0])
            let y = g.place(run.y + tap.y * g.dilation[1], g.image[1])
            if z >= 0 && y >= 0 {
                let target = image + tap.channel * g.imageCount + (z * g.image[1] + y) * g.image[2]
                if isWhole {
                    scatterRow(V.self, g, target, run.x + x * g.dilation[2], count, source)
                } else {
                    for t in 0..<taps {
                        scatterRow(V.self, g, target, run.x + (tap.x + t) * g.dilation[2], count, source + t * rowStride)
                    }
                }
            }
            source += taps * rowStride
            k += taps
            tap.nextRow(g)
        }
    }
}

/// target[x + i * stride] += source[i], or where the padding takes that from.
@inline(__always)
private func scatterRow<V: KernelMath>(
    _: V.Type, _ g: ConvolutionSpace, _ target: UnsafeMutablePointer<V.Scalar>, _ x: Int, _ count: Int,
    _ source: UnsafePointer<V.Scalar>
) {
    let width = g.image[2]
    let stride = g.stride[2]
    let (low, high) = placesInside(x, stride, count, width)
    if g.mode != 0 {
        for i in 0..<low { target[g.place(x + i * stride, width)] += source[i] }
        for i in high..<count { target[g.place(x + i * stride, width)] += source[i] }
    }
    let p = target + x
    if stride == 1 {
        var i = low
        while i < high {
            let n = min(V.lanes, high - i)
            (V.load(p + i, n) + V.load(source + i, n)).store(p + i, n)
            i += n
        }
    } else if stride == 2 {
        // Elements between are written as they are; no other piece has them.
        var i = low
        while i < high {
            let n = min(V.lanes, high - i)
            let q = p + 2 * i
            let span = 2 * n - 1
            let v = V.load(source + i, n)
            let first = min(span, V.lanes)
            (V.load(q, first) + v.spreadLow).store(q, first)
            if span > V.lanes {
                (V.load(q + V.lanes, span - V.lanes) + v.spreadHigh).store(q + V.lanes, span - V.lanes)
            }
            i += n
        }
    } else {
        for i in low..<high { p[i * stride] += source[i] }
    }
}
