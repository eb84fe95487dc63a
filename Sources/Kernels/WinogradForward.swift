// Winograd's convolution (Winograd.swift), float32.
//
// winogradFilters: the weights' values [points, channels, outputs], outputs padded to whole vectors.
//   pointers  0 weights [outputs, channels, 9]  6 values, written
//   integers  0 outputs  1 channels.  Pieces: 16 outputs.
// winogradForward: a piece is a block of tiles and some outputs. For each block of channels it transforms the image
// and, point by point, multiplies: the image's values at a point (8 KB) and the weights' (16 KB) are then in
// the first-level cache. Sums stay in scratch until all channels are in; then they become results.
//   pointers  1 image  2 results  3 bias (nil: none)  5 saved (for reluGradient, a derivative)  6 values of the weights
//             7 ConvolutionSpace  8 means, 9 variances, 10 weights, 11 biases of the batch norm that follows
//             (8 nil: none; 10, 11 nil: 1, 0)
//   integers  0 outputs  1 outputs of a piece  2 pieces of outputs  15 `MatrixMultiplyFlags` of the epilogue
//   scalars   0, 1 of the function  2 eps of the batch norm

import CPUFeatures
import KernelInterface

#if !BASELINE

private typealias V = FloatVector

let winogradFiltersKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    for piece in begin..<end {
        var first = piece * 16
        let last = min(first + 16, arguments.integer(0))
        while first < last {
            transformFilters(arguments, first, min(V.lanes, last - first), scratch.unsafelyUnwrapped)
            first += V.lanes
        }
    }
}

/// The filters of a vector of outputs.
private func transformFilters(_ call: Arguments, _ output: Int, _ count: Int, _ scratch: UnsafeMutableRawPointer) {
    let channels = call.integer(1)
    let weights = call.input(0, Float.self) + output * channels * 9
    let row = Winograd.padded(call.integer(0))
    let step = Winograd.weightStep(outputs: call.integer(0), channels: channels)
    let turned = scratch.assumingMemoryBound(to: Float.self)
    let columns = turned + Winograd.channels * 9 * V.lanes
    let values = call.output(6, Float.self) + output
    var channel = 0
    while channel < channels {
        let block = min(Winograd.channels, channels - channel)
        packPanels(
            V.self, weights + channel * 9, 1, channels * 9, transposed: true, depth: block * 9, columns: count, vectors: 1,
            to: turned)
        for c in 0..<block {
            let w = turned + c * 9 * V.lanes
            let to = values + (channel + c) * row
            for x in 0..<3 { transformWeights(w + x * V.lanes, 3 * V.lanes, columns + x * V.lanes, 3 * V.lanes) }
            for i in 0..<6 { transformWeights(columns + 3 * i * V.lanes, V.lanes, to + 6 * i * step, step) }
        }
        channel += block
    }
}

let winogradForwardKernel: Kernel = { call, begin, end, scratch in
    for piece in begin..<end { winogradPiece(Arguments(call), piece, scratch.unsafelyUnwrapped) }
}

/// From one point to the next: not a power of two, which would have all points share a set of the cache.
@inline(__always) private func pointStep(_ rows: Int) -> Int { rows * Winograd.tiles + 16 }

private func winogradPiece(_ call: Arguments, _ piece: Int, _ scratch: UnsafeMutableRawPointer) {
    let space = call.input(7, ConvolutionSpace.self)
    let all = space.pointee.channels
    let parts = call.integer(2)
    let output = piece % parts * call.integer(1)
    let outputs = min(call.integer(1), call.integer(0) - output)
    let first = piece / parts * Winograd.tiles
    let end = min(first + Winograd.tiles, space.pointee.samples * space.pointee.tilesDown * space.pointee.tilesAcross)
    let image = TileRoom(scratch).rest
    let length = Winograd.part(all, most: Winograd.channels)
    var channel = 0
    while channel < all {
        let channels = min(length, all - channel)
        // Products are what gains from AVX-512; its transforms are AVX2's (Elsewhere.swift).
        #if AVX512
        avx2WinogradImage(space, call.input(1), scratch, first, end, channel, channels)
        #else
        transformTiles(space, call.input(1), scratch, first, end, channel, channels)
        #endif
        multiplyPoints(
            call, image, channels: channels, image + sumsOffset, output: output, outputs: outputs, from: channel, of: all,
            vectors: (end - first + V.lanes - 1) / V.lanes)
        channel += channels
    }
    #if AVX512
    avx2WinogradResults(call.call, scratch, first, end, output, outputs)
    #else
    finishTiles(call, scratch, first, end, output, outputs)
    #endif
}

