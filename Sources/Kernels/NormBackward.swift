// The gradients of Norm.swift. With z = (x - mean) * scale and g = dy * weight, over a set of n elements:
// dx = scale * (g - sum(g) / n - z * sum(g z) / n), dweight = sum(dy z), dbias = sum(dy). With moments that
// were given, dx = scale * g.
//
// normBackward. Pieces: integer 8 sets.
//   pointers  0 x  1 dy  2 dx (nil: not wanted)  3 weight (nil: 1)  4 means  5 scales
//             6 sums for dweight, 7 for dbias (nil: not wanted)
//   integers  0-8 the sets  9 whether the mean was taken off  10 whether the moments were given
//   scalars   0 elements of a set
// Sums of elements with weights of their own are written per piece, [pieces, groups * channels]; those of
// channels per set and channel, [sets, channels].

import KernelInterface

let normBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        normBackward(DoubleVector.self, arguments, begin, end)
    } else {
        normBackward(FloatVector.self, arguments, begin, end)
    }
}

/// What one call works with.
private struct NormGradient<V: KernelMath> {
    typealias Scalar = V.Scalar
    let sets: NormSets
    let x, dy: UnsafePointer<Scalar>
    let dx: UnsafeMutablePointer<Scalar>?
    let weight: UnsafePointer<Scalar>?
    let means, scales: UnsafePointer<Scalar>
    let weightSums, biasSums: UnsafeMutablePointer<Scalar>?
    let isCentred, isGiven: Bool
    let size: V

    @inline(__always) init(_ arguments: Arguments) {
        sets = NormSets(arguments)
        x = arguments.input(0)
        dy = arguments.input(1)
        dx = arguments.has(2) ? arguments.output(2) : nil
        weight = arguments.has(3) ? arguments.input(3) : nil
        means = arguments.input(4)
        scales = arguments.input(5)
        weightSums = arguments.has(6) ? arguments.output(6) : nil
        biasSums = arguments.has(7) ? arguments.output(7) : nil
        isCentred = arguments.integer(9) != 0
        isGiven = arguments.integer(10) != 0
        size = V(repeating: arguments.scalar(0))
    }

    /// What is taken off the gradient: a constant, and a multiple of x - mean.
    @inline(__always) func corrections(_ gradients: V, _ products: V, _ scale: V) -> (V, V) {
        if isGiven { return (V.zero, V.zero) }
        return (isCentred ? scale * gradients / size : V.zero, scale * scale * (scale * products) / size)
    }
}

private func normBackward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let gradient = NormGradient<V>(arguments)
    let sets = gradient.sets
    if sets.isAcross {
        let range = sets.range(begin, end)
        var set = range.lowerBound
        while set < range.upperBound {
            let n = min(V.lanes, range.upperBound - set)
            backwardAcross(gradient, set, n)
            set += n
        }
        return
    }
    if !sets.hasElementWeights {
        for set in sets.range(begin, end) { backwardChannels(gradient, set) }
        return
    }
    let columns = sets.groups * sets.channels
    for piece in begin..<end {
        let weightSums = gradient.weightSums.map { $0 + piece * columns }
        let biasSums = gradient.biasSums.map { $0 + piece * columns }
        if let weightSums { clear(V.self, weightSums, columns) }
        if let biasSums { clear(V.self, biasSums, columns) }
        for set in sets.range(piece, piece + 1) {
            let offset = set % sets.groups * sets.channels
            backwardElements(gradient, set, offset, weightSums.map { $0 + offset }, biasSums.map { $0 + offset })
        }
    }
}

@inline(__always) private func clear<V: KernelMath>(_: V.Type, _ p: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    copyContiguous(RowOperand<V>(nil, step: 0, constant: 0), p, count)
}

/// Neighbouring sets whose runs are single elements.
@inline(never)
private func backwardAcross<V: KernelMath>(_ gradient: NormGradient<V>, _ set: Int, _ n: Int) {
    let sets = gradient.sets
    let mean = V.load(gradient.means + set, n)
    let scale = V.load(gradient.scales + set, n)
    let weight = gradient.weight.map { V.load($0 + set, n) } ?? V.one
    var sum = PairSum<V>()
    for run in 0..<sets.runs {
        let place = run * sets.runStride + set
        let dy = V.load(gradient.dy + place, n)
        sum.add(dy, dy, times: V.load(gradient.x + place, n) - mean)
    }
    sum.close()
    if let sums = gradient.weightSums { (sum.second * scale).store(sums + set, n) }
    if let sums = gradient.biasSums { sum.first.store(sums + set, n) }
    guard let dx = gradient.dx else { return }
    let (constant, slope) = gradient.corrections(sum.first * weight, sum.second * weight, scale)
    let factor = weight * scale
    for run in 0..<sets.runs {
        let place = run * sets.runStride + set
        let distance = V.load(gradient.x + place, n) - mean
        (V.load(gradient.dy + place, n) * factor - V.fma(distance, slope, constant)).store(dx + place, n)
    }
}

