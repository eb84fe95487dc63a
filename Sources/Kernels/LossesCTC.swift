// Connectionist temporal classification (Graves et al. 2006): the probability of labels, summed over all ways
// through time, by the forward and backward recursion over logarithms. One piece a sample.
//
// The states of a sample are its labels with a blank before, between and behind them. From one time to the
// next a way stays, goes on by one, or by two where that passes a blank between different labels.
//
// connectionistLoss. Lengths are in range and labels that are read are classes: the caller has checked it.
//   pointers  0 log-probabilities [samples, time, classes]  1 labels [samples, longest] (Int32)
//             2 times used (Int32)  3 labels used (Int32)  4 sample weights or nil
//             5 workspace [samples, time + 5, 2 longest + 5]  6 losses (Double), one a sample
//             7 gradient or nil  8 sum of weights (Double, of weightSum) or nil
//             9 each sample's share of the loss or nil
//   integers  0 time  1 classes  2 longest  3 blank  4 whether infinite losses count 0
//             5 whether a sample's loss is divided by its labels
//   scalars   0 divisor

import KernelInterface

let connectionistLossKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    for sample in begin..<end {
        if arguments.isDouble {
            connectionistLoss(DoubleVector.self, arguments, sample)
        } else {
            connectionistLoss(FloatVector.self, arguments, sample)
        }
    }
}

/// log(exp(a) + exp(b) + exp(c)), where minus infinity stands for nothing.
@inline(__always) private func logarithmOfSum<V: KernelMath>(_ a: V, _ b: V, _ c: V) -> V {
    let largest = V.larger(V.larger(a, b), c)
    let nothing = V.all(-.infinity)
    let isNothing = largest .== nothing
    let shift = V.choose(isNothing, V.zero, largest)
    let sum = V.expOfNegative(a - shift) + V.expOfNegative(b - shift) + V.expOfNegative(c - shift)
    return V.choose(isNothing, nothing, shift + V.log(sum))
}

/// One sample's states and the rows of its workspace, which begin and end with two cells of nothing.
private struct Ways<V: KernelMath> {
    typealias Number = V.Scalar
    let x: UnsafePointer<Number>
    let labels: UnsafePointer<Int32>
    let classes: Int
    let blank: Int
    let states: Int
    let base: UnsafeMutablePointer<Number>
    let rowLength: Int

    @inline(__always) init(_ arguments: Arguments, _ sample: Int, labelCount: Int) {
        let time = arguments.integer(0)
        classes = arguments.integer(1)
        let longest = arguments.integer(2)
        blank = arguments.integer(3)
        states = 2 * labelCount + 1
        rowLength = 2 * longest + 5
        x = arguments.input(0) + sample * time * classes
        labels = arguments.input(1) + sample * longest
        base = arguments.output(5) + sample * (time + 5) * rowLength
    }

    @inline(__always) func row(_ index: Int) -> UnsafeMutablePointer<Number> { base + index * rowLength + 2 }
    /// 0 where a way may come from two states before, minus infinity elsewhere.
    @inline(__always) var skip: UnsafeMutablePointer<Number> { row(0) }
    /// The states' log-probabilities at the time at hand.
    @inline(__always) var emission: UnsafeMutablePointer<Number> { row(1) }
    @inline(__always) var beta: UnsafeMutablePointer<Number> { row(2) }
    @inline(__always) var later: UnsafeMutablePointer<Number> { row(3) }
    @inline(__always) var share: UnsafeMutablePointer<Number> { row(4) }
    @inline(__always) func alpha(_ time: Int) -> UnsafeMutablePointer<Number> { row(5 + time) }

    @inline(__always) func label(_ state: Int) -> Int { state & 1 == 0 ? blank : Int(labels[state >> 1]) }
    @inline(__always) func clear(_ row: UnsafeMutablePointer<Number>) {
        for state in -2..<states + 2 { row[state] = -.infinity }
    }
    @inline(__always) func gather(_ time: Int) {
        for state in 0..<states { emission[state] = x[time * classes + label(state)] }
    }
    @inline(__always) func forEach(_ body: (_ state: Int, _ count: Int) -> Void) {
        var state = 0
        while state < states {
            let count = min(V.lanes, states - state)
            body(state, count)
            state += count
        }
    }

