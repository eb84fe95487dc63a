// From the matrix of a convolution back to the image: rows of such a matrix are added to the elements that they would have
// been read from (ConvolutionGather.swift).

import KernelInterface

/// Adds rows `row..<row+rows` and columns `column..<column+columns` of one group's matrix, at `from` with
/// `rowStride`, to the image.
@inline(never)
func scatterColumns<V: KernelMath>(
    _: V.Type, _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafeMutablePointer<V.Scalar>, row: Int, rows: Int,
    column: Int, columns: Int, from: UnsafePointer<V.Scalar>, rowStride: Int
) {
    let g = space.pointee
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
