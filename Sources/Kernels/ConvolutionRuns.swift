// How a convolution's matrix (KernelInterface/ConvolutionSpace.swift) is walked through, to read it from an image or to add
// it to one.
//
// Columns are cut into runs, positions side by side in one row of positions; the taps of a run read rows of
// the image at a constant step, and what lies outside is dealt with at the two ends of a run.

import KernelInterface

/// Where a coordinate outside the image is found instead; -1: nowhere, it is zero.
@inline(__always) func placeInside(_ i: Int, _ size: Int, _ mode: Int) -> Int {
    if i >= 0 && i < size { return i }
    switch mode {
    case 0: return -1
    case 1: return i < 0 ? -i : 2 * (size - 1) - i
    case 2: return i < 0 ? 0 : size - 1
    default: return i < 0 ? i + size : i - size
    }
}

extension ConvolutionSpace {
    @inline(__always) func place(_ i: Int, _ size: Int) -> Int { placeInside(i, size, mode) }
}

/// A run of positions, and where its first tap reads.
struct PositionRun {
    /// Coordinates in the image; those of the last dimension are of the run's first position.
    var z: Int
    var y: Int
    var x: Int
    /// Positions left in the row.
    var left: Int

    @inline(__always) init(_ g: ConvolutionSpace, _ column: Int) {
        let width = g.positions[2]
        let row = column / width
        let plane = row / g.positions[1]
        let first = column - row * width
        z = plane * g.stride[0] - g.padding[0]
        y = (row - plane * g.positions[1]) * g.stride[1] - g.padding[1]
        x = first * g.stride[2] - g.padding[2]
        left = width - first
    }
}

/// A row of the matrix: channel and tap, counted up.
struct TapCounter {
    var channel: Int
    var z: Int
    var y: Int
    var x: Int

    @inline(__always) init(_ g: ConvolutionSpace, _ row: Int) {
        channel = row / g.taps
        var tap = row - channel * g.taps
        z = tap / (g.kernel[1] * g.kernel[2])
        tap -= z * (g.kernel[1] * g.kernel[2])
        y = tap / g.kernel[2]
        x = tap - y * g.kernel[2]
    }

    /// To the first tap of the next row of taps.
    @inline(__always) mutating func nextRow(_ g: ConvolutionSpace) {
        x = 0
        y += 1
        if y < g.kernel[1] { return }
        y = 0
        z += 1
        if z < g.kernel[0] { return }
        z = 0
        channel += 1
    }
}

/// Which of `count` positions, `stride` apart from x on, lie inside 0..<size.
@inline(__always) func placesInside(_ x: Int, _ stride: Int, _ count: Int, _ size: Int) -> (low: Int, high: Int) {
    if x >= 0 && x + (count - 1) * stride < size { return (0, count) }
    // How many steps to 0, and to the size. Divisions take longer than a short run.
    @inline(__always) func steps(_ distance: Int) -> Int {
        if distance <= 0 { return 0 }
        if stride <= 2 { return (distance + stride - 1) >> (stride - 1) }
        return (distance + stride - 1) / stride
    }
    let low = steps(-x)
    let high = steps(size - x)
    let first = low < count ? low : count
    return (first, high < first ? first : high < count ? high : count)
}
