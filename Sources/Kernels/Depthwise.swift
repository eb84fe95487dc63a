// Convolutions whose groups have one channel each. There is nothing to multiply a matrix with, and making one
// would cost more than the arithmetic: the plane is copied once to scratch (PaddedPlanes.swift), and each tap is then a
// vector load at a constant distance.
//
// depthwise: result[sample, group * m, positions] = bias + the taps' sum.  Pieces: sample, then group.
//   pointers  0 image [samples, groups, image]  1 weights [groups * m, taps]  2 result  3 ConvolutionSpace
//             4 bias [groups * m] or nil
//   integers  0 m
// depthwiseWeights: the gradient in the weights, for each bundle of samples.  Pieces: bundle, then group.
//   pointers  0 dy [samples, groups * m, positions]  1 image  2 [bundles, groups * m, taps]  3 ConvolutionSpace
//   integers  0 m  2 samples of a bundle

import KernelInterface

let depthwiseKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        depthwise(DoubleVector.self, arguments, begin, end, scratch.unsafelyUnwrapped)
    } else {
        depthwise(FloatVector.self, arguments, begin, end, scratch.unsafelyUnwrapped)
    }
}

let depthwiseWeightsKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        depthwiseWeights(DoubleVector.self, arguments, begin, end, scratch.unsafelyUnwrapped)
    } else {
        depthwiseWeights(FloatVector.self, arguments, begin, end, scratch.unsafelyUnwrapped)
    }
}

extension PaddedPlanes {
    /// One channel's, whole.
    @inline(__always) fileprivate init(_ g: ConvolutionSpace, _ scratch: UnsafeMutableRawPointer) {
        self.init(
            g, channels: 1, rows: g.positions[1], offsets: scratch.assumingMemoryBound(to: Int.self),
            elements: (scratch + DepthwisePlane.mostTaps * 8).assumingMemoryBound(to: V.Scalar.self))
    }

    /// What a tap reads of the first position.
    @inline(__always) fileprivate func tap(_ t: Int) -> UnsafePointer<V.Scalar> { UnsafePointer(elements) + offsets[t] }
}

/// The taps' sums of four vectors `down` apart: as many as hide the latency of an FMA.
@inline(never)
private func multiplyTaps<V: KernelMath>(
    _ source: UnsafePointer<V.Scalar>, _ down: Int, _ weights: UnsafePointer<V.Scalar>, _ offsets: UnsafePointer<Int>,
    _ taps: Int, _ first: V, _ result: UnsafeMutablePointer<V.Scalar>, _ resultDown: Int, _ count: Int
) {
    var (a, b, c, d) = (first, first, first, first)
    for t in 0..<taps {
        let w = V(repeating: weights[t])
        let p = source + offsets[t]
        a = V.fma(w, V.load(p), a)
        b = V.fma(w, V.load(p + down), b)
        c = V.fma(w, V.load(p + 2 * down), c)
        d = V.fma(w, V.load(p + 3 * down), d)
    }
    a.store(result, count)
    b.store(result + resultDown, count)
    c.store(result + 2 * resultDown, count)
    d.store(result + 3 * resultDown, count)
}

@inline(never)
private func depthwise<V: KernelMath>(
    _: V.Type, _ call: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer
) {
    let g = call.input(3, ConvolutionSpace.self).pointee
    let m = call.integer(0)
    let plane = PaddedPlanes<V>(g, scratch)
    let width = g.positions[2]
    let height = g.positions[1]
    for piece in begin..<end {
        plane.fill(g, call.input(0, V.Scalar.self) + piece * g.imageCount, row: 0)
        for output in 0..<m {
            let channel = piece % g.groups * m + output
            let weights = call.input(1, V.Scalar.self) + channel * g.taps
            let first = V(repeating: call.has(4) ? call.input(4, V.Scalar.self)[channel] : 0)
            var result = call.output(2, V.Scalar.self) + (piece * m + output) * g.positionCount
            for z in 0..<g.positions[0] {
                let source = UnsafePointer(plane.elements) + z * plane.deep
                if height >= 4 {
                    // Four rows at once share the broadcast of a weight; the last four may overlap those before.
                    var x = 0
                    while x < width {
                        let n = min(V.lanes, width - x)
                        var y = 0
                        while y < height {
                            let row = min(y, height - 4)
                            multiplyTaps(
                                source + (row * plane.down + x), plane.down, weights, plane.offsets, g.taps, first,
                                result + (row * width + x), width, n)
                            y += 4
                        }
                        x += V.lanes
                    }
                } else {
                    for y in 0..<height {
                        // Four vectors of a row; a single one four times, which takes as long as once.
                        var x = 0
                        while x < width {
                            let isFour = x + 4 * V.lanes <= width
                            let step = isFour ? V.lanes : 0
                            multiplyTaps(
                                source + (y * plane.down + x), step, weights, plane.offsets, g.taps, first,
                                result + (y * width + x), step, min(V.lanes, width - x))
                            x += isFour ? 4 * V.lanes : V.lanes
                        }
                    }
                }
                result += width * height
            }
        }
    }
}