/// Where the sums begin, behind the image's values.
@inline(__always) private var sumsOffset: Int { Winograd.points * pointStep(Winograd.channels) }

/// The image's values of tiles `first..<end`, some channels.
@inline(never)
func transformTiles(
    _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafePointer<Float>, _ scratch: UnsafeMutableRawPointer, _ first: Int,
    _ end: Int, _ channel: Int, _ channels: Int
) {
    let room = TileRoom(scratch)
    let block = TileBlock(space, room, first: first, end: end)
    let values = room.rest
    let g = space.pointee
    let length = TileRoom.rowLength
    let step = pointStep(Winograd.channels)
    for c in 0..<channels {
        for r in 0..<block.count {
            let run = block.runs[r]
            let plane = image + (run.sample * g.channels + channel + c) * g.imageCount
            let from = RunRows(
                run, plane, height: g.image[1], size: g.image[2], side: 6, padding: (g.padding[1], g.padding[2]),
                zeros: room.zeros)
            let (row0, row1, row2, row3, row4, row5) = (from[0], from[1], from[2], from[3], from[4], from[5])
            if from.low > 0 {
                for i in 0..<6 { V.zero.store(room.rows + i * length) }
            }
            var x = from.low
            while x < from.width {
                let n = from.inside(x)
                let d = winogradImage([
                    V.load(row0 + x, n), V.load(row1 + x, n), V.load(row2 + x, n), V.load(row3 + x, n), V.load(row4 + x, n),
                    V.load(row5 + x, n),
                ])
                for i in 0..<6 { d[i].store(room.rows + i * length + x) }
                x += V.lanes
            }
            for i in 0..<6 {
                spreadTiles(
                    room.rows + i * length, room.places + 6 * i * TileRoom.placeLength, place: run.place, count: run.count,
                    side: 6)
            }
        }
        for i in 0..<6 {
            let from = room.places + 6 * i * TileRoom.placeLength
            for v in 0..<block.vectors {
                transformImage(
                    from + v * V.lanes, TileRoom.placeLength, values + 6 * i * step + c * Winograd.tiles + v * V.lanes, step)
            }
        }
    }
}

/// sums[point] (+)= weights' values . image's values
@inline(never)
private func multiplyPoints(
    _ call: Arguments, _ image: UnsafePointer<Float>, channels: Int, _ sums: UnsafeMutablePointer<Float>, output: Int,
    outputs: Int, from channel: Int, of all: Int, vectors: Int
) {
    let row = Winograd.padded(call.integer(0))
    let weights = call.input(6, Float.self) + channel * row + output
    let weightStep = Winograd.weightStep(outputs: call.integer(0), channels: all)
    let heights = StripHeights(rows: outputs)
    let width = vectors >= tileSizes.vectors ? tileSizes.vectors : 1
    var s = Strip<V>(
        a: UnsafeRawPointer(weights), b: UnsafeRawPointer(image), partial: UnsafePointer(sums), result: sums,
        ahead: UnsafeRawPointer(weights))
    s.aRow = 4
    s.aColumn = row * 4
    s.bRow = Winograd.tiles * 4
    s.bStep = width * V.lanes * 4
    s.depth = channels
    s.partialRow = Winograd.tiles
    s.resultRow = Winograd.tiles
    s.tiles = (vectors + width - 1) / width
    s.tail = V.lanes
    s.addsPartial = channel > 0
    for point in 0..<Winograd.points {
        let a = weights + point * weightStep
        s.b = UnsafeRawPointer(image + point * pointStep(Winograd.channels))
        var first = 0
        for strip in 0..<heights.count {
            let rows = heights[strip]
            s.a = UnsafeRawPointer(a + first)
            // While a strip is multiplied, two lines of each channel of the next point's weights are fetched.
            let isNeeded = 32 * strip < outputs && point + 1 < Winograd.points
            s.ahead = isNeeded ? UnsafeRawPointer(a + weightStep + 32 * strip) : s.a
            s.aheadRow = isNeeded ? 64 : 0
            s.aheadColumn = isNeeded ? s.aColumn : 0
            let target = sums + point * pointStep(Winograd.outputs) + first * Winograd.tiles
            s.partial = UnsafePointer(target)
            s.result = target
            runStrip(&s, rows: rows, vectors: width)
            first += rows
        }
    }
}

/// The batch norm behind the convolution for one output, as normForward (Norm.swift) does it.
private struct Norm {
    var mean = V.zero
    var factor = V.one
    var shift = V.zero
    let isThere: Bool

