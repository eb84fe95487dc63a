// First values of parameters, by word: weight_init=he_normal, init=uniform(-0.1,0.1),
// weight_init=kaiming_uniform(mode=fan_out,nonlinearity=tanh). Names and numbers are torch.nn.init's.

import KernelInterface
import Tensors

public struct Initializer: Sendable, Equatable {
    public enum Distribution: Sendable, Equatable {
        case constant(Double)
        case uniform(low: Double, high: Double)
        case normal(mean: Double, deviation: Double)
        /// Normal, but drawn again outside of low...high.
        case truncatedNormal(mean: Double, deviation: Double, low: Double, high: Double)
        /// Made as a whole: InitialTensors.swift.
        case orthogonal(gain: Double)
        case identity
        case dirac(groups: Int)
        case sparse(share: Double, deviation: Double)
    }

    public let distribution: Distribution

    public init(_ distribution: Distribution) { self.distribution = distribution }

    public static let zeros = Initializer(.constant(0))

    /// The words, for the catalog.
    public static let catalog: [(kind: String, description: String)] = [
        ("default", "uniform in +-1/sqrt(fan_in), as PyTorch's Linear"),
        ("xavier_uniform", "xavier_uniform(gain=1): uniform in +-gain*sqrt(6/(fan_in+fan_out)); the gain may be a nonlinearity's name (Glorot and Bengio 2010)"),
        ("xavier_normal", "xavier_normal(gain=1): normal with deviation gain*sqrt(2/(fan_in+fan_out))"),
        ("kaiming_uniform", "kaiming_uniform(a=0,mode=fan_in,nonlinearity=leaky_relu): uniform in +-gain*sqrt(3/fan), the gain that of linear, sigmoid, tanh, relu, leaky_relu of slope a, or selu; mode fan_in or fan_out (He et al. 2015)"),
        ("kaiming_normal", "kaiming_normal(a=0,mode=fan_in,nonlinearity=leaky_relu): normal with deviation gain/sqrt(fan)"),
        ("he_uniform", "uniform in +-sqrt(6/fan_in): kaiming_uniform for relu"),
        ("he_normal", "normal with deviation sqrt(2/fan_in): kaiming_normal for relu"),
        ("lecun_uniform", "uniform in +-sqrt(3/fan_in) (LeCun et al. 1998)"),
        ("lecun_normal", "normal, cut off at two deviations, with deviation sqrt(1/fan_in) after that, as Keras has it"),
        ("uniform", "uniform(low,high)"),
        ("normal", "normal(mean,deviation)"),
        ("trunc_normal", "trunc_normal(mean=0,std=1,a=-2,b=2): normal, drawn again outside of a to b"),
        ("orthogonal", "orthogonal(gain=1): orthonormal rows or columns, whichever are fewer, times gain (Saxe et al. 2014)"),
        ("sparse", "sparse(sparsity,std=0.01): normal; in each column this share of the rows is 0 (Martens 2010)"),
        ("eye", "the identity matrix"),
        ("dirac", "dirac(groups=1): convolutions that hand their channels on"),
        ("zeros", "0"),
        ("ones", "1"),
        ("constant", "constant(value)"),
    ]

    /// - fanIn, fanOut: how many inputs reach, and outputs leave, a unit.
    public init(_ text: String, fanIn: Int, fanOut: Int, what: String) throws(ChainruleError) {
        guard let written = InitializerText(text), let distribution = Initializer.distribution(written, fanIn, fanOut) else {
            throw ChainruleError(
                .attribute, "\(what)",
                expected: "an initializer: " + Initializer.catalog.map { entry in
                    entry.description.hasPrefix(entry.kind + "(") ? String(entry.description.prefix { $0 != ":" }) : entry.kind
                }.joined(separator: ", "),
                got: "\"\(text)\"")
        }
        self.distribution = distribution
    }

