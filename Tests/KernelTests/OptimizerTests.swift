import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// Three steps of each optimizer against PyTorch's formulas in Double.
@Suite struct OptimizerTests {
    struct Options: Sendable, CustomTestStringConvertible {
        var name: KernelName
        var flag = 0
        var momentum = 0.0
        var dampening = 0.0
        var decay = 0.0
        var clip = Double.infinity
        var scaled = false
        var testDescription: String { "\(name) \(flag) \(momentum) \(dampening) \(decay) \(clip) \(scaled)" }
    }

    static let cases: [Options] = [
        Options(name: .sgd), Options(name: .sgd, decay: 0.1, clip: 0.5, scaled: true),
        Options(name: .sgd, momentum: 0.9, dampening: 0.2, decay: 0.01), Options(name: .sgd, flag: 1, momentum: 0.9),
        Options(name: .adam), Options(name: .adam, decay: 0.1, clip: 0.5, scaled: true),
        Options(name: .adam, flag: 1, decay: 0.1), Options(name: .rmsprop),
        Options(name: .rmsprop, momentum: 0.9, decay: 0.1, clip: 0.5, scaled: true),
    ]

    @Test(arguments: cases) func steps(options: Options) {
        for count in borderSizes {
            steps(Float.self, options, count)
            steps(Double.self, options, count)
        }
    }

    private func steps<T: TestScalar>(_: T.Type, _ options: Options, _ count: Int) {
        var numbers = Numbers(13)
        let (rate, beta1, beta2, eps) = (0.05, 0.9, 0.99, 1e-8)
        var p: [T] = numbers.array(count)
        var a = [T](repeating: 0, count: count)
        var b = a
        for step in 1...3 {
            let gradient: [T] = numbers.array(count)
            var expected = (p: p.map { Double($0) }, a: a.map { Double($0) }, b: b.map { Double($0) })
            for i in 0..<count {
                var g = Double(gradient[i]) * (options.scaled ? 0.75 : 1)
                g = min(max(g, -options.clip), options.clip)
                if options.name == .adam && options.flag == 1 {
                    expected.p[i] *= 1 - rate * options.decay
                } else {
                    g += options.decay * expected.p[i]
                }
                switch options.name {
                case .sgd:
                    if options.momentum != 0 {
                        expected.a[i] = step == 1 ? g : options.momentum * expected.a[i] + (1 - options.dampening) * g
                        g = options.flag == 1 ? g + options.momentum * expected.a[i] : expected.a[i]
                    }
                    expected.p[i] -= rate * g
                case .adam:
                    expected.a[i] = beta1 * expected.a[i] + (1 - beta1) * g
                    expected.b[i] = beta2 * expected.b[i] + (1 - beta2) * g * g
                    let denominator = sqrt(expected.b[i]) / sqrt(1 - pow(beta2, Double(step))) + eps
                    expected.p[i] -= rate / (1 - pow(beta1, Double(step))) * expected.a[i] / denominator
                default:
                    expected.a[i] = beta2 * expected.a[i] + (1 - beta2) * g * g
                    g /= sqrt(expected.a[i]) + eps
                    if options.momentum != 0 {
                        expected.b[i] = options.momentum * expected.b[i] + g
                        g = expected.b[i]
                    }
                    expected.p[i] -= rate * g
                }
            }
            var inputs = [1: GuardedArray(gradient)]
            if options.scaled { inputs[4] = GuardedArray([T(0.75)]) }
            var outputs = [0: GuardedArray(p)]
            if options.name != .sgd || options.momentum != 0 { outputs[2] = GuardedArray(a) }
            if options.name == .adam || (options.name == .rmsprop && options.momentum != 0) {
                outputs[3] = GuardedArray(b)
            }
            everyWay(
                options.name, isDouble: T.isDouble, pieces: pieces(count, per: parametersPerPiece), inputs: inputs, outputs: outputs,
                { call in
                    call.integers[0] = count
                    call.integers[1] = options.name == .sgd ? options.flag : 0
                    call.integers[2] = step == 1 ? 1 : 0
                    let scalars =
                        switch options.name {
                        case .sgd: [rate, options.momentum, options.dampening, 0, options.decay, 0, 0, options.clip]
                        case .adam:
                            [
                                options.flag == 1 ? 1 - rate * options.decay : 1, beta1, beta2, eps,
                                options.flag == 1 ? 0 : options.decay, -rate / (1 - pow(beta1, Double(step))),
                                1 / sqrt(1 - pow(beta2, Double(step))), options.clip,
                            ]
                        default: [rate, options.momentum, beta2, eps, options.decay, 0, 0, options.clip]
                        }
                    for (slot, value) in scalars.enumerated() { call.scalars[slot] = value }
                }
            ) { _, results in
                expectClose(results[0]!.array(T.self), expected.p, factor: 20, "p, step \(step)")
                if let first = results[2] {
                    expectClose(first.array(T.self), expected.a, factor: 4, "first, step \(step)")
                }
                if let second = results[3] {
                    expectClose(second.array(T.self), expected.b, factor: 100, "second, step \(step)")
                }
            }
            p = expected.p.map { T($0) }
            a = expected.a.map { T($0) }
            b = expected.b.map { T($0) }
        }
    }

