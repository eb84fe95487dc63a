import Glibc
import KernelInterface
import Testing

/// Sets laid out as in Kernels/NormSets.swift, and what is expected of them in plain loops.
private struct Sets {
    var count, runs, length, runStride, setStride, groups, channels, inner: Int

    static func rows(_ count: Int, _ columns: Int) -> Sets {
        Sets(count: count, runs: 1, length: columns, runStride: 0, setStride: columns, groups: 1, channels: columns, inner: 1)
    }
    static func groups(_ samples: Int, _ groups: Int, _ channels: Int, _ inner: Int) -> Sets {
        let length = channels / groups * inner
        return Sets(
            count: samples * groups, runs: 1, length: length, runStride: 0, setStride: length, groups: groups,
            channels: channels / groups, inner: inner)
    }
    static func channels(_ samples: Int, _ channels: Int, _ inner: Int) -> Sets {
        Sets(
            count: channels, runs: samples, length: inner, runStride: channels * inner, setStride: inner, groups: channels,
            channels: 1, inner: inner)
    }

    var size: Int { runs * length }
    /// Places of a set's elements, and their weights.
    func places(_ set: Int) -> [(place: Int, weight: Int)] {
        (0..<runs).flatMap { run in
            (0..<length).map { (set * setStride + run * runStride + $0, set % groups * channels + $0 / inner) }
        }
    }
    func fill(_ call: inout KernelCall, _ perPiece: Int) {
        for (slot, value) in [count, runs, length, runStride, setStride, groups, channels, inner, perPiece].enumerated() {
            call.integers[slot] = value
        }
    }
}

private let layouts: [Sets] = [
    .rows(5, 7), .rows(3, 16), .rows(40, 3), .rows(2, 4500), .rows(2, 33), .groups(3, 2, 6, 5), .groups(2, 3, 3, 37),
    .groups(5, 2, 38, 1), .groups(1, 1, 2, 2100), .channels(6, 19, 1), .channels(300, 40, 1), .channels(3, 4, 17),
    .channels(140, 2, 3),
]

@Suite struct NormTests {
    @Test(arguments: layouts.indices) func forwardAndBackward(index: Int) {
        for isCentred in [true, false] {
            forwardAndBackward(Float.self, layouts[index], isCentred)
            forwardAndBackward(Double.self, layouts[index], isCentred)
        }
    }

    private func forwardAndBackward<T: TestScalar>(_: T.Type, _ sets: Sets, _ isCentred: Bool) {
        var numbers = Numbers(3)
        let total = sets.count * sets.size
        let weights = sets.groups * sets.channels
        let x: [T] = numbers.array(total)
        let dy: [T] = numbers.array(total)
        let w: [T] = numbers.array(weights)
        let b: [T] = numbers.array(weights)
        var y = [Double](repeating: 0, count: total)
        var dx = y
        var means = [Double](repeating: 0, count: sets.count)
        var scales = means
        let hasElementWeights = sets.inner == 1 && sets.channels > 1
        let perPiece = sets.length == 1 ? 16 : 3
        let count = pieces(sets.count, per: perPiece)
        var dw = [Double](repeating: 0, count: hasElementWeights ? count * weights : sets.count * sets.channels)
        var db = dw
        for set in 0..<sets.count {
            let places = sets.places(set)
            let n = Double(places.count)
            let mean = isCentred ? places.reduce(0) { $0 + Double(x[$1.place]) } / n : 0
            let variance = places.reduce(0) { $0 + (Double(x[$1.place]) - mean) * (Double(x[$1.place]) - mean) } / n
            let scale = 1 / (variance + 0.01).squareRoot()
            means[set] = mean
            scales[set] = scale
            var (first, second) = (0.0, 0.0)
            for (place, weight) in places {
                let z = (Double(x[place]) - mean) * scale
                y[place] = z * Double(w[weight]) + Double(b[weight])
                first += Double(dy[place]) * Double(w[weight])
                second += Double(dy[place]) * Double(w[weight]) * z
                let slot = hasElementWeights ? set / perPiece * weights + weight : set * sets.channels + weight - set % sets.groups * sets.channels
                dw[slot] += Double(dy[place]) * z
                db[slot] += Double(dy[place])
            }
            for (place, weight) in places {
                let z = (Double(x[place]) - mean) * scale
                dx[place] = scale * (Double(dy[place]) * Double(w[weight]) - (isCentred ? first / n : 0) - z * second / n)
            }
        }
        func room(_ count: Int) -> GuardedArray { GuardedArray([T](repeating: 9, count: count)) }
        let factor = 4 + Double(sets.size).squareRoot() / 4
        everyWay(
            .normForward, isDouble: T.isDouble, pieces: count, inputs: [0: GuardedArray(x), 2: GuardedArray(w), 3: GuardedArray(b)],
            outputs: [1: room(total), 4: room(sets.count), 5: room(sets.count), 8: room(sets.count)]
        ) {
            sets.fill(&$0, perPiece)
            $0.integers[9] = isCentred ? 1 : 0
            $0.scalars[0] = 0.01
            $0.scalars[1] = Double(sets.size)
        } check: { _, results in
            expectClose(results[1]!.array(T.self), y, factor: factor, "\(sets)")
            expectClose(results[4]!.array(T.self), means, factor: factor)
            expectClose(results[5]!.array(T.self), scales, factor: factor)
            expectClose(results[8]!.array(T.self), scales.map { 1 / $0 / $0 - 0.01 }, factor: factor)
        }
        everyWay(
            .normBackward, isDouble: T.isDouble, pieces: count,
            inputs: [
                0: GuardedArray(x), 1: GuardedArray(dy), 3: GuardedArray(w), 4: GuardedArray(means.map { T($0) }),
                5: GuardedArray(scales.map { T($0) }),
            ], outputs: [2: room(total), 6: room(dw.count), 7: room(db.count)]
        ) {
            sets.fill(&$0, perPiece)
            $0.integers[9] = isCentred ? 1 : 0
            $0.scalars[0] = Double(sets.size)
        } check: { _, results in
            expectClose(results[2]!.array(T.self), dx, factor: factor, "\(sets)")
            expectClose(results[6]!.array(T.self), dw, factor: 4 * factor, "\(sets)")
            expectClose(results[7]!.array(T.self), db, factor: 4 * factor, "\(sets)")
        }
    }

