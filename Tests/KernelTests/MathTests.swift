// The elementary functions against libm in a wider type, over the whole range of arguments, and
// against values of 700 digits (Tests/Oracle/math_values.py).

import Foundation
import KernelDispatch
import KernelInterface
import Testing

#if arch(x86_64)
typealias Wide = Float80
#else
typealias Wide = Double
#endif

struct Elementary: Sendable, CustomTestStringConvertible {
    let function: UnaryFunction
    /// Largest error allowed, in ulps.
    let limit: Double
    /// That of floats, where it is another.
    var floatLimit: Double? = nil
    let double: @Sendable (Double) -> Double
    let wide: @Sendable (Wide) -> Wide
    /// Arguments that libm needs too long for, or that are promised less, are left out.
    var largest: Float = .infinity
    var testDescription: String { "\(function)" }
}

let elementary: [Elementary] = [
    Elementary(function: .exp, limit: 2, double: { exp($0) }, wide: { exp($0) }),
    Elementary(function: .expm1, limit: 4, double: { expm1($0) }, wide: { expm1($0) }),
    Elementary(function: .log, limit: 2, double: { log($0) }, wide: { log($0) }),
    Elementary(function: .log1p, limit: 4, double: { log1p($0) }, wide: { log1p($0) }),
    Elementary(function: .tanh, limit: 2, double: { tanh($0) }, wide: { tanh($0) }),
    Elementary(function: .erf, limit: 2, double: { erf($0) }, wide: { erf($0) }),
    Elementary(
        function: .sigmoid, limit: 4,
        double: { $0 < 0 ? exp($0) / (1 + exp($0)) : 1 / (1 + exp(-$0)) },
        wide: { $0 < 0 ? exp($0) / (1 + exp($0)) : 1 / (1 + exp(-$0)) }),
    Elementary(function: .sin, limit: 4, double: { sin($0) }, wide: { sin($0) }),
    Elementary(function: .cos, limit: 4, double: { cos($0) }, wide: { cos($0) }),
    Elementary(function: .tan, limit: 4, floatLimit: 0.6, double: { tan($0) }, wide: { tan($0) }),
    Elementary(function: .asin, limit: 4, floatLimit: 0.6, double: { asin($0) }, wide: { asin($0) }),
    Elementary(function: .acos, limit: 4, floatLimit: 0.6, double: { acos($0) }, wide: { acos($0) }),
    Elementary(function: .atan, limit: 4, floatLimit: 0.6, double: { atan($0) }, wide: { atan($0) }),
    Elementary(function: .sinh, limit: 4, floatLimit: 0.6, double: { sinh($0) }, wide: { sinh($0) }),
    Elementary(function: .cosh, limit: 4, floatLimit: 0.6, double: { cosh($0) }, wide: { cosh($0) }),
    Elementary(function: .asinh, limit: 4, floatLimit: 0.6, double: { asinh($0) }, wide: { asinh($0) }),
    Elementary(function: .acosh, limit: 4, floatLimit: 0.6, double: { acosh($0) }, wide: { acosh($0) }),
    Elementary(function: .atanh, limit: 4, floatLimit: 0.6, double: { atanh($0) }, wide: { atanh($0) }),
    Elementary(function: .exp2, limit: 2, floatLimit: 0.6, double: { exp2($0) }, wide: { exp2($0) }),
    Elementary(function: .log2, limit: 2, floatLimit: 0.6, double: { log2($0) }, wide: { log2($0) }),
    Elementary(function: .log10, limit: 2, floatLimit: 0.6, double: { log10($0) }, wide: { log10($0) }),
    Elementary(function: .erfc, limit: 6, floatLimit: 0.6, double: { erfc($0) }, wide: { erfc($0) }),
    Elementary(
        function: .rsqrt, limit: 2, double: { 1 / $0.squareRoot() }, wide: { 1 / $0.squareRoot() }),
    Elementary(function: .sqrt, limit: 0.5, double: { $0.squareRoot() }, wide: { $0.squareRoot() }),
]

#if DEBUG
let floatStride: UInt64 = 40009
let doubleSamples = 20_000
#else
let floatStride: UInt64 = 211
let doubleSamples = 2_000_000
#endif

let reporting = ProcessInfo.processInfo.environment["CHAINRULE_REPORT"] != nil

struct Worst {
    var error = 0.0
    var at = 0.0
    mutating func note(_ error: Double, _ x: Double) {
        if error > self.error {
            self.error = error
            at = x
        }
    }
}

@Suite struct MathTests {
    /// Every 211th of all 2^32 patterns: subnormals, infinities and NaN included.
    @Test(arguments: elementary) func floatAccuracy(_ f: Elementary) {
        let chunk = 1 << 15
        var worst = [Worst](repeating: Worst(), count: testedLevels.count)
        var differences = 0
        var x = [Float](repeating: 0, count: chunk)
        var exact = [Double](repeating: 0, count: chunk)
        var y = [[Float]](repeating: x, count: testedLevels.count)
        var pattern: UInt64 = 0
        while pattern < 1 << 32 {
            for i in 0..<chunk {
                x[i] = Float(bitPattern: UInt32(truncatingIfNeeded: pattern))
                pattern += floatStride
            }
            for i in 0..<chunk { exact[i] = f.double(Double(x[i])) }
            for (n, set) in testedKernels.enumerated() {
                unaryForward(set, f.function, x, &y[n], chunk)
                for i in 0..<chunk { worst[n].note(ulps(y[n][i], exact[i]), Double(x[i])) }
            }
            if testedLevels.count == 3 {
                for i in 0..<chunk where y[1][i].bitPattern != y[2][i].bitPattern { differences += 1 }
            }
        }
        #expect(differences == 0, "AVX2 and AVX-512 differ")
        for (n, level) in testedLevels.enumerated() {
            if reporting { print("float \(f.function) \(level): \(worst[n].error) ulp at \(worst[n].at)") }
            #expect(worst[n].error <= f.floatLimit ?? f.limit, "\(level) at \(worst[n].at)")
        }
    }

