// The gradient in the weights of Winograd's convolution (Winograd.swift), float32: what its forward pass does with
// weights, transposed.
//
//   dw = Gt [sum over tiles (A dy At) * (Bt d B)] G
//
// winogradGradient: the sum, at the six points of one row of them: a product of dy's values [outputs, tiles] and the
// image's [tiles, channels] for each, block by block of tiles; the other rows of points are other pieces' work.
//   pointers  0 dy [samples, outputs, positions]  1 image  2 sums [bundles, points, outputs, channels padded]
//             3 ConvolutionSpace
//   integers  0 outputs  1 outputs of a piece  2 channels of a piece  3 samples of a bundle
//   Pieces: bundle, then row of points, then outputs, then channels.
// winogradGradientFinish: the bundles added up and turned into weights.
//   pointers  0 sums  1 gradient [outputs, channels, 9]
//   integers  0 outputs  1 channels  2 bundles  3 outputs of a piece

import CPUFeatures
import KernelInterface

#if !BASELINE

private typealias V = FloatVector

let winogradGradientKernel: Kernel = { call, begin, end, scratch in
    for piece in begin..<end { gradientPiece(Arguments(call), piece, scratch.unsafelyUnwrapped) }
}

let winogradGradientFinishKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    let size = arguments.integer(3)
    for output in begin * size..<min(end * size, arguments.integer(0)) {
        finishFilters(arguments, output, scratch.unsafelyUnwrapped)
    }
}

/// From one point to the next: not a power of two (WinogradForward.swift).
@inline(__always) private var pointStep: Int { Winograd.gradientChannels * Winograd.gradientTiles + 16 }

private func gradientPiece(_ call: Arguments, _ piece: Int, _ scratch: UnsafeMutableRawPointer) {
    let space = call.input(3, ConvolutionSpace.self)
    let g = space.pointee
    let outputParts = (call.integer(0) + call.integer(1) - 1) / call.integer(1)
    let channelParts = (g.channels + call.integer(2) - 1) / call.integer(2)
    let channel = piece % channelParts * call.integer(2)
    let channels = min(call.integer(2), g.channels - channel)
    let output = piece / channelParts % outputParts * call.integer(1)
    let outputs = min(call.integer(1), call.integer(0) - output)
    let row = piece / (channelParts * outputParts) % 6
    let bundle = piece / (channelParts * outputParts * 6)
    let room = TileRoom(scratch)
    let image = room.rest
    let changes = image + 6 * pointStep
    let panels = changes + 6 * pointStep
    let tiles = g.tilesDown * g.tilesAcross
    let end = min((bundle + 1) * call.integer(3), g.samples) * tiles
    let start = bundle * call.integer(3) * tiles
    var first = start
    while first < end {
        let block = TileBlock(space, room, first: first, end: min(first + Winograd.gradientTiles, end))
        transform(
            call.input(1), block, room, planes: g.channels, from: channel, count: channels, height: g.image[1], size: g.image[2],
            padding: (g.padding[1], g.padding[2]), row: row, isImage: true, to: image)
        transform(
            call.input(0), block, room, planes: call.integer(0), from: output, count: outputs, height: g.positions[1],
            size: g.positions[2], padding: (0, 0), row: row, isImage: false, to: changes)
        for j in 0..<6 {
            let point = (bundle * Winograd.points + 6 * row + j) * call.integer(0) + output
            multiply(
                changes + j * pointStep, image + j * pointStep, panels, outputs: outputs, channels: channels, tiles: block.tiles,
                adds: first > start, to: call.output(2, Float.self) + point * Winograd.padded(g.channels) + channel,
                row: Winograd.padded(g.channels))
        }
        first += Winograd.gradientTiles
    }
}