    /// Subtracts the row's largest number, which it returns (0 where all is nothing).
    @inline(__always) func normalize(_ row: UnsafeMutablePointer<Number>) -> Number {
        let largest = largestElement(row, states, V.self)
        if largest == -.infinity { return 0 }
        let shift = V(repeating: largest)
        forEach { s, n in (V.load(row + s, n) - shift).store(row + s, n) }
        return largest
    }

    /// Fills alpha; returns the logarithm of the probability.
    @inline(__always) func forward(_ time: Int) -> Double {
        clear(skip)
        var state = 3
        while state < states {
            if label(state) != label(state - 2) { skip[state] = 0 }
            state += 2
        }
        if time == 0 { return states == 1 ? 0 : -.infinity }
        gather(0)
        clear(alpha(0))
        alpha(0)[0] = emission[0]
        if states > 1 { alpha(0)[1] = emission[1] }
        var total = Double(normalize(alpha(0)))
        for t in 1..<max(time, 1) {
            gather(t)
            let (before, now) = (alpha(t - 1), alpha(t))
            clear(now)
            forEach { s, n in
                let sum = logarithmOfSum(
                    V.load(before + s, n), V.load(before + s - 1, n), V.load(before + s - 2, n) + V.load(skip + s, n))
                (sum + V.load(emission + s, n)).store(now + s, n)
            }
            total += Double(normalize(now))
        }
        let last = alpha(time - 1)
        let nothing = V.all(-.infinity)
        return total + Double(logarithmOfSum(V(repeating: last[states - 1]), V(repeating: last[states - 2]), nothing)[0])
    }

    /// Adds the gradient: minus the share of each class at each time, times a factor.
    @inline(__always) func backward(
        _ time: Int, _ factor: Number, into gradient: UnsafeMutablePointer<Number>
    ) {
        clear(beta)
        clear(later)
        var t = time - 1
        while t >= 0 {
            if t == time - 1 {
                beta[states - 1] = 0
                if states > 1 { beta[states - 2] = 0 }
            } else {
                forEach { s, n in
                    logarithmOfSum(
                        V.load(later + s, n), V.load(later + s + 1, n), V.load(later + s + 2, n) + V.load(skip + s + 2, n)
                    ).store(beta + s, n)
                }
            }
            gather(t)
            let now = alpha(t)
            forEach { s, n in
                let b = V.load(beta + s, n)
                (b + V.load(emission + s, n)).store(later + s, n)
                (V.load(now + s, n) + b).store(share + s, n)
            }
            _ = normalize(later)
            _ = normalize(share)
            var sum = V.zero
            forEach { s, n in
                let e = V.expOfNegative(V.load(share + s, n))
                e.store(share + s, n)
                sum += V.choose(V.firstLanes(n), e, V.zero)
            }
            // All ways go through some state: the shares of a time are 1 together.
            let scale = factor / sum.laneSum
            let row = gradient + t * classes
            for state in 0..<states { row[label(state)] -= share[state] * scale }
            t -= 1
        }
    }
}

@inline(never)
private func connectionistLoss<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ sample: Int) {
    let time = Int(arguments.input(2, Int32.self)[sample])
    let count = Int(arguments.input(3, Int32.self)[sample])
    let ways = Ways<V>(arguments, sample, labelCount: count)
    let logarithm = ways.forward(time)
    let weight = arguments.has(4) ? Double(arguments.input(4, V.Scalar.self)[sample]) : 1
    let share = arguments.integer(5) != 0 ? weight / Double(max(count, 1)) : weight
    let isInfinite = logarithm == -.infinity
    let isLeftOut = isInfinite && arguments.integer(4) != 0
    // A weight of 0 leaves out what is infinite, too.
    let loss = isLeftOut || share == 0 ? 0 : -logarithm * share
    arguments.output(6, Double.self)[sample] = loss
    if arguments.has(9) { arguments.output(9, V.Scalar.self)[sample] = V.Scalar(loss * inverseDivisor(arguments, weights: 8)) }
    guard arguments.has(7) else { return }
    let size = arguments.integer(0) * ways.classes
    let gradient = arguments.output(7, V.Scalar.self) + sample * size
    let isUndefined = isInfinite && !isLeftOut && share != 0
    for i in 0..<size { gradient[i] = isUndefined && i < time * ways.classes ? .nan : 0 }
    if isInfinite || share == 0 { return }
    let factor = V.Scalar(share * inverseDivisor(arguments, weights: 8))
    ways.backward(time, factor, into: gradient)
}
