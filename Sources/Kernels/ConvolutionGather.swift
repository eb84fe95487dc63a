// The matrix of a convolution (KernelInterface/ConvolutionSpace.swift), read from an image piece by piece
// into scratch, where the matrix product uses it at once: the whole is never made. ConvolutionScatter.swift is the way
// back.

import KernelInterface

/// Copies rows `row..<row+rows` and columns `column..<column+columns` of one group's matrix to panels of
/// `panel` columns, `panelStep` elements apart; the last panel is filled up with zeros.
@inline(never)
func gatherColumns<V: KernelMath>(
    _: V.Type, _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafePointer<V.Scalar>, row: Int, rows: Int,
    column: Int, columns: Int, to: UnsafeMutablePointer<V.Scalar>, rowStride: Int, panel: Int, panelStep: Int
) {
    let g = space.pointee
    let end = column + columns
    var column = column
    var target = to
    while column < end {
        let last = min(column + panel, end)
        let done = g.stride[2] == 1 ? copyInner(V.self, g, image, row, rows, column, last, target, rowStride) : 0
        var place = target + done * rowStride
        let first = column
        while column < last {
            let run = PositionRun(g, column)
            let count = min(run.left, last - column)
            if count <= V.lanes {
                gatherRun(V.self, g, image, run, count, row + done, rows - done, place, rowStride, isNarrow: true)
            } else {
                gatherRun(V.self, g, image, run, count, row + done, rows - done, place, rowStride, isNarrow: false)
            }
            column += count
            place += count
        }
        if last - first < panel {
            for k in 0..<rows { clear(V.self, target + (k * rowStride + last - first), panel - (last - first)) }
        }
        target += panelStep
    }
}

/// Copies runs whose taps all lie inside the image by whole vectors: what one writes too much the next one overwrites, or
/// the panel's next row. Returns how many rows it has copied: none if a run is at the border, else up to the first one of
/// which reading or writing too much would leave the arrays, in the last channel or the panel's last row.
@inline(never)
private func copyInner<V: KernelMath>(
    _: V.Type, _ g: ConvolutionSpace, _ image: UnsafePointer<V.Scalar>, _ row: Int, _ rows: Int, _ first: Int, _ last: Int,
    _ to: UnsafeMutablePointer<V.Scalar>, _ rowStride: Int
) -> Int {
    if rows <= 1 || rowStride < V.lanes || g.imageCount < V.lanes { return 0 }
    var room = InlineArray<80, Int>(repeating: 0)
    return withUnsafeMutableBytes(of: &room) { bytes in
        // By vector: where the first tap reads in a channel, and its place in the panel; then where the last one ends.
        let sources = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Int.self)
        let places = sources + 32
        let count = innerVectors(V.self, g, first, last, sources, places, most: 32)
        if count == 0 { return 0 }
        var tap = TapCounter(g, row)
        var target = to
        var k = 0
        while k < rows - 1 {
            let taps = min(g.kernel[2] - tap.x, rows - 1 - k)
            let first = (tap.z * g.dilation[0] * g.image[1] + tap.y * g.dilation[1]) * g.image[2] + tap.x * g.dilation[2]
            let end = first + (taps - 1) * g.dilation[2] + sources[count - 1] + V.lanes
            if tap.channel == g.channels - 1 && end > g.imageCount { break }
            var source = image + tap.channel * g.imageCount + first
            for _ in 0..<taps {
                for i in 0..<count {
                    #if AVX2
                    if places[i + 1] - places[i] <= V.lanes / 2 {
                        copyElements(UnsafePointer(source + sources[i]), target + places[i], V.lanes / 2)
                        continue
                    }
                    #endif
                    V.load(source + sources[i]).store(target + places[i])
                }
                source += g.dilation[2]
                target += rowStride
            }
            k += taps
            tap.nextRow(g)
        }
        return k
    }
}

/// Vectors that cover columns `first..<last`; 0 if a tap lies outside the image or there are more than `most`.
@inline(__always)
private func innerVectors<V: KernelMath>(
    _: V.Type, _ g: ConvolutionSpace, _ first: Int, _ last: Int, _ sources: UnsafeMutablePointer<Int>,
    _ places: UnsafeMutablePointer<Int>, most: Int
) -> Int {
    let deep = (g.kernel[0] - 1) * g.dilation[0]
    let down = (g.kernel[1] - 1) * g.dilation[1]
    let across = (g.kernel[2] - 1) * g.dilation[2]
    var count = 0
    var column = first
    while column < last {
        let run = PositionRun(g, column)
        let length = min(run.left, last - column)
        guard run.z >= 0, run.y >= 0, run.x >= 0, run.z + deep < g.image[0], run.y + down < g.image[1],
            run.x + across + length <= g.image[2]
        else { return 0 }
        var place = 0
        while place < length {
            if count == most { return 0 }
            sources[count] = (run.z * g.image[1] + run.y) * g.image[2] + run.x + place
            places[count] = column - first + place
            count += 1
            place += V.lanes
        }
        column += length
    }
    places[count] = last - first
    return count
}