/// Some planes' values at a row of points: [6, planes, tiles].
@inline(never)
private func transform(
    _ array: UnsafePointer<Float>, _ block: TileBlock, _ room: TileRoom, planes: Int, from first: Int, count: Int,
    height: Int, size: Int, padding: (y: Int, x: Int), row: Int, isImage: Bool, to values: UnsafeMutablePointer<Float>
) {
    let side = isImage ? 6 : 4
    let factors = isImage ? winogradImageRow(row) : winogradResultsRow(row)
    for plane in 0..<count {
        for r in 0..<block.count {
            let run = block.runs[r]
            let from = RunRows(
                run, array + (run.sample * planes + first + plane) * height * size, height: height, size: size, side: side,
                padding: padding, zeros: room.zeros)
            V.zero.store(room.rows)
            var x = from.low
            while x < from.width {
                let n = from.inside(x)
                var sum = V.zero
                for k in 0..<side { sum = V.fma(V(repeating: factors[k]), V.load(from[k] + x, n), sum) }
                sum.store(room.rows + x)
                x += V.lanes
            }
            spreadTiles(room.rows, room.places, place: run.place, count: run.count, side: side)
        }
        for v in 0..<block.vectors {
            let from = room.places + v * V.lanes
            let to = values + plane * Winograd.gradientTiles + v * V.lanes
            if isImage {
                transformImage(from, TileRoom.placeLength, to, pointStep)
            } else {
                transformResultsBack(from, TileRoom.placeLength, to, pointStep)
            }
        }
    }
}

/// result[outputs, channels] (+)= changes . image transposed, over some tiles.
@inline(never)
private func multiply(
    _ changes: UnsafePointer<Float>, _ image: UnsafePointer<Float>, _ panels: UnsafeMutablePointer<Float>, outputs: Int,
    channels: Int, tiles: Int, adds: Bool, to result: UnsafeMutablePointer<Float>, row: Int
) {
    let vectors = (channels + V.lanes - 1) / V.lanes
    let width = vectors % tileSizes.vectors == 0 ? tileSizes.vectors : 1
    packPanels(
        V.self, image, 1, Winograd.gradientTiles, transposed: true, depth: tiles, columns: channels, vectors: width, to: panels)
    let heights = StripHeights(rows: outputs)
    var s = Strip<V>(
        a: UnsafeRawPointer(changes), b: UnsafeRawPointer(panels), partial: UnsafePointer(result), result: result,
        ahead: UnsafeRawPointer(changes))
    s.aRow = Winograd.gradientTiles * 4
    s.aColumn = 4
    s.bRow = width * V.lanes * 4
    s.bStep = s.bRow * tiles
    s.depth = tiles
    s.partialRow = row
    s.resultRow = row
    s.tiles = vectors / width
    s.tail = V.lanes
    s.addsPartial = adds
    var first = 0
    for strip in 0..<heights.count {
        let rows = heights[strip]
        s.a = UnsafeRawPointer(changes + first * Winograd.gradientTiles)
        s.ahead = s.a
        s.partial = UnsafePointer(result + first * row)
        s.result = result + first * row
        runStrip(&s, rows: rows, vectors: width)
        first += rows
    }
}

/// One output's weights, a vector of channels at a time.
private func finishFilters(_ call: Arguments, _ output: Int, _ scratch: UnsafeMutableRawPointer) {
    let channels = call.integer(1)
    let row = Winograd.padded(channels)
    let point = call.integer(0) * row
    let taps = scratch.assumingMemoryBound(to: Float.self)
    let gradient = call.output(1, Float.self) + output * channels * 9
    var channel = 0
    while channel < channels {
        let from = call.input(0, Float.self) + output * row + channel
        let sums = taps + 9 * V.lanes
        let columns = sums + Winograd.points * V.lanes
        for number in 0..<Winograd.points {
            var sum = V.load(from + number * point)
            for bundle in 1..<max(1, call.integer(2)) { sum += V.load(from + (bundle * Winograd.points + number) * point) }
            sum.store(sums + number * V.lanes)
        }
        for j in 0..<6 { transformWeightsBack(sums + j * V.lanes, 6 * V.lanes, columns + j * V.lanes, 6 * V.lanes) }
        for y in 0..<3 { transformWeightsBack(columns + 6 * y * V.lanes, V.lanes, taps + 3 * y * V.lanes, V.lanes) }
        for c in 0..<min(V.lanes, channels - channel) {
            for tap in 0..<9 { gradient[(channel + c) * 9 + tap] = taps[tap * V.lanes + c] }
        }
        channel += V.lanes
    }
}
#endif
