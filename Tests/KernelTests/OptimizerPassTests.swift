import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// One step of the optimizers that OptimizerTests leaves out, and what stands around them, against their
/// formulas in Double: what becomes of the parameter, and of the arrays kept beside it.
@Suite struct OptimizerPassTests {
    struct Pass: Sendable, CustomTestStringConvertible {
        let name: KernelName
        var scalars: [Int: Double] = [:]
        var option = 0
        /// Arrays in slots 2, 3 and 5; without them the pass keeps less.
        var kept = 1
        let formula: @Sendable (_ p: Double, _ g: Double, _ kept: [Double]) -> [Double]
        var testDescription: String { "\(name) \(option) \(kept)" }
    }

    static let slots = [2, 3, 5]

    static let passes: [Pass] = [
        Pass(name: .adam, scalars: [0: 0.9, 1: 0.8, 2: 0.7, 3: 0.1, 5: -0.05, 6: 1.5], kept: 3) { p, g, s in
            let m = s[0] + 0.2 * (g - s[0])
            let v = 0.7 * s[1] + 0.3 * g * g
            return [0.9 * p - 0.05 * m / (1.5 * max(v, s[2]).squareRoot() + 0.1), m, v, max(v, s[2])]
        },
        Pass(name: .adam, scalars: [0: 1, 1: 0.8, 2: 0.7, 3: 0.1, 4: 0.3, 5: -0.05, 6: -0.02], option: 1, kept: 2) { p, g, s in
            let g = g + 0.3 * p
            let m = s[0] + 0.2 * (g - s[0])
            let v = 0.7 * s[1] + 0.3 * g * g
            return [p - (0.05 * m + 0.02 * g) / (v.squareRoot() + 0.1), m, v]
        },
        Pass(name: .adamax, scalars: [1: 0.8, 2: 0.7, 3: 0.1, 4: 0.3, 5: -0.05], kept: 2) { p, g, s in
            let g = g + 0.3 * p
            let m = s[0] + 0.2 * (g - s[0])
            let u = max(0.7 * s[1], abs(g) + 0.1)
            return [p - 0.05 * m / u, m, u]
        },
        Pass(name: .lion, scalars: [0: 0.9, 1: 0.8, 2: 0.7, 5: -0.05]) { p, g, s in
            let c = s[0] + 0.2 * (g - s[0])
            return [0.9 * p - 0.05 * (c > 0 ? 1 : c < 0 ? -1 : 0), s[0] + 0.3 * (g - s[0])]
        },
        Pass(name: .rmsprop, scalars: [0: 0.05, 1: 0.6, 2: 0.5, 3: 0.1], kept: 3) { p, g, s in
            let v = 0.5 * s[0] + 0.5 * g * g
            let a = s[2] + 0.5 * (g - s[2])
            let b = 0.6 * s[1] + g / ((v - a * a).squareRoot() + 0.1)
            return [p - 0.05 * b, v, b, a]
        },
        Pass(name: .adagrad, scalars: [0: 0.05, 3: 0.1, 4: 0.3]) { p, g, s in
            let g = g + 0.3 * p
            let sum = s[0] + g * g
            return [p - 0.05 * g / (sum.squareRoot() + 0.1), sum]
        },
        Pass(name: .adadelta, scalars: [0: 0.05, 1: 0.6, 3: 0.1], kept: 2) { p, g, s in
            let v = 0.6 * s[0] + 0.4 * g * g
            let d = (s[1] + 0.1).squareRoot() / (v + 0.1).squareRoot() * g
            return [p - 0.05 * d, v, 0.6 * s[1] + 0.4 * d * d]
        },
        Pass(name: .rprop, scalars: [0: 0.05, 1: 0.5, 2: 1.2, 3: 0.2, 5: 1.5], kept: 2) { p, g, s in
            let turns = g * s[0] < 0
            let size = min(max(s[1] * (turns ? 0.5 : g * s[0] > 0 ? 1.2 : 1), 0.2), 1.5)
            return [p - (turns || g == 0 ? 0 : g > 0 ? size : -size), turns ? 0 : g, size]
        },
        Pass(name: .asgd, scalars: [0: 0.05, 1: 0.9, 2: 0.25, 4: 0.3]) { p, g, s in
            let p = 0.9 * p - 0.05 * (g + 0.3 * p)
            return [p, s[0] + 0.25 * (p - s[0])]
        },
        Pass(name: .regularize, scalars: [0: 0.3, 1: 0.2]) { p, g, _ in [p, g + 0.3 * (p > 0 ? 1 : p < 0 ? -1 : 0) + 0.2 * p] },
    ]

