// A convolution's three products: forward, to the image, to the weights. No array holds the convolution's
// matrix (KernelInterface/ConvolutionSpace.swift): kernels make the part that they are at.

import KernelDispatch
import KernelInterface
import Tensors

extension Program {
    /// result[sample, group, output, position] = bias[group, output] + weights . matrix of the image.
    /// - outputs: of one group; weights [groups * outputs, channels, taps].
    func convolve(
        _ image: Value, weights: Value, bias: Value?, into result: Value, _ space: ConvolutionSpace, outputs: Int
    ) {
        if space.isWhole {
            matrixProduct(
                m: space.samples, n: outputs, k: space.depth, a: image, b: weights, transposeB: true, into: result, bias: bias)
            return
        }
        let isDirect = !isDouble && space.suitsDirect(outputs: outputs)
        if !isDirect && space.isDepthwise(isDouble: isDouble) {
            var operands = [
                Operand(0, image, .read), Operand(1, weights, .read), Operand(2, result, .write), Operand(3, table(space), .read),
            ]
            if let bias { operands.append(Operand(4, bias, .read)) }
            let matrices = space.samples * space.groups
            call(
                .depthwise, operands, pieces: matrices,
                cost: Double(matrices * outputs) * Double(space.positionCount * space.taps) / 20
            ) { $0.integers[0] = outputs }
            return
        }
        var problem = MatrixMultiplyProblem(m: outputs, n: space.positionCount, k: space.depth, isDouble: isDouble)
        problem.batchCount = space.samples * space.groups
        problem.aBatchStride = space.groups > 1 ? outputs * space.depth : 0
        problem.bBatchStride = space.channels * space.imageCount
        problem.biasOfRows = true
        problem.gathersB = !space.isPointwise || space.groups > 1
        problem.isDirect = isDirect
        if takesWinograd(space, outputs: outputs) {
            problem.winogradTiles = space.samples * space.tilesDown * space.tilesAcross
        }
        matrixProduct(
            problem, a: weights, b: image, into: result, bias: bias, space: problem.gathersB ? table(space) : nil)
    }

    /// The transpose of that, which is its gradient: image = bias[group, channel] + what each position sends
    /// through the weights to the elements that it reads.
    func convolveBack(
        _ dy: Value, weights: Value, bias: Value?, into image: Value, _ space: ConvolutionSpace, outputs: Int
    ) {
        if space.isWhole && bias == nil {
            matrixProduct(m: space.samples, n: space.depth, k: outputs, a: dy, b: weights, into: image)
            return
        }
        if space.isBetterReversed(outputs: outputs) || takesWinograd(space.reversed(outputs: outputs), outputs: space.channels) {
            let turned = value(elements: space.groups * outputs * space.depth)
            let sizes = [space.groups, space.channels, outputs, space.taps]
            copyStrided(
                weights, strides: [outputs * space.depth, space.taps, space.depth, -1], offset: space.taps - 1, into: turned,
                strides: Shape(sizes).strides, sizes: sizes)
            convolve(dy, weights: turned, bias: bias, into: image, space.reversed(outputs: outputs), outputs: space.channels)
            return
        }
        var operands = [
            Operand(0, dy, .read), Operand(1, weights, .read), Operand(2, image, .write), Operand(3, table(space), .read),
        ]
        if let bias { operands.append(Operand(4, bias, .read)) }
        let work = Double(space.samples * space.groups) * Double(space.depth) * Double(space.positionCount) * Double(outputs)
        let channels = channelsOfPiece(space, work: work)
        call(
            .convolutionScatter, operands, pieces: space.samples * space.groups * ((space.channels + channels - 1) / channels),
            cost: work / 40
        ) {
            $0.integers[0] = outputs
            $0.integers[1] = channels
        }
    }

