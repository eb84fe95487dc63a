// A convolution of few channels to enough outputs to fill vectors, without its matrix: gathering that would take longer
// than multiplying by it. A tile is up to 6 (AVX-512: 8) positions side by side times a vector of outputs; each tap of each
// channel costs one load of weights, packed [tap][output], and for each position an element of the image, which is read
// where it lies or, with padding and strides, from a copy in scratch (PaddedPlanes.swift). Tiles are kept in scratch and
// turned round on the way to the result.
//
// An element is the same chain of FMAs over channels and taps as with gathered columns (the depth is one block of k).

import KernelInterface

#if AVX2 || AVX512
private typealias V = FloatVector

func convolveDirect(_ raw: UnsafeRawPointer, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?) {
    let call = Arguments(raw)
    let flags = MatrixMultiplyFlags(bits: call.integer(MatrixMultiplySlot.flags))
    var product = Product<V>(call, flags, scratch.unsafelyUnwrapped)
    var convolution = DirectConvolution(
        call.input(MatrixMultiplySlot.space), columns: call.integer(MatrixMultiplySlot.pieceShape) >> 20 & 0xf_ffff,
        scratch: scratch.unsafelyUnwrapped)
    product.forEachBlock(begin, end) { convolution.run($0, $1, $2, $3, $4) }
}

/// What a call's pieces share: pieces of one thread come one after the other.
private struct DirectConvolution {
    private let g: ConvolutionSpace
    /// nil: the image serves as it is.
    private let planes: PaddedPlanes<V>?
    private let offsets: UnsafeMutablePointer<Int>
    private let weights: UnsafeMutablePointer<Float>
    private let tiles: UnsafeMutablePointer<Float>
    private let turned: UnsafeMutablePointer<Float>
    private let deep: Int
    private let down: Int
    /// What the packed weights were.
    private var packed: UnsafePointer<Float>?
    private var packedRows = 0..<0

    /// - columns: most of a piece.
    @inline(__always) init(_ space: UnsafePointer<ConvolutionSpace>, columns: Int, scratch: UnsafeMutableRawPointer) {
        g = space.pointee
        func room(_ offset: Int) -> UnsafeMutablePointer<Float> {
            (scratch + offset).assumingMemoryBound(to: Float.self)
        }
        weights = room(DirectRoom.weights)
        tiles = room(DirectRoom.tiles)
        turned = room(DirectRoom.turned)
        offsets = (scratch + DirectRoom.offsets).assumingMemoryBound(to: Int.self)
        if g.isDense {
            planes = nil
            deep = g.image[1] * g.image[2] * g.stride[0]
            down = g.image[2] * g.stride[1]
            fillOffsets(
                g, channels: g.channels, channelStep: g.imageCount, plane: g.image[1] * g.image[2], line: g.image[2],
                remainder: 0, stride: 1, offsets)
        } else {
            let copies = PaddedPlanes<V>(
                g, channels: g.channels, rows: g.directRows(columns: columns), offsets: offsets,
                elements: room(DirectRoom.planes))
            planes = copies
            deep = copies.deep
            down = copies.down
        }
    }

    @inline(__always)
    mutating func run(_ p: Product<V>, _ firstRow: Int, _ endRow: Int, _ firstColumn: Int, _ endColumn: Int) {
        packWeights(p, firstRow..<endRow)
        // Rows of positions; with several planes of them all are in scratch.
        let firstLine = g.positions[0] == 1 ? firstColumn / g.positions[2] : 0
        var image = p.b + firstLine * down
        if let planes {
            planes.fill(g, p.b, row: firstLine)
            image = UnsafePointer(planes.elements)
        }
        var w = UnsafePointer(weights)
        var row = firstRow
        while row < endRow {
            multiply(image, w, depth: p.depth, firstLine, firstColumn, endColumn)
            finish(p, row, min(V.lanes, endRow - row), firstColumn, endColumn - firstColumn)
            w += p.depth * V.lanes
            row += V.lanes
        }
        if p.flags.bits & (MatrixMultiplyFlags.forwardFunction | MatrixMultiplyFlags.backwardFunction) != 0 {
            applyFunction(p, firstRow, endRow - firstRow, firstColumn, endColumn - firstColumn)
        }
    }

    @inline(__always)
    private mutating func packWeights(_ p: Product<V>, _ rows: Range<Int>) {
        if packed == p.a && packedRows == rows { return }
        packed = p.a
        packedRows = rows
        var target = weights
        var row = rows.lowerBound
        while row < rows.upperBound {
            let count = min(V.lanes, rows.upperBound - row)
            if count < V.lanes {
                for k in 0..<p.depth { V.zero.store(target + k * V.lanes) }
            }
            packPanels(
                V.self, p.a + row * p.aRow, 1, p.aRow, transposed: true, depth: p.depth, columns: count, vectors: 1, to: target)
            target += p.depth * V.lanes
            row += V.lanes
        }
    }

