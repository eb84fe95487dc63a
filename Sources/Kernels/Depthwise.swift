// Convolutions whose groups have one channel each. There is nothing to multiply a matrix with, and making one
// would cost more than the arithmetic: the plane is copied once to scratch (PaddedPlanes.swift), and each tap is then a
// vector load at a constant distance. Such a load, which nearly always takes parts of two lines, costs more than an
// FMA; so where a group has several outputs and registers are many (AVX-512), three outputs share it.
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

/// Four vectors of results, `down` apart: as many as hide the latency of an FMA.
private struct Four<V: KernelMath> {
    var a, b, c, d: V

    @inline(__always) init(_ p: UnsafePointer<V.Scalar>, _ down: Int) {
        (a, b, c, d) = (V.load(p), V.load(p + down), V.load(p + 2 * down), V.load(p + 3 * down))
    }

    @inline(__always) init(_ bias: UnsafePointer<V.Scalar>?, _ channel: Int) {
        let first = V(repeating: bias.map { $0[channel] } ?? 0)
        (a, b, c, d) = (first, first, first, first)
    }

    @inline(__always) mutating func add(_ weight: V.Scalar, times x: Four) {
        let w = V(repeating: weight)
        (a, b, c, d) = (V.fma(w, x.a, a), V.fma(w, x.b, b), V.fma(w, x.c, c), V.fma(w, x.d, d))
    }

    @inline(__always) func store(_ p: UnsafeMutablePointer<V.Scalar>, _ down: Int, _ count: Int) {
        a.store(p, count)
        b.store(p + down, count)
        c.store(p + 2 * down, count)
        d.store(p + 3 * down, count)
    }
}

/// Of some outputs of a group at a vector of positions: where weights, bias and results lie.
private struct Outputs<V: KernelMath> {
    let weights: UnsafePointer<V.Scalar>
    let bias: UnsafePointer<V.Scalar>?
    let taps: Int
    let offsets: UnsafePointer<Int>
    /// From one output's result to the next.
    let apart: Int

    /// The taps' sums of four vectors of positions.
    @inline(never) func one(
        _ source: UnsafePointer<V.Scalar>, _ down: Int, _ result: UnsafeMutablePointer<V.Scalar>, _ resultDown: Int, _ count: Int
    ) {
        var sums = Four<V>(bias, 0)
        for t in 0..<taps { sums.add(weights[t], times: Four(source + offsets[t], down)) }
        sums.store(result, resultDown, count)
    }

    #if AVX512
    @inline(never) func three(
        _ source: UnsafePointer<V.Scalar>, _ down: Int, _ result: UnsafeMutablePointer<V.Scalar>, _ resultDown: Int, _ count: Int
    ) {
        var (s0, s1, s2) = (Four<V>(bias, 0), Four<V>(bias, 1), Four<V>(bias, 2))
        for t in 0..<taps {
            let x = Four<V>(source + offsets[t], down)
            s0.add(weights[t], times: x)
            s1.add(weights[taps + t], times: x)
            s2.add(weights[2 * taps + t], times: x)
        }
        s0.store(result, resultDown, count)
        s1.store(result + apart, resultDown, count)
        s2.store(result + 2 * apart, resultDown, count)
    }
    #endif
}

/// How many of `left` outputs are taken together. float64 has fewer users than code is worth.
@inline(__always) private func together<V: KernelMath>(_: V.Type, _ left: Int) -> Int {
    #if AVX512
    left >= 3 && MemoryLayout<V.Scalar>.size == 4 ? 3 : 1
    #else
    1
    #endif
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
        var output = 0
        while output < m {
            let channel = piece % g.groups * m + output
            let outputs = Outputs<V>(
                weights: call.input(1) + channel * g.taps, bias: call.has(4) ? call.input(4) + channel : nil, taps: g.taps,
                offsets: plane.offsets, apart: g.positionCount)
            let count = together(V.self, m - output)
            func sum(
                _ source: UnsafePointer<V.Scalar>, _ down: Int, _ result: UnsafeMutablePointer<V.Scalar>, _ resultDown: Int, _ n: Int
            ) {
                #if AVX512
                if count == 3 { return outputs.three(source, down, result, resultDown, n) }
                #endif
                outputs.one(source, down, result, resultDown, n)
            }
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
                            sum(source + (row * plane.down + x), plane.down, result + (row * width + x), width, n)
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
                            sum(source + (y * plane.down + x), step, result + (y * width + x), step, min(V.lanes, width - x))
                            x += isFour ? 4 * V.lanes : V.lanes
                        }
                    }
                }
                result += width * height
            }
            output += count
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
            var output = 0
            while output < m {
                let dy = call.input(0, V.Scalar.self) + (matrix * m + output) * g.positionCount
                let count = together(V.self, m - output)
                var t = 0
                while t < g.taps {
                    let taps = FiveTaps(plane, t, last: g.taps - 1)
                    let place = result + (output * g.taps + t)
                    let n = min(5, g.taps - t)
                    let adds = sample != firstSample
                    t += 5
                    #if AVX512
                    if count == 3 {
                        taps.threeSums(g, plane, dy, place, n, adds)
                        continue
                    }
                    #endif
                    taps.sums(g, plane, dy, place, n, adds)
                }
                output += count
            }
        }
    }
}

