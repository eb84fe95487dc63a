// Every UnaryFunction: values against plain formulas, derivatives against central differences, what
// happens at kinks, infinities and NaN, and that no memory outside the arrays is touched.

import Foundation
import KernelDispatch
import KernelInterface
import Testing

/// A function with scalars to test it with, a plain formula for it, and where it may be tested.
struct Formula: Sendable, CustomTestStringConvertible {
    let function: UnaryFunction
    var a = 0.0
    var b = 0.0
    var low = -6.0
    var high = 6.0
    let value: @Sendable (Double) -> Double
    var testDescription: String { "\(function) a=\(a) b=\(b)" }
}

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private let seluScale = 1.0507009873554804934193349852946
private let seluAlpha = 1.6732632423543772848170429916717

let formulas: [Formula] = [
    Formula(function: .identity) { $0 },
    Formula(function: .negate) { -$0 },
    Formula(function: .relu) { max($0, 0) },
    Formula(function: .leakyRelu, a: 0.01) { $0 > 0 ? $0 : 0.01 * $0 },
    Formula(function: .elu, a: 1.5) { $0 > 0 ? $0 : 1.5 * expm1($0) },
    Formula(function: .selu) { seluScale * ($0 > 0 ? $0 : seluAlpha * expm1($0)) },
    Formula(function: .gelu) { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) },
    Formula(function: .geluTanh) {
        0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    },
    Formula(function: .silu) { $0 * sigmoid($0) },
    Formula(function: .sigmoid) { sigmoid($0) },
    Formula(function: .tanh) { tanh($0) },
    Formula(function: .softplus, a: 1, b: 20) { log1p(exp($0)) },
    Formula(function: .softplus, a: 2, b: 4) { 2 * $0 > 4 ? $0 : log1p(exp(2 * $0)) / 2 },
    Formula(function: .softplus, a: 1, b: 1000, low: 600, high: 900) { $0 },
    Formula(function: .hardtanh, a: -1, b: 2) { min(max($0, -1), 2) },
    Formula(function: .exp) { exp($0) },
    Formula(function: .expm1) { expm1($0) },
    Formula(function: .log, low: 0.1) { log($0) },
    Formula(function: .log1p, low: -0.9) { log1p($0) },
    Formula(function: .sqrt, low: 0.1) { $0.squareRoot() },
    Formula(function: .sin) { sin($0) },
    Formula(function: .cos) { cos($0) },
    Formula(function: .abs) { abs($0) },
    Formula(function: .erf) { erf($0) },
    Formula(function: .reciprocal, low: 0.1) { 1 / $0 },
    Formula(function: .square) { $0 * $0 },
    Formula(function: .power, a: 2) { $0 * $0 },
    Formula(function: .power, a: 3) { $0 * $0 * $0 },
    Formula(function: .power, a: 0.5, low: 0.1) { $0.squareRoot() },
    Formula(function: .power, a: -1, low: 0.1) { 1 / $0 },
    Formula(function: .power, a: 4) { pow($0, 4) },
    Formula(function: .power, a: -1.75, low: 0.1) { pow($0, -1.75) },
    Formula(function: .power, a: 0) { _ in 1 },
    Formula(function: .affine, a: 2.5, b: -1) { 2.5 * $0 - 1 },
    Formula(function: .tan, low: -1.3, high: 1.3) { tan($0) },
    Formula(function: .asin, low: -0.9, high: 0.9) { asin($0) },
    Formula(function: .acos, low: -0.9, high: 0.9) { acos($0) },
    Formula(function: .atan) { atan($0) },
    Formula(function: .sinh) { sinh($0) },
    Formula(function: .cosh) { cosh($0) },
    Formula(function: .asinh) { asinh($0) },
    Formula(function: .acosh, low: 1.5) { acosh($0) },
    Formula(function: .atanh, low: -0.9, high: 0.9) { atanh($0) },
    Formula(function: .exp2) { exp2($0) },
    Formula(function: .log2, low: 0.1) { log2($0) },
    Formula(function: .log10, low: 0.1) { log10($0) },
    Formula(function: .rsqrt, low: 0.1) { 1 / $0.squareRoot() },
    Formula(function: .erfc) { erfc($0) },
    Formula(function: .lgamma, low: 0.1, high: 12) { lgamma($0).0 },
    Formula(function: .lgamma, low: -1.85, high: -1.15) { lgamma($0).0 },
    Formula(function: .lgamma, low: -0.8, high: -0.2) { lgamma($0).0 },
    Formula(function: .sign) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
    Formula(function: .floor) { $0.rounded(.down) },
    Formula(function: .ceil) { $0.rounded(.up) },
    Formula(function: .round, a: 1) { $0.rounded(.toNearestOrEven) },
    Formula(function: .round, a: 10) { ($0 * 10).rounded(.toNearestOrEven) / 10 },
    Formula(function: .round, a: 10, b: 1, low: -60, high: 60) { ($0 / 10).rounded(.toNearestOrEven) * 10 },
    Formula(function: .trunc) { $0.rounded(.towardZero) },
    Formula(function: .frac) { $0 - $0.rounded(.towardZero) },
    Formula(function: .clip, a: -1, b: 2) { min(max($0, -1), 2) },
    Formula(function: .isNaN) { _ in 0 },
    Formula(function: .isInfinite) { _ in 0 },
    Formula(function: .isFinite) { _ in 1 },
    Formula(function: .logicalNot) { $0 == 0 ? 1 : 0 },
    Formula(function: .hardsigmoid) { min(max($0 + 3, 0), 6) / 6 },
    Formula(function: .hardswish) { $0 * min(max($0 + 3, 0), 6) / 6 },
    Formula(function: .mish) { $0 * tanh(log1p(exp($0))) },
    Formula(function: .celu, a: 1.5) { $0 > 0 ? $0 : 1.5 * expm1($0 / 1.5) },
    Formula(function: .threshold, a: 0.25, b: -3) { $0 > 0.25 ? $0 : -3 },
    Formula(function: .hardshrink, a: 0.5) { abs($0) > 0.5 ? $0 : 0 },
    Formula(function: .softshrink, a: 0.5) { $0 > 0.5 ? $0 - 0.5 : $0 < -0.5 ? $0 + 0.5 : 0 },
    Formula(function: .tanhshrink) { $0 - tanh($0) },
    Formula(function: .softsign) { $0 / (1 + abs($0)) },
    Formula(function: .logSigmoid) { -log1p(exp(-$0)) },
    Formula(function: .powerOfMagnitude, a: 1) { abs($0) },
    Formula(function: .powerOfMagnitude, a: 2) { $0 * $0 },
    Formula(function: .powerOfMagnitude, a: 0.5, low: 0.1) { $0.squareRoot() },
    Formula(function: .powerOfMagnitude, a: 2.5) { pow(abs($0), 2.5) },
]