    /// The sums of a vector of outputs at all positions, to `tiles`.
    @inline(__always)
    private func multiply(
        _ image: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, depth: Int, _ firstLine: Int, _ firstColumn: Int,
        _ endColumn: Int
    ) {
        let width = g.positions[2]
        var target = tiles
        var column = firstColumn
        while column < endColumn {
            let line = column / width
            let x = column - line * width
            let z = line / g.positions[1]
            var run = min(width - x, endColumn - column)
            var source = image + (z * deep + (line - z * g.positions[1] - firstLine) * down + x)
            column += run
            // Tiles as equal as possible.
            var left = (run + mostPositions - 1) / mostPositions
            while left > 0 {
                let count = run / left
                runDirect(source, UnsafePointer(offsets), weights, depth, target, positions: count)
                source += count
                target += count * V.lanes
                run -= count
                left -= 1
            }
        }
    }

    /// A vector of positions at a time, turned round; then as a tile of one row is finished.
    @inline(__always)
    private func finish(_ p: Product<V>, _ row: Int, _ outputs: Int, _ firstColumn: Int, _ columns: Int) {
        var s = Strip<V>(
            a: UnsafeRawPointer(p.a), b: UnsafeRawPointer(p.b), partial: UnsafePointer(p.partial), result: p.c,
            ahead: UnsafeRawPointer(p.a))
        s.epilogue = p.flags.bits & MatrixMultiplyFlags.inRegisters
        var column = 0
        while column < columns {
            let count = min(V.lanes, columns - column)
            packPanels(
                V.self, UnsafePointer(tiles) + column * V.lanes, 1, V.lanes, transposed: true, depth: outputs, columns: count,
                vectors: 1, to: turned)
            for output in 0..<outputs {
                s.result = p.c + ((row + output) * p.cRow + firstColumn)
                if let bias = p.bias { s.bias = bias + (row + output) }
                if let saved = p.saved { s.saved = saved + ((row + output) * p.savedRow + firstColumn) }
                var sums = Tile<1, 1, V>.Sums(repeating: InlineArray<1, V>(repeating: V.load(turned + output * V.lanes)))
                Tile<1, 1, V>.finish(&sums, s, column, count, masked: true)
            }
            column += count
        }
    }
}

/// Of a tile. The compiler makes a function of an array's filling that is longer than nine vectors of AVX-512.
#if AVX512
private let mostPositions = 8
#else
private let mostPositions = 6
#endif

/// A tile: R positions side by side, a vector of outputs each.
private enum DirectTile<let R: Int, T: KernelMath> {
    @inline(never)
    static func run(
        _ source: UnsafePointer<T.Scalar>, _ offsets: UnsafePointer<Int>, _ weights: UnsafePointer<T.Scalar>, _ depth: Int,
        _ target: UnsafeMutablePointer<T.Scalar>
    ) {
        var sums = InlineArray<R, InlineArray<1, T>>(repeating: InlineArray<1, T>(repeating: T.zero))
        for k in 0..<depth {
            let w = T.load(weights + k &* T.lanes)
            let p = source + offsets[k]
            for i in 0..<R { sums[i][0] = T.fma(T(repeating: p[i]), w, sums[i][0]) }
        }
        for i in 0..<R { sums[i][0].store(target + i &* T.lanes) }
    }
}

@inline(__always)
private func runDirect(
    _ source: UnsafePointer<Float>, _ offsets: UnsafePointer<Int>, _ weights: UnsafePointer<Float>, _ depth: Int,
    _ target: UnsafeMutablePointer<Float>, positions: Int
) {
    switch positions {
    case 1: DirectTile<1, V>.run(source, offsets, weights, depth, target)
    case 2: DirectTile<2, V>.run(source, offsets, weights, depth, target)
    case 3: DirectTile<3, V>.run(source, offsets, weights, depth, target)
    case 4: DirectTile<4, V>.run(source, offsets, weights, depth, target)
    case 5: DirectTile<5, V>.run(source, offsets, weights, depth, target)
    case 6: DirectTile<6, V>.run(source, offsets, weights, depth, target)
    #if AVX512
    case 7: DirectTile<7, V>.run(source, offsets, weights, depth, target)
    case 8: DirectTile<8, V>.run(source, offsets, weights, depth, target)
    #endif
    default: break
    }
}
#endif
