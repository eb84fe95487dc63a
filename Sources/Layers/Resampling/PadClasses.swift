// PyTorch's classes of padding, for one to three dimensions of space: `pad` with one mode each.

import Tensors

struct ZeroPad1d: PadClass {
    static let kind = "zero_pad1d"
    static let className: String? = "ZeroPad1d"
    static let rank = 1
    static let mode = "constant"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ZeroPad2d: PadClass {
    static let kind = "zero_pad2d"
    static let className: String? = "ZeroPad2d"
    static let rank = 2
    static let mode = "constant"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ZeroPad3d: PadClass {
    static let kind = "zero_pad3d"
    static let className: String? = "ZeroPad3d"
    static let rank = 3
    static let mode = "constant"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ConstantPad1d: PadClass {
    static let kind = "constant_pad1d"
    static let className: String? = "ConstantPad1d"
    static let rank = 1
    static let mode = "constant"
    static let takesValue = true
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ConstantPad2d: PadClass {
    static let kind = "constant_pad2d"
    static let className: String? = "ConstantPad2d"
    static let rank = 2
    static let mode = "constant"
    static let takesValue = true
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ConstantPad3d: PadClass {
    static let kind = "constant_pad3d"
    static let className: String? = "ConstantPad3d"
    static let rank = 3
    static let mode = "constant"
    static let takesValue = true
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReflectionPad1d: PadClass {
    static let kind = "reflection_pad1d"
    static let className: String? = "ReflectionPad1d"
    static let rank = 1
    static let mode = "reflect"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReflectionPad2d: PadClass {
    static let kind = "reflection_pad2d"
    static let className: String? = "ReflectionPad2d"
    static let rank = 2
    static let mode = "reflect"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReflectionPad3d: PadClass {
    static let kind = "reflection_pad3d"
    static let className: String? = "ReflectionPad3d"
    static let rank = 3
    static let mode = "reflect"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReplicationPad1d: PadClass {
    static let kind = "replication_pad1d"
    static let className: String? = "ReplicationPad1d"
    static let rank = 1
    static let mode = "replicate"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReplicationPad2d: PadClass {
    static let kind = "replication_pad2d"
    static let className: String? = "ReplicationPad2d"
    static let rank = 2
    static let mode = "replicate"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct ReplicationPad3d: PadClass {
    static let kind = "replication_pad3d"
    static let className: String? = "ReplicationPad3d"
    static let rank = 3
    static let mode = "replicate"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct CircularPad1d: PadClass {
    static let kind = "circular_pad1d"
    static let className: String? = "CircularPad1d"
    static let rank = 1
    static let mode = "circular"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct CircularPad2d: PadClass {
    static let kind = "circular_pad2d"
    static let className: String? = "CircularPad2d"
    static let rank = 2
    static let mode = "circular"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

struct CircularPad3d: PadClass {
    static let kind = "circular_pad3d"
    static let className: String? = "CircularPad3d"
    static let rank = 3
    static let mode = "circular"
    let words: String
    init(_ attributes: Attributes) throws(ChainruleError) { words = try Self.words(attributes) }
}

protocol PadClass: CompositeLayer {
    static var rank: Int { get }
    static var mode: String { get }
    static var takesValue: Bool { get }
    /// pad's attributes.
    var words: String { get }
}

extension PadClass {
    static var takesValue: Bool { false }
    static var documentation: String {
        "pad, mode=\(mode), around the last \(rank == 1 ? "dimension" : "\(rank) dimensions")"
    }
    static var attributes: [AttributeSpecification] {
        let padding = AttributeSpecification(
            "padding", .integers, "one number for all sides, or before and behind each dimension, the last one first")
        return takesValue ? [padding, AttributeSpecification("value", .real(.finite), "the elements")] : [padding]
    }

    static func words(_ attributes: Attributes) throws(ChainruleError) -> String {
        let list = attributes.integers("padding")
        guard list.count == 1 || list.count == 2 * rank else {
            throw ChainruleError(.attribute, "\(kind)'s padding", expected: "1 number or \(2 * rank)", got: "\(list)")
        }
        let sides = list.count == 1 ? Array(repeating: list[0], count: 2 * rank) : list
        let value = takesValue ? " value=\(attributes.real("value"))" : ""
        return "padding=" + sides.map(String.init).joined(separator: ",") + " mode=\(mode)" + value
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let input = graph.shape(inputs[0])
        guard input.rank == Self.rank + 2 || (input.rank == Self.rank + 1 && !input.isBatched) else {
            throw ChainruleError(
                .shape, "\(Self.kind)'s input", expected: "\(Self.rank + 2) dimensions (batch, channels, ...)", got: "\(input)")
        }
        return [try graph.add("pad", words, inputs)]
    }
}
