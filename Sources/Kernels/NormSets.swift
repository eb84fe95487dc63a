// Normalisation takes the mean off a set of elements and divides by their deviation. A set is a row
// (layer_norm), a group of channels of one sample (group_norm, instance_norm) or a channel of the whole
// batch (batch_norm). This is how the kernels walk them, and the two moments of a set.

import KernelInterface

/// Integers 0 to 8 of a norm's call: a set is `runs` runs of `length` neighbours, which begin `runStride`
/// apart; sets begin `setStride` apart. A run is `channels` channels of `inner` neighbours. The weights of
/// set s begin at (s % groups) * channels.
struct NormSets {
    let count, runs, length, runStride, setStride, groups, channels, inner, perPiece: Int

    @inline(__always) init(_ arguments: Arguments) {
        count = arguments.integer(0)
        runs = arguments.integer(1)
        length = arguments.integer(2)
        runStride = arguments.integer(3)
        setStride = arguments.integer(4)
        groups = arguments.integer(5)
        channels = arguments.integer(6)
        inner = arguments.integer(7)
        perPiece = arguments.integer(8)
    }

    /// Every element of a run has a weight of its own.
    @inline(__always) var hasElementWeights: Bool { inner == 1 && channels > 1 }
    /// Runs of one element: neighbouring sets lie side by side and are taken as vectors.
    @inline(__always) var isAcross: Bool { length == 1 && groups == count }
    @inline(__always) func range(_ begin: Int, _ end: Int) -> Range<Int> {
        begin * perPiece..<min(end * perPiece, count)
    }
}

/// Sums of two kinds of terms in vectors: blocks join the totals one by one, so that rounding grows slowly.
struct PairSum<V: KernelMath> {
    var first = V.zero
    var second = V.zero
    private var blockFirst = V.zero
    private var blockSecond = V.zero
    private var count = 0

    @inline(__always) init() {}

    @inline(__always) mutating func add(_ a: V, _ b: V, times c: V) {
        blockFirst += a
        blockSecond = V.fma(b, c, blockSecond)
        count += 1
        if count == 128 { close() }
    }

    @inline(__always) mutating func close() {
        first += blockFirst
        second += blockSecond
        blockFirst = V.zero
        blockSecond = V.zero
        count = 0
    }
}

extension NormSets {
    /// Mean, and mean square of the distances from it, of the set that begins at x: the mean first, then the
    /// distances, whose own mean says how far the first result was off. Without `isCentred` the mean is 0.
    @inline(__always) func moments<V: KernelMath>(
        _ x: UnsafePointer<V.Scalar>, _ size: V.Scalar, isCentred: Bool, _: V.Type
    ) -> (mean: V.Scalar, variance: V.Scalar) {
        var guess: V.Scalar = 0
        if isCentred {
            var total: V.Scalar = 0
            for run in 0..<runs { total += sumElements(x + run * runStride, length, V.self) }
            guess = total / size
        }
        let centre = V(repeating: guess)
        var sum = PairSum<V>()
        for run in 0..<runs {
            let p = x + run * runStride
            var i = 0
            while i + V.lanes <= length {
                let d = V.load(p + i) - centre
                sum.add(d, d, times: d)
                i += V.lanes
            }
            if i < length {
                let n = length - i
                let d = V.choose(V.firstLanes(n), V.load(p + i, n) - centre, V.zero)
                sum.add(d, d, times: d)
            }
        }
        sum.close()
        let square = sum.second.laneSum / size
        if !isCentred { return (0, square) }
        let correction = sum.first.laneSum / size
        let variance = square - correction * correction
        return (guess + correction, variance < 0 ? 0 : variance)
    }

    /// The same for `width` neighbouring sets whose runs are single elements.
    @inline(__always) func momentsAcross<V: KernelMath>(
        _ x: UnsafePointer<V.Scalar>, _ width: Int, _ size: V.Scalar, isCentred: Bool
    ) -> (mean: V, variance: V) {
        let sizes = V(repeating: size)
        var guess = V.zero
        if isCentred {
            var total = PairSum<V>()
            for run in 0..<runs { total.add(V.load(x + run * runStride, width), V.zero, times: V.zero) }
            total.close()
            guess = total.first / sizes
        }
        var sum = PairSum<V>()
        for run in 0..<runs {
            let d = V.load(x + run * runStride, width) - guess
            sum.add(d, d, times: d)
        }
        sum.close()
        if !isCentred { return (V.zero, sum.second / sizes) }
        let correction = sum.first / sizes
        let variance = sum.second / sizes - correction * correction
        return (guess + correction, V.atLeast(variance, V.zero))
    }
}