    private static func distribution(_ written: InitializerText, _ fanIn: Int, _ fanOut: Int) -> Distribution? {
        var written = written
        let fanIn = Double(max(fanIn, 1))
        let fanOut = Double(max(fanOut, 0))
        func uniform(_ deviation: Double) -> Distribution {
            let bound = (3.0).squareRoot() * deviation
            return .uniform(low: -bound, high: bound)
        }
        func around(_ bound: Double) -> Distribution { .uniform(low: -bound, high: bound) }
        func normal(_ deviation: Double) -> Distribution { .normal(mean: 0, deviation: deviation) }
        let result: Distribution
        switch written.name {
        case "default": result = around((1 / fanIn).squareRoot())
        case "xavier_uniform", "xavier_normal":
            guard let gain = written.gain() else { return nil }
            result = written.name == "xavier_uniform"
                ? around(gain * (6 / (fanIn + fanOut)).squareRoot()) : normal(gain * (2 / (fanIn + fanOut)).squareRoot())
        case "kaiming_uniform", "kaiming_normal":
            guard let slope = written.number("a", 0), let mode = written.word("mode", "fan_in"), mode == "fan_in" || mode == "fan_out",
                let nonlinearity = written.word("nonlinearity", "leaky_relu"),
                let gain = InitializerText.gain(nonlinearity, slope: slope)
            else { return nil }
            let deviation = gain / max(mode == "fan_in" ? fanIn : fanOut, 1).squareRoot()
            result = written.name == "kaiming_uniform" ? uniform(deviation) : normal(deviation)
        case "he_uniform": result = around((6 / fanIn).squareRoot())
        case "he_normal": result = normal((2 / fanIn).squareRoot())
        case "lecun_uniform": result = around((3 / fanIn).squareRoot())
        case "lecun_normal":
            // A normal distribution cut off at two deviations has this deviation.
            let wide = (1 / fanIn).squareRoot() / 0.87962566103423978
            result = .truncatedNormal(mean: 0, deviation: wide, low: -2 * wide, high: 2 * wide)
        case "zeros": result = .constant(0)
        case "ones": result = .constant(1)
        case "constant":
            guard let value = written.number("value", nil) else { return nil }
            result = .constant(value)
        case "uniform":
            guard let low = written.number("low", nil), let high = written.number("high", nil), low <= high else { return nil }
            result = .uniform(low: low, high: high)
        case "normal":
            guard let mean = written.number("mean", nil), let deviation = written.number("deviation", nil), deviation >= 0 else { return nil }
            result = .normal(mean: mean, deviation: deviation)
        case "trunc_normal":
            guard let mean = written.number("mean", 0), let deviation = written.number("std", 1), let low = written.number("a", -2),
                let high = written.number("b", 2), deviation > 0, low < high
            else { return nil }
            result = .truncatedNormal(mean: mean, deviation: deviation, low: low, high: high)
        case "orthogonal":
            guard let gain = written.gain() else { return nil }
            result = .orthogonal(gain: gain)
        case "sparse":
            guard let share = written.number("sparsity", nil), let deviation = written.number("std", 0.01), share >= 0, share <= 1,
                deviation >= 0
            else { return nil }
            result = .sparse(share: share, deviation: deviation)
        case "eye": result = .identity
        case "dirac":
            guard let groups = written.number("groups", 1), groups >= 1, groups <= 0x1p40, groups == groups.rounded() else { return nil }
            result = .dirac(groups: Int(groups))
        default: return nil
        }
        return written.isUsedUp ? result : nil
    }

    /// Refuses a shape that these values don't fit.
    public func check(_ shape: Shape, what: String) throws(ChainruleError) {
        func refuse(_ word: String, _ expected: String) -> ChainruleError {
            ChainruleError(.attribute, "\(what): the initializer \(word)", expected: expected, got: "shape \(shape)")
        }
        switch distribution {
        case .orthogonal where shape.rank < 2: throw refuse("orthogonal", "2 or more dimensions")
        case .identity where shape.rank != 2: throw refuse("eye", "2 dimensions")
        case .sparse where shape.rank != 2: throw refuse("sparse", "2 dimensions")
        case .dirac(let groups):
            guard (3...5).contains(shape.rank), shape[0] % groups == 0 else {
                throw refuse("dirac", "3 to 5 dimensions, the first a multiple of \(groups)")
            }
        default: break
        }
    }
}

/// "name(0.1,mode=fan_out)": arguments in their order or by name, each asked for once.
private struct InitializerText {
    let name: String
    private var positional: [String] = []
    private var named: [String: String] = [:]

    init?(_ text: String) {
        name = String(text.prefix { $0 != "(" })
        guard name.count < text.count else { return }
        guard text.hasSuffix(")") else { return nil }
        for part in text.dropFirst(name.count + 1).dropLast().split(separator: ",", omittingEmptySubsequences: false) {
            if let equals = part.firstIndex(of: "=") {
                let key = String(part[..<equals])
                guard named[key] == nil else { return nil }
                named[key] = String(part[part.index(after: equals)...])
            } else {
                guard named.isEmpty else { return nil }
                positional.append(String(part))
            }
        }
    }

    var isUsedUp: Bool { positional.isEmpty && named.isEmpty }

    mutating func word(_ key: String, _ standard: String?) -> String? {
        if !positional.isEmpty { return positional.removeFirst() }
        return named.removeValue(forKey: key) ?? standard
    }

    mutating func number(_ key: String, _ standard: Double?) -> Double? {
        guard let text = word(key, standard.map { "\($0)" }) else { return nil }
        return Attributes.number(text)
    }

    /// A number or the name of a nonlinearity.
    mutating func gain() -> Double? {
        guard let text = word("gain", "1") else { return nil }
        return Attributes.number(text) ?? InitializerText.gain(text, slope: 0.01)
    }

    /// torch.nn.init.calculate_gain.
    static func gain(_ nonlinearity: String, slope: Double) -> Double? {
        switch nonlinearity {
        case "linear", "sigmoid": 1
        case "tanh": 5.0 / 3
        case "relu": (2.0).squareRoot()
        case "leaky_relu": (2 / (1 + slope * slope)).squareRoot()
        case "selu": 0.75
        default: nil
        }
    }
}
