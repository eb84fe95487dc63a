// What a convolution needs beside the product that gathers its second matrix (MatrixMultiply.swift): the
// gradients, and unfold and fold. Each piece makes its part of the convolution's matrix in scratch.
//
// convolutionScatter: image = bias + the transposed weights times dy, each element of the product added where
//   its tap reads: the gradient in a strided convolution's image, and transposed convolution.
//   pointers  0 dy [samples, groups * m, positions]  1 weights [groups * m, channels, taps]
//             2 image [samples, groups * channels, image], written  3 ConvolutionSpace  4 bias [groups * channels] or nil
//   integers  0 m  1 channels of a piece.  Pieces: sample, then group, then channels.
// convolutionWeights: dy times the transposed matrix, summed over the samples of each bundle of samples.
//   pointers  0 dy [samples, groups * m, positions]  1 image  2 [bundles, groups * m, channels * taps]
//             3 ConvolutionSpace
//   integers  0 m  1 columns of a piece  2 samples of a bundle.  Pieces: bundle, then group, then columns.
// unfold: the matrix itself.  fold: its elements added up in an image.
//   pointers  0 source  1 destination  3 ConvolutionSpace
//   integers  1 channels of a piece.  Pieces: sample, then channels.

import CPUFeatures
import KernelInterface

let convolutionScatterKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    for piece in begin..<end {
        if arguments.isDouble {
            convolutionScatter(DoubleVector.self, arguments, piece, scratch.unsafelyUnwrapped)
        } else {
            convolutionScatter(FloatVector.self, arguments, piece, scratch.unsafelyUnwrapped)
        }
    }
}

let convolutionWeightsKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    for piece in begin..<end {
        if arguments.isDouble {
            convolutionWeights(DoubleVector.self, arguments, piece, scratch.unsafelyUnwrapped)
        } else {
            convolutionWeights(FloatVector.self, arguments, piece, scratch.unsafelyUnwrapped)
        }
    }
}

let unfoldKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    for piece in begin..<end {
        if arguments.isDouble {
            unfold(DoubleVector.self, arguments, piece)
        } else {
            unfold(FloatVector.self, arguments, piece)
        }
    }
}

let foldKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    for piece in begin..<end {
        if arguments.isDouble {
            fold(DoubleVector.self, arguments, piece)
        } else {
            fold(FloatVector.self, arguments, piece)
        }
    }
}

/// Elements of scratch behind what the product uses.
@inline(__always) private func room<V: KernelMath>(_: V.Type) -> Int {
    (kernelScratchBytes - convolutionScratchOffset) / MemoryLayout<V.Scalar>.stride
}

/// The length of a block of k or of positions: a fixed one, since sums depend on it.
@inline(__always) private func blockLength<V: KernelMath>(_: V.Type) -> Int { 2048 / MemoryLayout<V.Scalar>.stride }

/// Flags of a product of these sizes: vectors in a row of its tiles, as the plan of products chooses them.
@inline(__always) private func tileFlags<V: KernelMath>(_: V.Type, rows: Int, columns: Int, _ others: Int) -> MatrixMultiplyFlags {
    #if AVX512
    var vectors = rows <= 2 ? 8 : rows <= 4 ? 4 : 2
    #elseif AVX2
    var vectors = rows == 1 ? 4 : rows == 2 ? 2 : 1
    #else
    var vectors = rows == 1 ? 4 : 2
    #endif
    while vectors > 1 && (vectors - 1) * V.lanes >= columns { vectors /= 2 }
    return MatrixMultiplyFlags(bits: others | vectors << 16)
}

@inline(never)
private func convolutionScatter<V: KernelMath>(
    _: V.Type, _ call: Arguments, _ piece: Int, _ scratch: UnsafeMutableRawPointer
) {
    let space = call.input(3, ConvolutionSpace.self)
    let g = space.pointee
    let m = call.integer(0)
    let channelsOfPiece = call.integer(1)
    let pieces = (g.channels + channelsOfPiece - 1) / channelsOfPiece
    let matrix = piece / pieces
    let group = matrix % g.groups
    let channel = piece % pieces * channelsOfPiece
    let channels = min(channelsOfPiece, g.channels - channel)
    let weights = call.input(1, V.Scalar.self) + group * m * g.depth
    let dy = call.input(0, V.Scalar.self) + matrix * m * g.positionCount
    let image = call.output(2, V.Scalar.self) + matrix * g.channels * g.imageCount
    for c in channel..<(channel + channels) {
        let first: V.Scalar = call.has(4) ? call.input(4, V.Scalar.self)[group * g.channels + c] : 0
        copyContiguous(RowOperand<V>(nil, step: 0, constant: first), image + c * g.imageCount, g.imageCount)
    }
    let part = (scratch + convolutionScratchOffset).assumingMemoryBound(to: V.Scalar.self)
    let columnsOfBlock = min(g.positionCount, 1024 / MemoryLayout<V.Scalar>.stride)
    let stride = (columnsOfBlock + V.lanes - 1) / V.lanes * V.lanes
    var rowsOfBlock = room(V.self) / stride
    if rowsOfBlock > g.kernel[2] { rowsOfBlock -= rowsOfBlock % (rowsOfBlock > g.taps ? g.taps : g.kernel[2]) }
    let isFar = g.positionCount * MemoryLayout<V.Scalar>.stride >= 4096
    let others = MatrixMultiplyFlags.packA | (isFar ? MatrixMultiplyFlags.localB : 0)
    var column = 0
    while column < g.positionCount {
        let columns = min(columnsOfBlock, g.positionCount - column)
        var row = channel * g.taps
        let lastRow = row + channels * g.taps
        while row < lastRow {
            let rows = min(rowsOfBlock, lastRow - row)
            let product = Product<V>(
                a: weights + row, b: dy + column, c: part, partial: part, packed: UnsafePointer(part), bias: nil, saved: nil,
                columnSums: nil, rows: rows, firstColumn: 0, columns: columns, depth: m, aRow: 1, aColumn: g.depth,
                bRow: g.positionCount, bColumn: 1, cRow: stride, partialRow: stride, savedRow: 0,
                blockLength: blockLength(V.self), flags: tileFlags(V.self, rows: rows, columns: columns, others),
                scratch: scratch, call: call)
            multiplyBlock(product, 0, rows, 0, columns)
            scatterColumns(
                V.self, space, image, row: row, rows: rows, column: column, columns: columns, from: UnsafePointer(part),
                rowStride: stride)
            row += rows
        }
        column += columns
    }
}

