// y = (x - mean) / sqrt(variance + eps) * weight + bias over sets of elements (NormSets.swift).
//
// normForward. Pieces: integer 8 sets.
//   pointers  0 x  1 y  2 weight (nil: 1)  3 bias (nil: 0)  4 means, 5 1/sqrt(variance + eps): one per
//             set, written  6 given means, 7 given variances, one per group (nil: the set's own)
//             8 variances, one per set, written (nil: nobody wants them)
//   integers  0-8 the sets  9 whether the mean is taken off
//   scalars   0 eps  1 elements of a set
// runningStatistics: what batch_norm keeps. The moments of `samples` rows of channels are averaged, and
//   running = (1 - factor) * running + factor * moment, with factor = momentum, or 1 / count. One piece.
//   pointers  0 means  1 variances  2 running means  3 running variances  4 count, to be raised (nil: none)
//   integers  0 samples  1 channels  2 whether the factor is 1 / count
//   scalars   0 momentum  1 what variances are multiplied by (n / (n - 1))  2 samples

import KernelInterface

let normForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        normForward(DoubleVector.self, arguments, begin, end)
    } else {
        normForward(FloatVector.self, arguments, begin, end)
    }
}

let runningStatisticsKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        runningStatistics(DoubleVector.self, arguments)
    } else {
        runningStatistics(FloatVector.self, arguments)
    }
}

private func normForward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let sets = NormSets(arguments)
    let x = arguments.input(0, V.Scalar.self)
    let y = arguments.output(1, V.Scalar.self)
    let weight = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let bias = arguments.has(3) ? arguments.input(3, V.Scalar.self) : nil
    let means = arguments.output(4, V.Scalar.self)
    let scales = arguments.output(5, V.Scalar.self)
    let variances = arguments.has(8) ? arguments.output(8, V.Scalar.self) : nil
    let isGiven = arguments.has(6)
    let isCentred = arguments.integer(9) != 0
    let eps = V(repeating: arguments.scalar(0))
    let size: V.Scalar = arguments.scalar(1)
    let range = sets.range(begin, end)
    var set = range.lowerBound
    if sets.isAcross {
        while set < range.upperBound {
            let n = min(V.lanes, range.upperBound - set)
            var moments: (mean: V, variance: V)
            if isGiven {
                moments = (
                    V.load(arguments.input(6, V.Scalar.self) + set, n), V.load(arguments.input(7, V.Scalar.self) + set, n)
                )
            } else {
                moments = sets.momentsAcross(x + set, n, size, isCentred: isCentred)
            }
            let scale = V.one / (moments.variance + eps).root
            moments.mean.store(means + set, n)
            scale.store(scales + set, n)
            if let variances { moments.variance.store(variances + set, n) }
            let factor = weight.map { scale * V.load($0 + set, n) } ?? scale
            let shift = bias.map { V.load($0 + set, n) } ?? V.zero
            for run in 0..<sets.runs {
                let place = run * sets.runStride + set
                V.fma(V.load(x + place, n) - moments.mean, factor, shift).store(y + place, n)
            }
            set += n
        }
        return
    }
    while set < range.upperBound {
        let start = set * sets.setStride
        let group = set % sets.groups
        var moments: (mean: V.Scalar, variance: V.Scalar)
        if isGiven {
            moments = (arguments.input(6, V.Scalar.self)[group], arguments.input(7, V.Scalar.self)[group])
        } else {
            moments = sets.moments(x + start, size, isCentred: isCentred, V.self)
        }
        let scale = V.one / (V(repeating: moments.variance) + eps).root
        means[set] = moments.mean
        scales[set] = scale[0]
        if let variances { variances[set] = moments.variance }
        apply(
            sets, x + start, y + start, V(repeating: moments.mean), scale, weight.map { $0 + group * sets.channels },
            bias.map { $0 + group * sets.channels })
        set += 1
    }
}

@inline(__always) private func apply<V: KernelMath>(
    _ sets: NormSets, _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ mean: V, _ scale: V,
    _ weight: UnsafePointer<V.Scalar>?, _ bias: UnsafePointer<V.Scalar>?
) {
    if sets.hasElementWeights {
        let weights = RowOperand<V>(weight, step: 1, constant: 1)
        let biases = RowOperand<V>(bias, step: 1, constant: 0)
        var i = 0
        while i + V.lanes <= sets.length {
            V.fma((V.load(x + i) - mean) * scale, weights.load(i), biases.load(i)).store(y + i)
            i += V.lanes
        }
        if i < sets.length {
            let n = sets.length - i
            V.fma((V.load(x + i, n) - mean) * scale, weights.load(i, n), biases.load(i, n)).store(y + i, n)
        }
        return
    }
    for run in 0..<sets.runs {
        for channel in 0..<sets.channels {
            let start = run * sets.runStride + channel * sets.inner
            let factor = weight.map { scale * V(repeating: $0[channel]) } ?? scale
            let shift = bias.map { V(repeating: $0[channel]) } ?? V.zero
            var i = 0
            while i + V.lanes <= sets.inner {
                V.fma(V.load(x + start + i) - mean, factor, shift).store(y + start + i)
                i += V.lanes
            }
            if i < sets.inner {
                let n = sets.inner - i
                V.fma(V.load(x + start + i, n) - mean, factor, shift).store(y + start + i, n)
            }
        }
    }
}

private func runningStatistics<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let samples = arguments.integer(0)
    let channels = arguments.integer(1)
    var factor: V.Scalar = arguments.scalar(0)
    if arguments.has(4) {
        let count = arguments.output(4, V.Scalar.self)
        count[0] += 1
        if arguments.integer(2) != 0 { factor = 1 / count[0] }
    }
    let unbiased = V(repeating: arguments.scalar(1))
    let share = V(repeating: factor)
    let rest = V(repeating: 1 - factor)
    for slot in 0..<2 {
        let moments = arguments.input(slot, V.Scalar.self)
        let running = arguments.output(2 + slot, V.Scalar.self)
        var channel = 0
        while channel < channels {
            let n = min(V.lanes, channels - channel)
            var sum = V.zero
            for sample in 0..<samples { sum += V.load(moments + sample * channels + channel, n) }
            var moment = sum / V(repeating: arguments.scalar(2))
            if slot == 1 { moment *= unbiased }
            V.fma(share, moment, rest * V.load(running + channel, n)).store(running + channel, n)
            channel += n
        }
    }
}