/// A set whose elements share weights by channel.
@inline(never)
private func backwardChannels<V: KernelMath>(_ gradient: NormGradient<V>, _ set: Int) {
    let sets = gradient.sets
    let x = gradient.x + set * sets.setStride
    let dy = gradient.dy + set * sets.setStride
    let mean = V(repeating: gradient.means[set])
    let scale = V(repeating: gradient.scales[set])
    let weight = gradient.weight.map { $0 + set % sets.groups * sets.channels }
    var gradients: V.Scalar = 0
    var products: V.Scalar = 0
    for channel in 0..<sets.channels {
        var sum = PairSum<V>()
        for run in 0..<sets.runs {
            let start = run * sets.runStride + channel * sets.inner
            var i = 0
            while i + V.lanes <= sets.inner {
                let g = V.load(dy + start + i)
                sum.add(g, g, times: V.load(x + start + i) - mean)
                i += V.lanes
            }
            if i < sets.inner {
                let n = sets.inner - i
                // The lanes behind the end have gradient zero.
                let g = V.load(dy + start + i, n)
                sum.add(g, g, times: V.load(x + start + i, n) - mean)
            }
        }
        sum.close()
        let first = sum.first.laneSum
        let second = sum.second.laneSum
        if let sums = gradient.weightSums { sums[set * sets.channels + channel] = second * scale[0] }
        if let sums = gradient.biasSums { sums[set * sets.channels + channel] = first }
        let w = weight.map { $0[channel] } ?? 1
        gradients += first * w
        products += second * w
    }
    guard let dx = gradient.dx.map({ $0 + set * sets.setStride }) else { return }
    let (constant, slope) = gradient.corrections(V(repeating: gradients), V(repeating: products), scale)
    for channel in 0..<sets.channels {
        let factor = weight.map { scale * V(repeating: $0[channel]) } ?? scale
        for run in 0..<sets.runs {
            let start = run * sets.runStride + channel * sets.inner
            var i = 0
            while i < sets.inner {
                let n = min(V.lanes, sets.inner - i)
                let distance = V.load(x + start + i, n) - mean
                (V.load(dy + start + i, n) * factor - V.fma(distance, slope, constant)).store(dx + start + i, n)
                i += n
            }
        }
    }
}

/// A set of one run whose elements have weights of their own. The sums are added to.
@inline(never)
private func backwardElements<V: KernelMath>(
    _ gradient: NormGradient<V>, _ set: Int, _ offset: Int, _ weightSums: UnsafeMutablePointer<V.Scalar>?,
    _ biasSums: UnsafeMutablePointer<V.Scalar>?
) {
    let sets = gradient.sets
    let x = gradient.x + set * sets.setStride
    let dy = gradient.dy + set * sets.setStride
    let mean = V(repeating: gradient.means[set])
    let scale = V(repeating: gradient.scales[set])
    let weights = RowOperand<V>(gradient.weight.map { $0 + offset }, step: 1, constant: 1)
    var sum = PairSum<V>()
    var i = 0
    while i < sets.length {
        let n = min(V.lanes, sets.length - i)
        let g = V.load(dy + i, n)
        let distance = V.load(x + i, n) - mean
        let weighted = g * weights.load(i, n)
        sum.add(weighted, weighted, times: distance)
        if let weightSums { V.fma(g, distance * scale, V.load(weightSums + i, n)).store(weightSums + i, n) }
        if let biasSums { (g + V.load(biasSums + i, n)).store(biasSums + i, n) }
        i += n
    }
    sum.close()
    guard let dx = gradient.dx.map({ $0 + set * sets.setStride }) else { return }
    let (constant, slope) = gradient.corrections(
        V(repeating: sum.first.laneSum), V(repeating: sum.second.laneSum), scale)
    i = 0
    while i < sets.length {
        let n = min(V.lanes, sets.length - i)
        let distance = V.load(x + i, n) - mean
        (V.load(dy + i, n) * weights.load(i, n) * scale - V.fma(distance, slope, constant)).store(dx + i, n)
        i += n
    }
}
