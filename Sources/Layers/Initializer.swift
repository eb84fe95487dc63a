// First values of parameters, by word: weight_init=he_normal, init=uniform(-0.1,0.1).

import KernelInterface
import Tensors

public struct Initializer: Sendable, Equatable {
    public enum Distribution: Sendable, Equatable {
        case constant(Double)
        case uniform(low: Double, high: Double)
        case normal(mean: Double, deviation: Double)
    }

    public let distribution: Distribution

    public init(_ distribution: Distribution) { self.distribution = distribution }

    public static let zeros = Initializer(.constant(0))

    /// The words, for the catalog.
    public static let catalog: [(kind: String, description: String)] = [
        ("default", "uniform in +-1/sqrt(fan_in), as PyTorch's Linear"),
        ("xavier_uniform", "uniform in +-sqrt(6/(fan_in+fan_out)) (Glorot and Bengio 2010)"),
        ("xavier_normal", "normal with deviation sqrt(2/(fan_in+fan_out))"),
        ("he_uniform", "uniform in +-sqrt(6/fan_in) (He et al. 2015)"),
        ("he_normal", "normal with deviation sqrt(2/fan_in)"),
        ("uniform", "uniform(low,high)"),
        ("normal", "normal(mean,deviation)"),
        ("zeros", "0"),
        ("ones", "1"),
        ("constant", "constant(value)"),
    ]

    /// - fanIn, fanOut: how many inputs reach, and outputs leave, a unit.
    public init(_ text: String, fanIn: Int, fanOut: Int, what: String) throws(ChainruleError) {
        let name = String(text.prefix { $0 != "(" })
        var arguments: [Double] = []
        var wellFormed = true
        if name.count < text.count {
            wellFormed = text.hasSuffix(")")
            let inside = text.dropFirst(name.count + 1).dropLast()
            for part in inside.split(separator: ",", omittingEmptySubsequences: false) {
                if let value = Attributes.number(String(part)) { arguments.append(value) } else { wellFormed = false }
            }
        }
        let fanIn = Double(max(fanIn, 1))
        let both = fanIn + Double(max(fanOut, 0))
        let bound = (1 / fanIn).squareRoot()
        switch (name, arguments.count, wellFormed) {
        case ("default", 0, true): distribution = .uniform(low: -bound, high: bound)
        case ("xavier_uniform", 0, true):
            distribution = .uniform(low: -(6 / both).squareRoot(), high: (6 / both).squareRoot())
        case ("xavier_normal", 0, true): distribution = .normal(mean: 0, deviation: (2 / both).squareRoot())
        case ("he_uniform", 0, true):
            distribution = .uniform(low: -(6 / fanIn).squareRoot(), high: (6 / fanIn).squareRoot())
        case ("he_normal", 0, true): distribution = .normal(mean: 0, deviation: (2 / fanIn).squareRoot())
        case ("zeros", 0, true): distribution = .constant(0)
        case ("ones", 0, true): distribution = .constant(1)
        case ("constant", 1, true): distribution = .constant(arguments[0])
        case ("uniform", 2, true) where arguments[0] <= arguments[1]:
            distribution = .uniform(low: arguments[0], high: arguments[1])
        case ("normal", 2, true) where arguments[1] >= 0:
            distribution = .normal(mean: arguments[0], deviation: arguments[1])
        default:
            throw ChainruleError(
                .attribute, "\(what)",
                expected: "an initializer: default, xavier_uniform, xavier_normal, he_uniform, he_normal, "
                    + "uniform(low,high), normal(mean,deviation), zeros, ones or constant(value)",
                got: "\"\(text)\"")
        }
    }
}