    @Test(arguments: passes) func step(pass: Pass) {
        for count in borderSizes {
            step(Float.self, pass, count)
            step(Double.self, pass, count)
        }
    }

    /// A moment that a long row of zero gradients has made denormal is taken for 0, and so is a parameter.
    @Test func denormalMoments() {
        let tiny: [Float] = [1e-40, -1e-40, Float.leastNonzeroMagnitude, 2, 1e-40]
        everyWay(
            .adam, isDouble: false, pieces: 1, inputs: [1: GuardedArray([Float](repeating: 0, count: 5))],
            outputs: [0: GuardedArray([Float]([1, 1, 1, 1, 1e-41])), 2: GuardedArray(tiny), 3: GuardedArray(tiny.map { abs($0) })],
            { call in
                call.integers[0] = 5
                for (slot, value) in [1, 0.9, 0.999, 1e-8, 0, -0.001, 1, Double.infinity].enumerated() { call.scalars[slot] = value }
            }
        ) { _, results in
            #expect(results[0]!.array(Float.self)[..<3] == [1, 1, 1])
            #expect(results[0]!.array(Float.self)[4] == 0)
            for slot in [2, 3] {
                let moments = results[slot]!.array(Float.self)
                #expect(moments[0] == 0 && moments[1] == 0 && moments[2] == 0 && moments[4] == 0)
                #expect(moments[3] > 1.7)
            }
        }
    }

    private func step<T: TestScalar>(_: T.Type, _ pass: Pass, _ count: Int) {
        var numbers = Numbers(29)
        let p: [T] = numbers.array(count)
        let g: [T] = numbers.array(count)
        // Squares are not negative; rmsprop's are large enough for what is taken off.
        var kept: [[T]] = (0..<pass.kept).map { _ in numbers.array(count, 0.1, 2) }
        if pass.name == .rmsprop { kept[0] = kept[0].map { $0 + 18 } }
        if pass.name == .rprop { kept[0] = numbers.array(count) }
        let climbs = pass.name != .regularize
        let expected = (0..<count).map { i in
            pass.formula(Double(p[i]), climbs ? -Double(g[i]) : Double(g[i]), kept.map { Double($0[i]) })
        }
        var outputs = [0: GuardedArray(p)]
        for (index, values) in kept.enumerated() { outputs[Self.slots[index]] = GuardedArray(values) }
        everyWay(
            pass.name, isDouble: T.isDouble, pieces: pieces(count, per: parametersPerPiece), inputs: [1: GuardedArray(g)], outputs: outputs,
            { call in
                call.integers[0] = count
                call.integers[1] = pass.option
                call.integers[3] = climbs ? 1 : 0
                for (slot, value) in pass.scalars { call.scalars[slot] = value }
                call.scalars[7] = .infinity
            }
        ) { _, results in
            for place in 0...pass.kept {
                let slot = place == 0 ? 0 : Self.slots[place - 1]
                expectClose(results[slot]!.array(T.self), expected.map { $0[place] }, factor: 20, "slot \(slot)")
            }
        }
    }

    /// Norms of rows and of columns, at once and piece by piece.
    @Test func constraints() {
        constraints(Float.self)
        constraints(Double.self)
    }

    private func constraints<T: TestScalar>(_: T.Type) {
        var numbers = Numbers(31)
        for (units, length) in [(1, 1), (3, 17), (17, 3), (40, 33), (33, 200), (1, 8193)] {
            for isTransposed in [false, true] {
                let p: [T] = numbers.array(units * length)
                func place(_ unit: Int, _ i: Int) -> Int { isTransposed ? i * units + unit : unit * length + i }
                for which in 1...2 {
                    var expected = p.map { Double($0) }
                    for unit in 0..<units {
                        let norm = (0..<length).reduce(0.0) { $0 + expected[place(unit, $1)] * expected[place(unit, $1)] }.squareRoot()
                        for i in 0..<length { expected[place(unit, i)] *= (which == 2 ? 1 : min(norm, 0.75)) / (1e-7 + norm) }
                    }
                    everyWay(
                        .constrain, isDouble: T.isDouble, pieces: pieces(units, per: 16), inputs: [:], outputs: [0: GuardedArray(p)],
                        { call in
                            call.integers[0] = units
                            call.integers[1] = which
                            call.integers[2] = length
                            call.integers[3] = isTransposed ? 1 : 0
                            call.integers[4] = 16
                            call.scalars[0] = 0.75
                        }
                    ) { _, results in expectClose(results[0]!.array(T.self), expected, factor: 20) }
                }
            }
        }
    }
}
