// An optimizer from its text ("adam lr=0.001 clip_norm=1; *.bias,norm* weight_decay=0; 0.* frozen=true"):
// what all parameters have, and then, for those whose names fit a pattern, what differs. A parameter takes
// the attributes of every group that fits it, the later ones before the earlier ones. A group may name
// another optimizer; nothing written before then holds for it.

import Layers
import Tensors

/// What a group of parameters has. A class, so that a step takes a reference along, not a copy of all it has.
public final class OptimizerGroup: Sendable {
    public let optimizer: any Optimizer
    public let lr: Double
    public let isFrozen: Bool
    public let l1: Double
    public let l2: Double
    public let orthogonal: Double
    public let maxNorm: Double
    public let isNonNegative: Bool
    public let hasUnitNorm: Bool

    init(_ type: CatalogKind<any Optimizer>, _ attributes: Attributes) throws(ChainruleError) {
        optimizer = try type.make(attributes)
        lr = attributes.real("lr")
        isFrozen = attributes.boolean("frozen")
        l1 = attributes.real("l1")
        l2 = attributes.real("l2")
        orthogonal = attributes.real("orthogonal")
        maxNorm = attributes.real("max_norm")
        isNonNegative = attributes.boolean("non_negative")
        hasUnitNorm = attributes.boolean("unit_norm")
        guard maxNorm == 0 || !hasUnitNorm else {
            throw ChainruleError(.attribute, "\(type.kind)'s constraints", expected: "max_norm or unit_norm", got: "both")
        }
    }

    public var isRegularized: Bool { l1 > 0 || l2 > 0 || orthogonal > 0 }
    public var isConstrained: Bool { maxNorm > 0 || isNonNegative || hasUnitNorm }
}

public struct OptimizerChoice: Sendable {
    /// One ';' group as written.
    private struct Rule: Sendable {
        var patterns: [String]
        var kind: String?
        var words: String
    }

    public let text: String
    /// What parameters have that fit no pattern.
    public let base: OptimizerGroup
    public let clipNorm: Double
    public let clipValue: Double
    public let accumulate: Int
    public let averageDecay: Double
    public let averageStart: Int
    public let averageFrequency: Int
    private let kind: String
    private let words: String
    private let rules: [Rule]

    public init(_ text: String) throws(ChainruleError) {
        self.text = text
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        (kind, words) = splitKind(parts[0])
        let type = try OptimizerCatalog.known(kind)
        let parsed = try Attributes(parsing: words, as: type.attributes + commonOptimizerAttributes, of: kind)
        base = try OptimizerGroup(type, parsed)
        clipNorm = parsed.real("clip_norm")
        clipValue = parsed.real("clip_value")
        accumulate = parsed.integer("accumulate")
        averageDecay = parsed.real("ema_decay")
        averageStart = parsed.integer("swa_start")
        averageFrequency = parsed.integer("swa_freq")
        guard averageDecay == 0 || averageStart == 0 else {
            throw ChainruleError(.attribute, "\(kind)'s average of weights", expected: "ema_decay or swa_start", got: "both")
        }
        var rules: [Rule] = []
        for (number, part) in parts.dropFirst().enumerated() {
            rules.append(try OptimizerChoice.rule(part, number: number + 1, kind: kind))
        }
        self.rules = rules
        // What is wrong with a single group is said before there is a model.
        try checkSearch(rules.indices.map { (number) throws(ChainruleError) in try group(of: [number]) })
    }

    public var hasGroups: Bool { !rules.isEmpty }
    /// A mean of the weights is kept beside them.
    public var hasAverage: Bool { averageDecay > 0 || averageStart > 0 }

    private static func rule(_ text: String, number: Int, kind: String) throws(ChainruleError) -> Rule {
        let (first, rest) = splitKind(text)
        let patterns = first.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let words = try Attributes.split(rest, of: "group \(number) of the optimizer").map { $0.0 }
        guard !words.isEmpty, !first.isEmpty, !first.contains("="), patterns.allSatisfy({ !$0.isEmpty }) else {
            throw ChainruleError(
                .attribute, "group \(number) of the optimizer", expected: "patterns of parameters' names, then attributes: \"*.bias weight_decay=0\"",
                got: "\"\(text)\"")
        }
        var rule = Rule(patterns: patterns, kind: nil, words: words.joined(separator: " "))
        if !words[0].contains("=") {
            rule.kind = words[0]
            rule.words = words.dropFirst().joined(separator: " ")
        }
        let type = try OptimizerCatalog.known(rule.kind ?? kind)
        if let common = words.first(where: { word in trainingOptimizerAttributes.contains { word.hasPrefix($0.name + "=") } }) {
            throw ChainruleError(
                .attribute, "group \(number) of the optimizer", expected: "this for the whole training, before the first ';'", got: "\"\(common)\"")
        }
        if rule.kind == nil { return rule }
        _ = try Attributes(parsing: rule.words, as: type.attributes + groupOptimizerAttributes, of: type.kind)
        return rule
    }

    /// What a parameter has that fits these rules, in their order.
    private func group(of numbers: [Int]) throws(ChainruleError) -> OptimizerGroup {
        var kind = kind
        var merged = try Attributes.split(words, of: kind).map { $0.0 }
        for number in numbers {
            let rule = rules[number]
            if let own = rule.kind {
                kind = own
                merged = []
            }
            let own = try Attributes.split(rule.words, of: kind).map { $0.0 }
            // Twice in one group is an error, which the parser finds.
            merged = merged.filter { word in !own.contains { $0.prefix { $0 != "=" } == word.prefix { $0 != "=" } } } + own
        }
        let type = try OptimizerCatalog.known(kind)
        return try OptimizerGroup(type, try Attributes(parsing: merged.joined(separator: " "), as: type.attributes + commonOptimizerAttributes, of: kind))
    }

    /// The groups that these parameters fall into, and the group of each. A pattern that fits none is an
    /// error: most likely a name is misspelt.
    public func assign(_ names: [String]) throws(ChainruleError) -> (groups: [OptimizerGroup], of: [Int]) {
        for (number, rule) in rules.enumerated() {
            for pattern in rule.patterns where !names.contains(where: { fits($0, pattern) }) {
                throw ChainruleError(
                    .notFound, "group \(number + 1) of the optimizer", expected: "a pattern of a trainable parameter's name: \(names.prefix(12).joined(separator: ", "))",
                    got: "\"\(pattern)\"")
            }
        }
        var keys: [[Int]] = []
        var groups: [OptimizerGroup] = []
        var of: [Int] = []
        for name in names {
            let key = rules.indices.filter { number in rules[number].patterns.contains { fits(name, $0) } }
            if let found = keys.firstIndex(of: key) {
                of.append(found)
            } else {
                of.append(keys.count)
                keys.append(key)
                groups.append(key.isEmpty ? base : try group(of: key))
            }
        }
        return (groups, of)
    }
}

/// Whether a name fits a pattern in which * stands for any letters, also none, and ? for one.
public func fits(_ name: String, _ pattern: String) -> Bool {
    let name = Array(name.utf8)
    let pattern = Array(pattern.utf8)
    var n = 0
    var p = 0
    // Where to go back to: behind the last *, and how much of the name it had taken.
    var star: Int?
    var taken = 0
    while n < name.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            star = p
            taken = n
            p += 1
        } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
            n += 1
            p += 1
        } else if let last = star {
            taken += 1
            n = taken
            p = last + 1
        } else {
            return false
        }
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
    return p == pattern.count
}