/// What answers 0 or 1 to NaN too.
private let answers: Set<UnaryFunction> = [.isNaN, .isInfinite, .isFinite, .logicalNot, .sign]

@Suite struct UnaryTests {
    @Test func everyFunctionIsTested() {
        #expect(Set(formulas.map(\.function)) == Set(UnaryFunction.allCases))
    }

    /// Steps that miss the kinks at 0, -1 and 2.
    private func grid(_ f: Formula, _ count: Int = 1999) -> [Double] {
        (0..<count).map { f.low + (f.high - f.low) * (Double($0) + 0.37) / Double(count) }
    }

    @Test(arguments: formulas) func value(_ f: Formula) {
        let x = grid(f)
        for set in testedKernels {
            for (x, y) in zip(x, unaryValues(set, f.function, x, f.a, f.b)) {
                #expect(abs(y - f.value(x)) <= 1e-14 * max(1, abs(f.value(x))), "\(set.level) at \(x)")
            }
            let narrow = x.map { Float($0) }
            for (x, y) in zip(narrow, unaryValues(set, f.function, narrow, f.a, f.b)) {
                let exact = f.value(Double(x))
                #expect(abs(Double(y) - exact) <= 8e-7 * max(1, abs(exact)), "\(set.level) at \(x)")
            }
        }
    }