/// Vectors of five taps: what they read, or sums of that times dy, which one chain of FMAs would have to wait for.
private struct Five<V: KernelMath> {
    var a, b, c, d, e: V

    @inline(__always) static var zero: Five { Five(a: V.zero, b: V.zero, c: V.zero, d: V.zero, e: V.zero) }

    @inline(__always) mutating func add(_ dy: V, times x: Five) {
        (a, b, c, d, e) = (V.fma(dy, x.a, a), V.fma(dy, x.b, b), V.fma(dy, x.c, c), V.fma(dy, x.d, d), V.fma(dy, x.e, e))
    }

    /// The sums of the first n, or these and what is there.
    @inline(__always) func put(_ place: UnsafeMutablePointer<V.Scalar>, _ n: Int, _ adds: Bool) {
        let sums: InlineArray<5, V.Scalar> = [a.laneSum, b.laneSum, c.laneSum, d.laneSum, e.laneSum]
        for i in 0..<n { place[i] = adds ? place[i] + sums[i] : sums[i] }
    }
}

/// What five taps read of the first position; behind the last tap it again, which takes no longer.
private struct FiveTaps<V: KernelMath> {
    let a, b, c, d, e: UnsafePointer<V.Scalar>

    @inline(__always) init(_ plane: PaddedPlanes<V>, _ t: Int, last: Int) {
        a = plane.tap(t)
        b = plane.tap(min(t + 1, last))
        c = plane.tap(min(t + 2, last))
        d = plane.tap(min(t + 3, last))
        e = plane.tap(min(t + 4, last))
    }

    @inline(__always) private func load(_ place: Int, _ n: Int) -> Five<V> {
        Five(a: V.load(a + place, n), b: V.load(b + place, n), c: V.load(c + place, n), d: V.load(d + place, n), e: V.load(e + place, n))
    }

    /// The sums over positions.
    @inline(never) func sums(
        _ g: ConvolutionSpace, _ plane: PaddedPlanes<V>, _ dy: UnsafePointer<V.Scalar>, _ result: UnsafeMutablePointer<V.Scalar>,
        _ n: Int, _ adds: Bool
    ) {
        let width = g.positions[2]
        var sums = Five<V>.zero
        var dy = dy
        for z in 0..<g.positions[0] {
            for y in 0..<g.positions[1] {
                let row = z * plane.deep + y * plane.down
                var x = 0
                while x + V.lanes <= width {
                    sums.add(V.load(dy + x), times: load(row + x, V.lanes))
                    x += V.lanes
                }
                if x < width { sums.add(V.load(dy + x, width - x), times: load(row + x, width - x)) }
                dy += width
            }
        }
        sums.put(result, n, adds)
    }

    #if AVX512
    /// Those of three outputs.
    @inline(never) func threeSums(
        _ g: ConvolutionSpace, _ plane: PaddedPlanes<V>, _ dy: UnsafePointer<V.Scalar>, _ result: UnsafeMutablePointer<V.Scalar>,
        _ n: Int, _ adds: Bool
    ) {
        let width = g.positions[2]
        let (apart, twice) = (g.positionCount, 2 * g.positionCount)
        var (s0, s1, s2) = (Five<V>.zero, Five<V>.zero, Five<V>.zero)
        var dy = dy
        for z in 0..<g.positions[0] {
            for y in 0..<g.positions[1] {
                let row = z * plane.deep + y * plane.down
                var x = 0
                while x < width {
                    let n = min(V.lanes, width - x)
                    let values = load(row + x, n)
                    s0.add(V.load(dy + x, n), times: values)
                    s1.add(V.load(dy + (apart + x), n), times: values)
                    s2.add(V.load(dy + (twice + x), n), times: values)
                    x += V.lanes
                }
                dy += width
            }
        }
        s0.put(result, n, adds)
        s1.put(result + g.taps, n, adds)
        s2.put(result + 2 * g.taps, n, adds)
    }
    #endif
}