@inline(never)
private func convolutionWeights<V: KernelMath>(
    _: V.Type, _ call: Arguments, _ piece: Int, _ scratch: UnsafeMutableRawPointer
) {
    let space = call.input(3, ConvolutionSpace.self)
    let g = space.pointee
    let m = call.integer(0)
    let columnsOfPiece = call.integer(1)
    let pieces = (g.depth + columnsOfPiece - 1) / columnsOfPiece
    let bundle = piece / (pieces * g.groups)
    let group = piece / pieces % g.groups
    let column = piece % pieces * columnsOfPiece
    let columns = min(columnsOfPiece, g.depth - column)
    let firstSample = bundle * call.integer(2)
    let lastSample = min(firstSample + call.integer(2), g.samples)
    let result = call.output(2, V.Scalar.self) + (bundle * g.groups + group) * m * g.depth + column
    let part = (scratch + convolutionScratchOffset).assumingMemoryBound(to: V.Scalar.self)
    let isPointwise = g.isPointwise
    var others = MatrixMultiplyFlags.localB | MatrixMultiplyFlags.transposedB
    // Rows a large power of two apart would push each other out of the cache.
    if m > 4 && g.positionCount * MemoryLayout<V.Scalar>.stride % 2048 == 0 { others |= MatrixMultiplyFlags.packA }
    for sample in firstSample..<lastSample {
        let matrix = sample * g.groups + group
        let image = call.input(1, V.Scalar.self) + matrix * g.channels * g.imageCount
        let dy = call.input(0, V.Scalar.self) + matrix * m * g.positionCount
        var position = 0
        while position < g.positionCount {
            let depth = min(blockLength(V.self), g.positionCount - position)
            var b = image + column * g.imageCount + position
            var bColumn = g.imageCount
            if !isPointwise {
                bColumn = blockLength(V.self) + V.lanes
                gatherColumns(
                    V.self, space, image, row: column, rows: columns, column: position, columns: depth, to: part,
                    rowStride: bColumn, panel: depth, panelStep: 0)
                b = UnsafePointer(part)
            }
            let product = Product<V>(
                a: dy + position, b: b, c: result, partial: result, packed: UnsafePointer(part), bias: nil, saved: nil,
                columnSums: nil, rows: m, firstColumn: 0, columns: columns, depth: depth, aRow: g.positionCount, aColumn: 1,
                bRow: 1, bColumn: bColumn, cRow: g.depth, partialRow: g.depth, savedRow: 0,
                blockLength: blockLength(V.self), flags: tileFlags(V.self, rows: m, columns: columns, others),
                scratch: scratch, call: call)
            multiplyBlock(product, 0, m, 0, columns)
            others |= MatrixMultiplyFlags.accumulate
            position += depth
        }
    }
}

@inline(never)
private func unfold<V: KernelMath>(_: V.Type, _ call: Arguments, _ piece: Int) {
    let space = call.input(3, ConvolutionSpace.self)
    let g = space.pointee
    let (sample, channel, channels) = part(g, call.integer(1), piece)
    let rows = channels * g.taps
    gatherColumns(
        V.self, space, call.input(0, V.Scalar.self) + sample * g.channels * g.imageCount, row: channel * g.taps, rows: rows,
        column: 0, columns: g.positionCount,
        to: call.output(1, V.Scalar.self) + (sample * g.depth + channel * g.taps) * g.positionCount,
        rowStride: g.positionCount, panel: g.positionCount, panelStep: 0)
}

@inline(never)
private func fold<V: KernelMath>(_: V.Type, _ call: Arguments, _ piece: Int) {
    let space = call.input(3, ConvolutionSpace.self)
    let g = space.pointee
    let (sample, channel, channels) = part(g, call.integer(1), piece)
    let image = call.output(1, V.Scalar.self) + sample * g.channels * g.imageCount
    copyContiguous(
        RowOperand<V>(nil, step: 0, constant: 0), image + channel * g.imageCount, channels * g.imageCount)
    scatterColumns(
        V.self, space, image, row: channel * g.taps, rows: channels * g.taps, column: 0, columns: g.positionCount,
        from: call.input(0, V.Scalar.self) + (sample * g.depth + channel * g.taps) * g.positionCount,
        rowStride: g.positionCount)
}

@inline(__always)
private func part(_ g: ConvolutionSpace, _ channelsOfPiece: Int, _ piece: Int) -> (sample: Int, channel: Int, channels: Int) {
    let pieces = (g.channels + channelsOfPiece - 1) / channelsOfPiece
    let channel = piece % pieces * channelsOfPiece
    return (piece / pieces, channel, min(channelsOfPiece, g.channels - channel))
}
