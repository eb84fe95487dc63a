// Attribute text ("out_features=64 bias=false") parsed and checked against a specification.

import Tensors

public enum AttributeValue: Sendable, Equatable {
    case integer(Int)
    case real(Double)
    case boolean(Bool)
    case integers([Int])
    case reals([Double])
    case text(String)
}

public struct Attributes: Sendable {
    /// In the order of the specification; absent optional ones are missing.
    private var values: [String: AttributeValue] = [:]
    /// The words as they were written, in their order, for saving the model.
    public private(set) var text: String

    /// - what: "layer linear", for messages.
    public init(
        parsing text: String, as specification: [AttributeSpecification], of what: String
    ) throws(ChainruleError) {
        self.text = ""
        var written: [String] = []
        for (word, position) in try Attributes.split(text, of: what) {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw ChainruleError(
                    .attribute, "\(what): attribute text at position \(position)", expected: "name=value",
                    got: "\"\(word)\"")
            }
            let name = String(word[..<equals])
            let value = String(word[word.index(after: equals)...])
            guard let attribute = specification.first(where: { $0.name == name }) else {
                let known = specification.map(\.name).joined(separator: ", ")
                throw ChainruleError(
                    .attribute, "\(what): attribute at position \(position)",
                    expected: known.isEmpty ? "no attributes" : "one of \(known)", got: "\"\(name)\"")
            }
            guard values[name] == nil else {
                throw ChainruleError(
                    .attribute, "\(what): attribute at position \(position)", expected: "each attribute once",
                    got: "\"\(name)\" again")
            }
            values[name] = try Attributes.parse(value, attribute, what: what, position: position)
            written.append(word)
        }
        self.text = written.joined(separator: " ")
        for attribute in specification where values[attribute.name] == nil {
            if let text = attribute.defaultText {
                values[attribute.name] = try Attributes.parse(text, attribute, what: what, position: 0)
            } else if !attribute.optional {
                throw ChainruleError(
                    .attribute, "\(what): attributes", expected: attribute.description,
                    got: self.text.isEmpty ? "none" : "\"\(self.text)\"")
            }
        }
    }

    /// The roles of the inputs that the node has, in their order; known once they are.
    public var inputRoles: [String] = []

    /// Which input has this role; nil if it isn't given.
    public func input(_ role: String) -> Int? { inputRoles.firstIndex(of: role) }

    public func has(_ name: String) -> Bool { values[name] != nil }

    public func integer(_ name: String) -> Int {
        if case .integer(let value)? = values[name] { return value }
        return 0
    }
    public func real(_ name: String) -> Double {
        if case .real(let value)? = values[name] { return value }
        return 0
    }
    public func boolean(_ name: String) -> Bool { values[name] == .boolean(true) }
    public func integers(_ name: String) -> [Int] {
        if case .integers(let value)? = values[name] { return value }
        return []
    }
    public func reals(_ name: String) -> [Double] {
        if case .reals(let value)? = values[name] { return value }
        return []
    }
    public func text(_ name: String) -> String {
        if case .text(let value)? = values[name] { return value }
        return ""
    }

    /// Words and their positions, counted in bytes from 0.
    public static func split(_ text: String, of what: String) throws(ChainruleError) -> [(String, Int)] {
        var words: [(String, Int)] = []
        var current: [UInt8] = []
        var start = 0
        for (position, byte) in text.utf8.enumerated() {
            if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
                if !current.isEmpty { words.append((String(decoding: current, as: UTF8.self), start)) }
                current = []
                continue
            }
            guard byte > 0x20, byte != 0x7f else {
                throw ChainruleError(
                    .attribute, "\(what): attribute text at position \(position)", expected: "printable text",
                    got: "control character \(byte)")
            }
            if current.isEmpty { start = position }
            current.append(byte)
        }
        if !current.isEmpty { words.append((String(decoding: current, as: UTF8.self), start)) }
        return words
    }

    private static func parse(
        _ text: String, _ attribute: AttributeSpecification, what: String, position: Int
    ) throws(ChainruleError) -> AttributeValue {
        func wrong() -> ChainruleError {
            ChainruleError(
                .attribute, "\(what): attribute \(attribute.name) at position \(position)",
                expected: attribute.description, got: "\"\(text)\"")
        }
        switch attribute.type {
        case .integer(let range):
            guard let value = wholeNumber(text), range.contains(value) else { throw wrong() }
            return .integer(value)
        case .real(let range):
            guard let value = number(text), range.contains(value) else { throw wrong() }
            return .real(value)
        case .boolean:
            guard text == "true" || text == "false" else { throw wrong() }
            return .boolean(text == "true")
        case .integers:
            var list: [Int] = []
            for part in parts(text) {
                guard let value = wholeNumber(part) else { throw wrong() }
                list.append(value)
            }
            return .integers(list)
        case .reals:
            var list: [Double] = []
            for part in parts(text) {
                guard let value = number(part) else { throw wrong() }
                list.append(value)
            }
            return .reals(list)
        case .word(let words):
            guard words.contains(text) else { throw wrong() }
            return .text(text)
        case .text:
            return .text(text)
        }
    }

    private static func parts(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// A finite decimal number; words such as "nan" and hexadecimal forms are refused.
    public static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
            first != UInt8(ascii: "e"), first != UInt8(ascii: "E"), let value = Double(text), value.isFinite
        else { return nil }
        return value
    }
}

/// "adam lr=0.1" as ("adam", "     lr=0.1"): spaces are in the kind's place, so that positions count from
/// the start of the text.
public func splitKind(_ text: String) -> (kind: String, attributes: String) {
    let trimmed = text.drop { $0 == " " || $0 == "\t" || $0 == "\n" }
    let kind = trimmed.prefix { $0 != " " && $0 != "\t" && $0 != "\n" }
    let rest = trimmed.dropFirst(kind.count)
    return (String(kind), String(repeating: " ", count: text.utf8.count - rest.utf8.count) + rest)
}