    @Test(arguments: formulas) func derivative(_ f: Formula) {
        let x = grid(f, 997)
        let h = 1e-5
        for set in testedKernels {
            let slopes = unaryDerivatives(set, f.function, x, f.a, f.b)
            let above = unaryValues(set, f.function, x.map { $0 + h }, f.a, f.b)
            let below = unaryValues(set, f.function, x.map { $0 - h }, f.a, f.b)
            let narrow = unaryDerivatives(set, f.function, x.map { Float($0) }, f.a, f.b)
            for i in x.indices {
                let slope = (above[i] - below[i]) / (2 * h)
                #expect(abs(slopes[i] - slope) <= 2e-8 * max(1, abs(slope)), "\(set.level) at \(x[i])")
                #expect(abs(Double(narrow[i]) - slope) <= 4e-6 * max(1, abs(slope)), "\(set.level) float at \(x[i])")
            }
        }
    }

    /// Kinks and infinities, as PyTorch has them.
    @Test func specialValues() {
        let inf = Double.infinity
        // function, a, b, x, f(x), f'(x); nil: not looked at
        let cases: [(UnaryFunction, Double, Double, Double, Double?, Double?)] = [
            (.relu, 0, 0, 0, 0, 0), (.relu, 0, 0, inf, inf, 1), (.relu, 0, 0, -inf, 0, 0),
            (.leakyRelu, 0.01, 0, 0, 0, 0.01), (.leakyRelu, 0.01, 0, -inf, -inf, 0.01),
            (.elu, 1.5, 0, 0, 0, 1.5), (.elu, 1.5, 0, -inf, -1.5, 0), (.elu, 1.5, 0, inf, inf, 1),
            (.selu, 0, 0, inf, inf, seluScale), (.selu, 0, 0, -inf, -seluScale * seluAlpha, 0),
            (.gelu, 0, 0, inf, inf, 1), (.gelu, 0, 0, -inf, 0, 0), (.gelu, 0, 0, 0, 0, 0.5), (.gelu, 0, 0, .nan, .nan, .nan),
            (.geluTanh, 0, 0, inf, inf, 1), (.geluTanh, 0, 0, -inf, 0, 0), (.geluTanh, 0, 0, 0, 0, 0.5),
            (.silu, 0, 0, inf, inf, 1), (.silu, 0, 0, -inf, 0, 0), (.silu, 0, 0, 0, 0, 0.5),
            (.sigmoid, 0, 0, inf, 1, 0), (.sigmoid, 0, 0, -inf, 0, 0), (.sigmoid, 0, 0, 0, 0.5, 0.25),
            (.tanh, 0, 0, inf, 1, 0), (.tanh, 0, 0, -inf, -1, 0), (.tanh, 0, 0, 0, 0, 1),
            (.softplus, 1, 20, inf, inf, 1), (.softplus, 1, 20, -inf, 0, 0), (.softplus, 1, 20, 0, log(2), 0.5),
            (.hardtanh, -1, 1, 1, 1, 0), (.hardtanh, -1, 1, -1, -1, 0), (.hardtanh, -1, 1, inf, 1, 0),
            (.abs, 0, 0, 0, 0, 0), (.abs, 0, 0, -inf, inf, -1),
            (.exp, 0, 0, inf, inf, inf), (.exp, 0, 0, -inf, 0, 0), (.expm1, 0, 0, -inf, -1, 0),
            (.log, 0, 0, 0, -inf, inf), (.log, 0, 0, inf, inf, 0), (.log, 0, 0, -1, .nan, nil),
            (.log1p, 0, 0, -1, -inf, inf), (.log1p, 0, 0, -1.5, .nan, nil), (.log1p, 0, 0, inf, inf, 0),
            (.sqrt, 0, 0, 0, 0, inf), (.sqrt, 0, 0, -1, .nan, .nan), (.sqrt, 0, 0, inf, inf, 0),
            (.sin, 0, 0, inf, .nan, .nan), (.cos, 0, 0, -inf, .nan, .nan), (.cos, 0, 0, 0, 1, 0),
            (.erf, 0, 0, inf, 1, 0), (.erf, 0, 0, -inf, -1, 0), (.reciprocal, 0, 0, 0, inf, -inf),
            (.reciprocal, 0, 0, inf, 0, 0),
            (.power, 2.5, 0, 0, 0, 0), (.power, 2.5, 0, -1, .nan, .nan), (.power, -2.5, 0, 0, inf, -inf),
            (.power, 5, 0, -2, -32, 80), (.power, 4, 0, -2, 16, -32), (.power, 0, 0, 0, 1, 0),
            (.power, 0, 0, .nan, 1, 0), (.power, 1, 0, 3, 3, 1), (.power, 2.5, 0, inf, inf, inf),
            (.power, -2.5, 0, inf, 0, 0), (.power, 5, 0, -inf, -inf, inf), (.power, -5, 0, -inf, 0, 0),
            (.power, inf, 0, 0.5, 0, nil), (.power, inf, 0, -1, 1, nil), (.power, -inf, 0, 0.5, inf, nil),
            (.tan, 0, 0, inf, .nan, .nan), (.asin, 0, 0, 1, Double.pi / 2, inf), (.asin, 0, 0, 1.5, .nan, .nan),
            (.acos, 0, 0, -1, Double.pi, -inf), (.acos, 0, 0, 1, 0, -inf), (.atan, 0, 0, inf, Double.pi / 2, 0),
            (.sinh, 0, 0, -inf, -inf, inf), (.cosh, 0, 0, -inf, inf, -inf), (.asinh, 0, 0, -inf, -inf, 0),
            (.acosh, 0, 0, 1, 0, inf), (.acosh, 0, 0, 0.5, .nan, .nan), (.acosh, 0, 0, inf, inf, 0),
            (.atanh, 0, 0, -1, -inf, inf), (.atanh, 0, 0, 2, .nan, nil), (.exp2, 0, 0, -inf, 0, 0), (.exp2, 0, 0, inf, inf, inf),
            (.exp2, 0, 0, 5, 32, nil), (.log2, 0, 0, 8, 3, nil), (.log2, 0, 0, 0, -inf, inf), (.log2, 0, 0, -1, .nan, nil),
            (.log10, 0, 0, 1000, 3, nil), (.log10, 0, 0, inf, inf, 0), (.rsqrt, 0, 0, 0, inf, -inf), (.rsqrt, 0, 0, inf, 0, 0),
            (.lgamma, 0, 0, 0, inf, -inf), (.lgamma, 0, 0, -0.0, inf, inf), (.lgamma, 0, 0, 1, 0, -0.5772156649015329),
            (.lgamma, 0, 0, 2, 0, 0.42278433509846713), (.lgamma, 0, 0, -3, inf, nil), (.lgamma, 0, 0, -1e300, inf, nil),
            (.lgamma, 0, 0, inf, inf, inf), (.lgamma, 0, 0, -inf, inf, nil), (.lgamma, 0, 0, 1e306, inf, nil),
            (.erfc, 0, 0, inf, 0, 0), (.erfc, 0, 0, -inf, 2, 0), (.sign, 0, 0, .nan, 0, 0), (.floor, 0, 0, -inf, -inf, 0),
            (.round, 1, 0, 2.5, 2, 0), (.round, 1, 0, -0.5, 0, 0), (.frac, 0, 0, -1.5, -0.5, 1), (.clip, -1, 1, 1, 1, 1),
            (.clip, -inf, 1, -inf, -inf, 1), (.clip, -1, inf, inf, inf, 1), (.isNaN, 0, 0, .nan, 1, 0), (.isInfinite, 0, 0, -inf, 1, 0),
            (.isFinite, 0, 0, .nan, 0, 0), (.isFinite, 0, 0, inf, 0, 0), (.logicalNot, 0, 0, .nan, 0, 0), (.logicalNot, 0, 0, 0, 1, 0),
            (.hardsigmoid, 0, 0, 3, 1, 0), (.hardswish, 0, 0, -3, 0, 0), (.hardswish, 0, 0, 3, 3, 1), (.hardswish, 0, 0, -inf, 0, 0),
            (.mish, 0, 0, inf, inf, 1), (.mish, 0, 0, -inf, 0, 0), (.celu, 1.5, 0, 0, 0, 1), (.celu, 1.5, 0, -inf, -1.5, 0),
            (.threshold, 0.25, -3, 0.25, -3, 0), (.hardshrink, 0.5, 0, 0.5, 0, 0), (.hardshrink, 0.5, 0, inf, inf, 1),
            (.softshrink, 0.5, 0, -0.5, 0, 0), (.softshrink, 0.5, 0, -inf, -inf, 1), (.softsign, 0, 0, inf, 1, 0),
            (.softsign, 0, 0, -inf, -1, 0), (.logSigmoid, 0, 0, -inf, -inf, 1), (.logSigmoid, 0, 0, inf, 0, 0),
            (.powerOfMagnitude, 0.5, 0, 0, 0, 0), (.powerOfMagnitude, 2.5, 0, -1, 1, -2.5), (.powerOfMagnitude, 0.25, 0, 0, 0, 0),
            (.power, inf, 0, 2, inf, nil), (.power, .nan, 0, 1, 1, nil), (.power, 1e300, 0, 2, inf, nil),
        ]
        for set in testedKernels {
            for (function, a, b, x, value, slope) in cases {
                let y = unaryValues(set, function, [x], a, b)[0], d = unaryDerivatives(set, function, [x], a, b)[0]
                if let value { #expect(same(y, value), "\(function) \(a) of \(x) at \(set.level): \(y)") }
                if let slope { #expect(same(d, slope), "slope of \(function) \(a) at \(x), \(set.level): \(d)") }
                if a.magnitude > 1e30 { continue }
                let yFloat = unaryValues(set, function, [Float(x)], a, b)[0]
                let dFloat = unaryDerivatives(set, function, [Float(x)], a, b)[0]
                if let value { #expect(same(Double(yFloat), value, 1e-6), "float \(function) \(a) of \(x): \(yFloat)") }
                if let slope {
                    #expect(same(Double(dFloat), slope, 1e-6), "float slope of \(function) \(a) at \(x): \(dFloat)")
                }
            }
        }
    }

    private func same(_ got: Double, _ wanted: Double, _ tolerance: Double = 1e-15) -> Bool {
        got == wanted || got.isNaN && wanted.isNaN || abs(got - wanted) <= tolerance * abs(wanted)
    }

    @Test(arguments: formulas) func notANumber(_ f: Formula) {
        if (f.function == .power && f.a == 0) || answers.contains(f.function) { return }
        for set in testedKernels {
            #expect(unaryValues(set, f.function, [Double.nan], f.a, f.b)[0].isNaN)
            #expect(unaryValues(set, f.function, [Float.nan], f.a, f.b)[0].isNaN)
        }
    }

    @Test(arguments: [
        UnaryFunction.tanh, .erf, .expm1, .log1p, .sin, .identity, .tan, .asin, .atan, .sinh, .asinh, .atanh, .floor, .ceil, .trunc,
        .softsign,
    ])
    func signOfZero(_ function: UnaryFunction) {
        for set in testedKernels {
            #expect(unaryValues(set, function, [-0.0])[0].bitPattern == (-0.0).bitPattern)
            #expect(unaryValues(set, function, [0.0])[0].bitPattern == 0)
            #expect(unaryValues(set, function, [Float(-0.0)])[0].bitPattern == Float(-0.0).bitPattern)
            #expect(unaryValues(set, function, [Float(0)])[0].bitPattern == 0)
        }
    }

    /// Any bit pattern, values and derivatives.
    @Test(arguments: formulas) func levelsAgree(_ f: Formula) {
        guard testedLevels.count == 3 else { return }
        var generator = PatternSource(state: 3)
        let x = (0..<4096).map { i in
            i & 1 == 0 ? Double(bitPattern: generator.next()) : Double(Int64(bitPattern: generator.next())) * 0x1p-60
        }
        let narrow = x.map { $0.magnitude > 1e30 ? Float(bitPattern: UInt32($0.bitPattern >> 32)) : Float($0) }
        let one = testedKernels[1], two = testedKernels[2]
        func agree<T: KernelElement>(_ p: [T], _ q: [T]) -> Bool {
            zip(p, q).allSatisfy { $0.pattern == $1.pattern || $0.isNaN && $1.isNaN }
        }
        #expect(agree(unaryValues(one, f.function, x, f.a, f.b), unaryValues(two, f.function, x, f.a, f.b)))
        #expect(agree(unaryValues(one, f.function, narrow, f.a, f.b), unaryValues(two, f.function, narrow, f.a, f.b)))
        #expect(
            agree(unaryDerivatives(one, f.function, x, f.a, f.b), unaryDerivatives(two, f.function, x, f.a, f.b)))
        #expect(
            agree(
                unaryDerivatives(one, f.function, narrow, f.a, f.b),
                unaryDerivatives(two, f.function, narrow, f.a, f.b)))
    }

    /// Every length up to three vectors, in place, between guards; a lane's result does not depend on its place.
    @Test func tails() { tails(Float.self); tails(Double.self) }

    private func tails<T: KernelElement>(_: T.Type) {
        let guarding: T = 12345, margin = 20
        for set in testedKernels {
            for count in 0...50 {
                let x = (0..<count).map { T($0) / 7 - 3 }
                let whole = unaryValues(set, .gelu, x + [T](repeating: 0, count: 64))
                var memory = [T](repeating: guarding, count: count + 2 * margin)
                for i in 0..<count { memory[margin + i] = x[i] }
                memory.withUnsafeMutableBufferPointer {
                    let p = $0.baseAddress! + margin
                    unaryForward(set, .gelu, p, p, count)
                }
                #expect(Array(memory[margin..<margin + count]) == Array(whole[0..<count]))
                #expect(memory[0..<margin].allSatisfy { $0 == guarding })
                #expect(memory[(margin + count)...].allSatisfy { $0 == guarding })

                for i in 0..<count { memory[margin + i] = 2 }
                memory.withUnsafeMutableBufferPointer {
                    let p = $0.baseAddress! + margin
                    unaryBackward(set, .gelu, p, x, p, count)
                }
                let slopes = unaryDerivatives(set, .gelu, x)
                #expect((0..<count).allSatisfy { memory[margin + $0] == 2 * slopes[$0] })
                #expect(memory[0..<margin].allSatisfy { $0 == guarding })
                #expect(memory[(margin + count)...].allSatisfy { $0 == guarding })
            }
        }
    }

    /// Pieces may be run in any grouping; a call outside its pieces does nothing.
    @Test func piecesAreIndependent() {
        let count = elementsPerPiece * 3 + 77
        let x = (0..<count).map { Float($0 % 1001) / 100 - 5 }
        for set in testedKernels {
            let whole = unaryValues(set, .tanh, x)
            var parts = [Float](repeating: -9, count: count)
            var call = KernelCall()
            call.integers[0] = UnaryFunction.tanh.rawValue
            call.integers[1] = count
            x.withUnsafeBufferPointer { x in
                parts.withUnsafeMutableBufferPointer { y in
                    call.pointers[0] = UnsafeMutableRawPointer(mutating: x.baseAddress!)
                    call.pointers[1] = UnsafeMutableRawPointer(y.baseAddress!)
                    withUnsafePointer(to: &call) { call in
                        for (begin, end) in [(3, 4), (0, 1), (1, 3)] { set[.unaryForward](call, begin, end, nil) }
                    }
                }
            }
            #expect(parts == whole)
        }
    }
}