@inline(never)
private func depthwiseWeights<V: KernelMath>(
    _: V.Type, _ call: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer
) {
    let g = call.input(3, ConvolutionSpace.self).pointee
    let m = call.integer(0)
    let samples = call.integer(2)
    let plane = PaddedPlanes<V>(g, scratch)
    for piece in begin..<end {
        let group = piece % g.groups
        let result = call.output(2, V.Scalar.self) + piece * m * g.taps
        let firstSample = piece / g.groups * samples
        for sample in firstSample..<min(firstSample + samples, g.samples) {
            let matrix = sample * g.groups + group
            plane.fill(g, call.input(1, V.Scalar.self) + matrix * g.imageCount, row: 0)
            for output in 0..<m {
                let dy = call.input(0, V.Scalar.self) + (matrix * m + output) * g.positionCount
                var t = 0
                while t < g.taps {
                    // At the end some twice, which takes no longer.
                    let last = g.taps - 1
                    let sums = tapSums(
                        g, plane, dy, plane.tap(t), plane.tap(min(t + 1, last)), plane.tap(min(t + 2, last)))
                    for i in 0..<min(3, g.taps - t) {
                        let place = output * g.taps + t + i
                        result[place] = sample == firstSample ? sums[i] : result[place] + sums[i]
                    }
                    t += 3
                }
            }
        }
    }
}

/// The sums over positions of dy times what each of three taps reads: one chain of FMAs would wait for itself.
@inline(__always)
private func tapSums<V: KernelMath>(
    _ g: ConvolutionSpace, _ plane: PaddedPlanes<V>, _ dy: UnsafePointer<V.Scalar>, _ a: UnsafePointer<V.Scalar>,
    _ b: UnsafePointer<V.Scalar>, _ c: UnsafePointer<V.Scalar>
) -> InlineArray<3, V.Scalar> {
    let width = g.positions[2]
    var dy = dy
    var sums = (V.zero, V.zero, V.zero)
    var others = (V.zero, V.zero, V.zero)
    for z in 0..<g.positions[0] {
        for y in 0..<g.positions[1] {
            let row = z * plane.deep + y * plane.down
            var x = 0
            while x + 2 * V.lanes <= width {
                var v = V.load(dy + x)
                sums.0 = V.fma(v, V.load(a + row + x), sums.0)
                sums.1 = V.fma(v, V.load(b + row + x), sums.1)
                sums.2 = V.fma(v, V.load(c + row + x), sums.2)
                v = V.load(dy + (x + V.lanes))
                others.0 = V.fma(v, V.load(a + row + (x + V.lanes)), others.0)
                others.1 = V.fma(v, V.load(b + row + (x + V.lanes)), others.1)
                others.2 = V.fma(v, V.load(c + row + (x + V.lanes)), others.2)
                x += 2 * V.lanes
            }
            while x < width {
                let count = min(V.lanes, width - x)
                let v = V.load(dy + x, count)
                sums.0 = V.fma(v, V.load(a + row + x, count), sums.0)
                sums.1 = V.fma(v, V.load(b + row + x, count), sums.1)
                sums.2 = V.fma(v, V.load(c + row + x, count), sums.2)
                x += count
            }
            dy += width
        }
    }
    return [(sums.0 + others.0).laneSum, (sums.1 + others.1).laneSum, (sums.2 + others.2).laneSum]
}