    /// Random doubles of every exponent, and many of the exponents where functions are interesting.
    @Test(arguments: elementary) func doubleAccuracy(_ f: Elementary) {
        var generator = PatternSource(state: 7)
        var x = [Double]()
        for i in 0..<doubleSamples {
            var value = Double(bitPattern: generator.next())
            let unit = Double(generator.next() >> 11) * 0x1p-53
            switch i & 7 {
            case 0: break
            case 1, 2, 3: value = (unit - 0.5) * 4
            case 4, 5: value = (unit - 0.5) * 50
            case 6: value = (unit - 0.5) * 1600
            default: value = value.sign == .minus ? 1 - unit / 4 : 1 + unit / 4
            }
            x.append(value)
        }
        // Float80's own sine reduces with a 66-bit pi: large angles are left to the exact values.
        let trigonometric = f.function == .sin || f.function == .cos || f.function == .tan
        if trigonometric { x = x.map { $0.magnitude > 1000 ? 1 / $0 : $0 } }
        let exact = x.map { f.wide(Wide($0)) }
        var y = [[Double]]()
        for (n, set) in testedKernels.enumerated() {
            y.append(unaryValues(set, f.function, x))
            var worst = Worst()
            for i in x.indices { worst.note(ulps(y[n][i], exact[i]), x[i]) }
            if reporting { print("double \(f.function) \(set.level): \(worst.error) ulp at \(worst.at)") }
            #expect(worst.error <= f.limit, "\(set.level) at \(worst.at)")
        }
        if testedLevels.count == 3 {
            #expect(zip(y[1], y[2]).allSatisfy { $0.bitPattern == $1.bitPattern }, "AVX2 and AVX-512 differ")
        }
    }

    /// Exact values, also for large angles.
    @Test func doubleOracle() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../Oracle/math_values.txt"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var function = UnaryFunction.exp
        var exponent = 0.0
        var worst = [String: [Worst]]()
        var name = ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, let x = UInt64(words[0], radix: 16), let y = UInt64(words[1], radix: 16),
                let rest = Double(words[2])
            else {
                name = String(line)
                function = try #require(UnaryFunction.allCases.first { "\($0)" == words[0] })
                exponent = words.count > 1 ? try #require(Double(words[1])) : 0
                continue
            }
            let exact = Double(bitPattern: y)
            for (n, set) in testedKernels.enumerated() {
                let got = unaryValues(set, function, [Double(bitPattern: x)], exponent)[0]
                let error = ((got - exact) / exact.ulp - rest / 1000).magnitude
                worst[name, default: Array(repeating: Worst(), count: testedLevels.count)][n].note(
                    error.isNaN ? .infinity : error, Double(bitPattern: x))
            }
        }
        for (name, errors) in worst {
            let limit = elementary.first { "\($0.function)" == name }?.limit ?? (name == "lgamma" ? 2.5 : 4)
            for (n, level) in testedLevels.enumerated() {
                if reporting { print("oracle \(name) \(level): \(errors[n].error) ulp at \(errors[n].at)") }
                #expect(errors[n].error <= limit, "\(name) \(level) at \(errors[n].at)")
            }
        }
        #expect(worst.count == 17)
    }

    @Test(arguments: [2.5, -0.7, 1 / 3.0, 17.25, 0.001, -1, 5, -3, 0.5, 1e10, 2, 3])
    func powerAccuracy(_ exponent: Double) {
        var generator = PatternSource(state: 11)
        let span = 745 / exponent.magnitude
        let x: [Double] = (0..<doubleSamples / 10).map { i in
            let unit = Double(generator.next() >> 11) * 0x1p-53
            if i & 15 == 0 && exponent != 0.5 { return Double(bitPattern: generator.next()) }
            let widest = min(span, 740) * (i & 1 == 0 ? 1 : 0.01)
            return exp((unit - 0.5) * 2.02 * widest) * (i & 2 == 0 || exponent == 0.5 ? 1 : -1)
        }
        let xFloat = x.map { Float($0) }
        for set in testedKernels {
            let y = unaryValues(set, .power, x, exponent)
            let yFloat = unaryValues(set, .power, xFloat, exponent)
            var worst = Worst(), worstFloat = Worst()
            for i in x.indices {
                worst.note(ulps(y[i], pow(Wide(x[i]), Wide(exponent))), x[i])
                worstFloat.note(ulps(yFloat[i], pow(Double(xFloat[i]), Double(Float(exponent)))), Double(xFloat[i]))
            }
            if reporting {
                print("double power \(exponent) \(set.level): \(worst.error) ulp at \(worst.at)")
                print("float power \(exponent) \(set.level): \(worstFloat.error) ulp at \(worstFloat.at)")
            }
            #expect(worst.error <= 4, "\(set.level) at \(worst.at)")
            #expect(worstFloat.error <= 4, "\(set.level) at \(worstFloat.at)")
        }
    }
}

struct PatternSource {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