    @Test func statistics() {
        statistics(Float.self)
        statistics(Double.self)
    }

    /// A scale makes numbers of a limit and more infinite.
    @Test(arguments: [true, false]) func largeElements(withNorm: Bool) {
        largeElements(Float.self, 0x1p50, 0x1p78, withNorm)
        largeElements(Double.self, 0x1p400, 0x1p624, withNorm)
    }

    private func largeElements<T: TestScalar>(_: T.Type, _ limit: T, _ scale: Double, _ withNorm: Bool) {
        var numbers = Numbers(18)
        for count in borderSizes {
            for (large, isSmall) in [(limit.nextDown, true), (-limit, false), (limit * 16, false), (.nan, false)] {
                var g: [T] = numbers.array(count)
                g[count / 2] = large
                let parts = pieces(count)
                var outputs = [2: GuardedArray([Int32](repeating: 9, count: parts))]
                if withNorm { outputs[1] = GuardedArray([Double](repeating: 9, count: parts)) }
                everyWay(
                    .gradientStatistics, isDouble: T.isDouble, pieces: parts, inputs: [0: GuardedArray(g)],
                    outputs: outputs,
                    { call in
                        call.integers[0] = count
                        call.scalars[0] = scale
                    }
                ) { _, results in
                    let flags = results[2]!.array(Int32.self)
                    #expect(flags.contains(1) == !isSmall && flags.allSatisfy { $0 == 0 || $0 == 1 })
                }
            }
        }
    }

    private func statistics<T: TestScalar>(_: T.Type) {
        var numbers = Numbers(17)
        for count in borderSizes {
            for bad in [T(0), .nan, -.infinity, 1e30] {
                var g: [T] = numbers.array(count)
                if bad != 0 { g[count - 1 - count / 3] = bad }
                let isFinite = bad.isFinite
                let norm = g.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                let parts = pieces(count)
                for withNorm in [true, false] {
                    var outputs = [2: GuardedArray([Int32](repeating: 9, count: parts))]
                    if withNorm { outputs[1] = GuardedArray([Double](repeating: 9, count: parts)) }
                    everyWay(
                        .gradientStatistics, isDouble: T.isDouble, pieces: parts, inputs: [0: GuardedArray(g)],
                        outputs: outputs, { $0.integers[0] = count }
                    ) { _, results in
                        var inputs = [1: results[2]!]
                        inputs[0] = results[1]
                        let largest = 0.5
                        everyWay(
                            .gradientStatisticsFinish, isDouble: T.isDouble, pieces: 1, inputs: inputs,
                            outputs: [2: GuardedArray([-1.0]), 3: GuardedArray([T(-1)]), 4: GuardedArray([Int32(9)])],
                            { call in
                                call.integers[0] = parts
                                call.scalars[0] = largest
                            }
                        ) { _, ends in
                            #expect(ends[4]!.array(Int32.self)[0] == (isFinite ? 0 : 1))
                            if withNorm && isFinite {
                                let got = ends[2]!.array(Double.self)[0]
                                #expect(abs(got - norm) <= 10 * T.tolerance * norm)
                                expectClose(ends[3]!.array(T.self), [min(1, largest / (norm + 1e-6))], factor: 10)
                            }
                        }
                    }
                }
            }
        }
    }
}