    /// The gradient in the weights.
    func convolveWeights(
        _ dy: Value, _ image: Value, into gradient: Value, _ space: ConvolutionSpace, outputs: Int
    ) {
        let count = space.groups * outputs * space.depth
        if space.samples == 0 { return fill(gradient, with: 0, count: count) }
        if space.isWhole {
            matrixProduct(m: outputs, n: space.depth, k: space.samples, a: dy, transposeA: true, b: image, into: gradient)
            return
        }
        if takesWinograd(space, outputs: outputs) {
            return winogradWeights(dy, image, into: gradient, space, outputs: outputs)
        }
        let isDepthwise = space.isDepthwise(isDouble: isDouble)
        // As wide as the kernel's scratch allows; then bundles of samples, added up afterwards.
        let parts = (space.depth + 191) / 192
        let columns = ((space.depth + parts - 1) / parts + 15) / 16 * 16
        let pieces = isDepthwise ? space.groups : (space.depth + columns - 1) / columns * space.groups
        let bundles = max(1, min(space.samples, (16 + pieces - 1) / pieces))
        let samples = (space.samples + bundles - 1) / bundles
        let used = (space.samples + samples - 1) / samples
        let sums = used == 1 ? gradient : value(elements: used * count)
        let work = Double(space.samples) * Double(count) * Double(space.positionCount)
        call(
            isDepthwise ? .depthwiseWeights : .convolutionWeights,
            [Operand(0, dy, .read), Operand(1, image, .read), Operand(2, sums, .write), Operand(3, table(space), .read)],
            pieces: used * pieces, cost: work / 40
        ) {
            $0.integers[0] = outputs
            $0.integers[1] = columns
            $0.integers[2] = samples
        }
        if used > 1 { sum(sums, [used, count], over: [0], into: gradient) }
    }

    private func takesWinograd(_ space: ConvolutionSpace, outputs: Int) -> Bool {
        KernelSet.current.hasWinograd && space.suitsWinograd(outputs: outputs, isDouble: isDouble)
    }

    private func winogradWeights(_ dy: Value, _ image: Value, into gradient: Value, _ space: ConvolutionSpace, outputs: Int) {
        let outputsOfPiece = Winograd.part(outputs, most: Winograd.gradientChannels)
        let channelsOfPiece = Winograd.padded(Winograd.part(space.channels, most: Winograd.gradientChannels))
        let outputParts = (outputs + outputsOfPiece - 1) / outputsOfPiece
        let pieces = 6 * outputParts * ((space.channels + channelsOfPiece - 1) / channelsOfPiece)
        let bundles = max(1, min(space.samples, (16 + pieces - 1) / pieces))
        let samples = (space.samples + bundles - 1) / bundles
        let used = (space.samples + samples - 1) / samples
        let sums = value(elements: used * Winograd.points * outputs * Winograd.padded(space.channels))
        let work = Double(space.samples) * Double(outputs * space.depth) * Double(space.positionCount)
        call(
            .winogradGradient,
            [Operand(0, dy, .read), Operand(1, image, .read), Operand(2, sums, .write), Operand(3, table(space), .read)],
            pieces: used * pieces, cost: work / 150
        ) {
            $0.integers[0] = outputs
            $0.integers[1] = outputsOfPiece
            $0.integers[2] = channelsOfPiece
            $0.integers[3] = samples
        }
        call(
            .winogradGradientFinish, [Operand(0, sums, .read), Operand(1, gradient, .write)], pieces: (outputs + 3) / 4,
            cost: Double(outputs * space.channels * (used + 3) * 4)
        ) {
            $0.integers[0] = outputs
            $0.integers[1] = space.channels
            $0.integers[2] = used
            $0.integers[3] = 4
        }
    }

    /// The gradient in a bias: the sum over samples and positions.
    func sumChannels(_ dy: Value, samples: Int, channels: Int, positions: Int, into gradient: Value) {
        sum(dy, [samples, channels, positions], over: [0, 2], into: gradient)
    }

    /// The matrix itself, [samples, channels * taps, positions]; the space has one group.
    func unfold(_ image: Value, into matrix: Value, _ space: ConvolutionSpace) {
        move(.unfold, image, matrix, space)
    }

    /// The sum of what the matrix's elements would have been read from.
    func fold(_ matrix: Value, into image: Value, _ space: ConvolutionSpace) {
        move(.fold, matrix, image, space)
    }

    private func move(_ kernel: KernelName, _ from: Value, _ to: Value, _ space: ConvolutionSpace) {
        let work = Double(space.samples) * Double(space.depth) * Double(space.positionCount)
        let channels = channelsOfPiece(space, work: work * 20)
        call(
            kernel, [Operand(0, from, .read), Operand(1, to, .write), Operand(3, table(space), .read)],
            pieces: space.samples * ((space.channels + channels - 1) / channels), cost: work
        ) { $0.integers[1] = channels }
    }

    /// Samples and groups are pieces; their channels too, if there are few of them and much to do.
    private func channelsOfPiece(_ space: ConvolutionSpace, work: Double) -> Int {
        let wanted = max(1, Int(min(32, work / 2_000_000)))
        let matrices = max(1, space.samples * space.groups)
        let parts = min(space.channels, (wanted + matrices - 1) / matrices)
        return max(1, (space.channels + parts - 1) / parts)
    }
}