    @inline(__always) init(_ call: Arguments, _ output: Int) {
        isThere = call.has(8)
        if !isThere { return }
        mean = V(repeating: call.input(8, Float.self)[output])
        factor = V.one / (V(repeating: call.input(9, Float.self)[output]) + V(repeating: call.scalar(2))).root
        if call.has(10) { factor = factor * V(repeating: call.input(10, Float.self)[output]) }
        if call.has(11) { shift = V(repeating: call.input(11, Float.self)[output]) }
    }
}

/// From sums to results, for some outputs.
@inline(never)
func finishTiles(
    _ call: Arguments, _ scratch: UnsafeMutableRawPointer, _ first: Int, _ end: Int, _ output: Int, _ outputs: Int
) {
    let space = call.input(7, ConvolutionSpace.self)
    let room = TileRoom(scratch)
    let block = TileBlock(space, room, first: first, end: end)
    let sums = room.rest + sumsOffset
    let g = space.pointee
    let flags = MatrixMultiplyFlags(bits: call.integer(15))
    let isRelu = flags.has(MatrixMultiplyFlags.relu)
    let step = pointStep(Winograd.outputs)
    let length = TileRoom.rowLength
    for o in 0..<outputs {
        let channel = output + o
        let bias = V(repeating: call.has(3) ? call.input(3, Float.self)[channel] : 0)
        let norm = Norm(call, channel)
        for v in 0..<block.vectors {
            let from = sums + o * Winograd.tiles + v * V.lanes
            let columns = room.places
            for j in 0..<6 { transformResults(from + j * step, 6 * step, columns + j * V.lanes, 6 * V.lanes) }
            for r in 0..<4 {
                var y = winogradResults(loadSix(columns + 6 * r * V.lanes, V.lanes))
                for x in 0..<4 {
                    y[x] += bias
                    if norm.isThere { y[x] = V.fma(y[x] - norm.mean, norm.factor, norm.shift) }
                    if isRelu { y[x] = V.atLeast(y[x], V.zero) }
                }
                let to = room.rows + r * length + 4 * v * V.lanes
                let (low1, low2) = (V.interleaveLow(y[0], y[2]), V.interleaveLow(y[1], y[3]))
                let (high1, high2) = (V.interleaveHigh(y[0], y[2]), V.interleaveHigh(y[1], y[3]))
                V.interleaveLow(low1, low2).store(to)
                V.interleaveHigh(low1, low2).store(to + V.lanes)
                V.interleaveLow(high1, high2).store(to + 2 * V.lanes)
                V.interleaveHigh(high1, high2).store(to + 3 * V.lanes)
            }
        }
        for r in 0..<block.count {
            let run = block.runs[r]
            let plane = (run.sample * call.integer(0) + channel) * g.positionCount
            let count = min(4 * run.count, g.positions[2] - 4 * run.x)
            for i in 0..<min(4, g.positions[1] - 4 * run.y) {
                let place = plane + (4 * run.y + i) * g.positions[2] + 4 * run.x
                storeRow(call, flags, room.rows + i * length + 4 * run.place, place, count)
            }
        }
    }
}

/// Results side by side, in their place; what the epilogue does beside bias, norm and relu.
@inline(__always)
private func storeRow(_ call: Arguments, _ flags: MatrixMultiplyFlags, _ row: UnsafePointer<Float>, _ place: Int, _ count: Int) {
    let to = call.output(2, Float.self) + place
    if flags.has(MatrixMultiplyFlags.reluGradient) {
        let saved = call.input(5, Float.self) + place
        var x = 0
        while x < count {
            let n = min(V.lanes, count - x)
            V.choose(V.load(saved + x, n) .<= V.zero, V.zero, V.load(row + x)).store(to + x, n)
            x += n
        }
        return
    }
    var x = 0
    while x + V.lanes <= count {
        V.load(row + x).store(to + x)
        x += V.lanes
    }
    if x < count { V.load(row + x).store(to + x, count - x) }
    if flags.has(MatrixMultiplyFlags.forwardFunction) {
        unaryForwardLoop(V.self, flags.function, call.scalar(0), call.scalar(1), UnsafePointer(to), to, count)
    } else if flags.has(MatrixMultiplyFlags.backwardFunction) {
        unaryBackwardLoop(
            V.self, flags.function, call.scalar(0), call.scalar(1), UnsafePointer(to), call.input(5, Float.self) + place, to,
            count)
    }
}
#endif