    @Test(arguments: [(1, 5, 7), (3, 4, 1), (2, 3, 33), (1, 1, 4000)]) func weightNorm(outer: Int, slices: Int, inner: Int) {
        weightNorm(Float.self, outer, slices, inner)
        weightNorm(Double.self, outer, slices, inner)
    }

    private func weightNorm<T: TestScalar>(_: T.Type, _ outer: Int, _ slices: Int, _ inner: Int) {
        var numbers = Numbers(4)
        let count = outer * slices * inner
        let v: [T] = numbers.array(count)
        let dw: [T] = numbers.array(count)
        let g: [T] = numbers.array(slices)
        var squares = [Double](repeating: 0, count: slices)
        var dots = squares
        for i in 0..<count {
            squares[i / inner % slices] += Double(v[i]) * Double(v[i])
            dots[i / inner % slices] += Double(v[i]) * Double(dw[i])
        }
        let norms = squares.map { $0.squareRoot() }
        let setup: (inout KernelCall) -> Void = { call in
            for (slot, value) in [outer, slices, inner, 2].enumerated() { call.integers[slot] = value }
        }
        let room = GuardedArray([T](repeating: 9, count: count))
        let short = GuardedArray([T](repeating: 9, count: slices))
        everyWay(
            .weightNormForward, isDouble: T.isDouble, pieces: pieces(slices, per: 2), inputs: [0: GuardedArray(v), 1: GuardedArray(g)],
            outputs: [2: room, 3: short], setup
        ) { _, results in
            expectClose(
                results[2]!.array(T.self), (0..<count).map { Double(v[$0]) * Double(g[$0 / inner % slices]) / norms[$0 / inner % slices] },
                factor: 4)
            expectClose(results[3]!.array(T.self), norms, factor: 4)
        }
        everyWay(
            .weightNormBackward, isDouble: T.isDouble, pieces: pieces(slices, per: 2),
            inputs: [0: GuardedArray(v), 1: GuardedArray(g), 2: GuardedArray(norms.map { T($0) }), 3: GuardedArray(dw)],
            outputs: [4: room, 5: short], setup
        ) { _, results in
            let expected = (0..<count).map { i in
                let s = i / inner % slices
                return Double(g[s]) / norms[s] * (Double(dw[i]) - Double(v[i]) * dots[s] / squares[s])
            }
            expectClose(results[4]!.array(T.self), expected, factor: 10)
            expectClose(results[5]!.array(T.self), (0..<slices).map { dots[$0] / norms[$0] }, factor: 10)
        }
    }

    @Test(arguments: [(2, 5, 7, 1, 1), (1, 3, 33, 2, 1), (2, 4, 1, 0, 9)])
    func channelWindow(outer: Int, channels: Int, inner: Int, before: Int, after: Int) {
        var numbers = Numbers(5)
        let x: [Float] = numbers.array(outer * channels * inner)
        let expected = x.indices.map { i in
            let channel = i / inner % channels
            return (max(0, channel - before)...min(channels - 1, channel + after)).reduce(0.0) { $0 + Double(x[i + ($1 - channel) * inner]) }
        }
        everyWay(
            .channelWindow, isDouble: false, pieces: pieces(outer * channels, per: 2), inputs: [0: GuardedArray(x)],
            outputs: [1: GuardedArray([Float](repeating: 9, count: x.count))]
        ) { call in
            for (slot, value) in [outer, channels, inner, before, after, 2].enumerated() { call.integers[slot] = value }
        } check: { _, results in expectClose(results[1]!.array(Float.self), expected) }
    }
}
