// What an attribute of a layer, loss or optimizer may be: its type, default and limits. The
// attribute texts of the ABI are checked against these.

public enum AttributeType: Sendable {
    case integer(ClosedRange<Int>)
    case real(ClosedRange<Double>)
    case boolean
    case integers
    case reals
    case word([String])
    /// Anything; checked by its user (initialisers).
    case text
}

public struct AttributeSpecification: Sendable {
    public let name: String
    public let type: AttributeType
    /// As it would be written; nil: required unless `optional`.
    public let defaultText: String?
    public let optional: Bool
    public let documentation: String

    public init(_ name: String, _ type: AttributeType, default text: String? = nil, optional: Bool = false, _ documentation: String) {
        self.name = name
        self.type = type
        defaultText = text
        self.optional = optional
        self.documentation = documentation
    }

    /// "out_features=<integer 1 to 16777216>"
    public var description: String {
        let value: String =
            switch type {
            case .integer(let range):
                "<integer \(AttributeSpecification.bound(range.lowerBound)) to \(AttributeSpecification.bound(range.upperBound))>"
            case .real(let range): "<number \(range.lowerBound) to \(range.upperBound)>"
            case .boolean: "<true|false>"
            case .integers: "<integers, with commas>"
            case .reals: "<numbers, with commas>"
            case .word(let words): "<" + words.joined(separator: "|") + ">"
            case .text: "<text>"
            }
        if let defaultText { return "\(name)=\(value) (default \(defaultText.isEmpty ? "empty" : defaultText))" }
        return optional ? "\(name)=\(value) (optional)" : "\(name)=\(value) (required)"
    }

    private static func bound(_ value: Int) -> String {
        value == .max ? "any" : value == .min ? "any" : String(value)
    }
}

extension ClosedRange where Bound == Int {
    public static var sizes: ClosedRange<Int> { 1...(1 << 40) }
    public static var any: ClosedRange<Int> { Int.min...Int.max }
}

extension ClosedRange where Bound == Double {
    public static var finite: ClosedRange<Double> { -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude }
    public static var notNegative: ClosedRange<Double> { 0...Double.greatestFiniteMagnitude }
    public static var positive: ClosedRange<Double> { Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude }
    public static var probability: ClosedRange<Double> { 0...1 }
}