@inline(__always) private func clear<V: KernelMath>(_: V.Type, _ p: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    var i = 0
    while i + V.lanes <= count {
        V.zero.store(p + i)
        i += V.lanes
    }
    if i < count { V.zero.store(p + i, count - i) }
}

/// - isNarrow: a run is at most a vector.
@inline(__always)
private func gatherRun<V: KernelMath>(
    _: V.Type, _ g: ConvolutionSpace, _ image: UnsafePointer<V.Scalar>, _ run: PositionRun, _ count: Int, _ row: Int,
    _ rows: Int, _ to: UnsafeMutablePointer<V.Scalar>, _ rowStride: Int, isNarrow: Bool
) {
    let width = g.image[2]
    let step = g.dilation[2]
    let isDense = g.stride[2] == 1
    // First coordinates from which the whole run lies inside.
    let last = width - count
    var tap = TapCounter(g, row)
    var target = to
    var k = 0
    while k < rows {
        let taps = min(g.kernel[2] - tap.x, rows - k)
        let z = g.place(run.z + tap.z * g.dilation[0], g.image[0])
        let y = g.place(run.y + tap.y * g.dilation[1], g.image[1])
        if z < 0 || y < 0 {
            for _ in 0..<taps {
                clear(V.self, target, count)
                target += rowStride
            }
        } else {
            let source = image + tap.channel * g.imageCount + (z * g.image[1] + y) * width
            var x = run.x + tap.x * step
            for _ in 0..<taps {
                if isDense && x >= 0 && x <= last {
                    if isNarrow {
                        V.load(source + x, count).store(target, count)
                    } else {
                        copyContiguous(RowOperand<V>(source + x, step: 1, constant: 0), target, count)
                    }
                } else if isDense && g.mode == 0 {
                    clear(V.self, target, count)
                    let low = max(0, min(count, -x))
                    let high = min(count, width - x)
                    if low < high {
                        if isNarrow {
                            V.load(source + x + low, high - low).store(target + low, high - low)
                        } else {
                            copyContiguous(RowOperand<V>(source + x + low, step: 1, constant: 0), target + low, high - low)
                        }
                    }
                } else {
                    gatherRow(V.self, source, size: width, from: x, stride: g.stride[2], count: count, mode: g.mode, to: target)
                }
                x += step
                target += rowStride
            }
        }
        k += taps
        tap.nextRow(g)
    }
}

/// target[i] = source[x + i * stride], or what the padding holds outside 0..<size.
@inline(never)
func gatherRow<V: KernelMath>(
    _: V.Type, _ source: UnsafePointer<V.Scalar>, size: Int, from x: Int, stride: Int, count: Int, mode: Int,
    to target: UnsafeMutablePointer<V.Scalar>
) {
    let (low, high) = placesInside(x, stride, count, size)
    for i in 0..<low { target[i] = outside(source, size, x + i * stride, mode) }
    if stride == 1 {
        if low < high { copyContiguous(RowOperand<V>(source + x + low, step: 1, constant: 0), target + low, high - low) }
    } else if stride == 2 {
        var i = low
        while i < high {
            let n = min(V.lanes, high - i)
            let p = source + (x + 2 * i)
            let span = 2 * n - 1
            let second = span > V.lanes ? V.load(p + V.lanes, span - V.lanes) : V.zero
            V.evens(V.load(p, min(span, V.lanes)), second).store(target + i, n)
            i += n
        }
    } else {
        let p = source + x
        for i in low..<high { target[i] = p[i * stride] }
    }
    for i in high..<count { target[i] = outside(source, size, x + i * stride, mode) }
}

@inline(__always)
private func outside<T: BinaryFloatingPoint>(_ source: UnsafePointer<T>, _ size: Int, _ i: Int, _ mode: Int) -> T {
    let place = placeInside(i, size, mode)
    return place < 0 ? 0 : source[place]
}
