// What the registrations of layers, losses, metrics, schedules and optimizers share: the kind's word, attributes,
// documentation, and arrays as the host's functions see them.

import CChainrule
import Layers
import Tensors

/// A kind as the host program described it.
struct Registration {
    let kind: String
    let attributes: [AttributeSpecification]
    let documentation: String

    /// - reserved: attributes that every kind of the group has.
    init(
        _ kind: UnsafePointer<CChar>?, attributes: UnsafePointer<CChar>?, documentation: UnsafePointer<CChar>?,
        reserved: [AttributeSpecification]
    ) throws(ChainruleError) {
        self.kind = try requiredText(kind, "kind")
        guard !self.kind.isEmpty, self.kind.utf8.count <= 64, self.kind.utf8.allSatisfy({ Registration.mayHold($0) }) else {
            throw ChainruleError(
                .invalidArgument, "argument kind", expected: "1 to 64 letters a-z, digits or _", got: "\"\(self.kind)\"")
        }
        self.documentation = documentation == nil ? "" : try requiredText(documentation, "definition")
        self.attributes = attributes == nil
            ? [] : try Registration.parse(try requiredText(attributes, "definition"), reserved.map(\.name))
    }

    private static func mayHold(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
            || byte == UInt8(ascii: "_")
    }

    private static func parse(_ text: String, _ reserved: [String]) throws(ChainruleError) -> [AttributeSpecification] {
        var list: [AttributeSpecification] = []
        for word in text.split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty, !list.contains(where: { $0.name == parts[0] }) else {
                throw ChainruleError(
                    .attribute, "definition->attributes", expected: "name=default name=default, each name once", got: "\"\(word)\"")
            }
            guard !reserved.contains(parts[0]) else {
                throw ChainruleError(
                    .attribute, "definition->attributes", expected: "none of \(reserved.joined(separator: ", ")), which all have",
                    got: "\"\(word)\"")
            }
            list.append(AttributeSpecification(parts[0], .text, default: parts[1], ""))
        }
        return list
    }
}

/// An array as the host's functions see it.
func hostArray(_ shape: Shape, _ type: DataType, _ data: UnsafeMutableRawPointer?) -> chainrule_array {
    var array = chainrule_array()
    array.data = data
    array.dtype = chainrule_dtype(rawValue: chainrule_dtype.RawValue(type.rawValue))
    array.rank = Int32(shape.rank)
    setShape(&array.shape, shape)
    return array
}

/// The shape that a host's function has put into an array; nil if its rank is none.
func hostShape(_ array: chainrule_array) -> Shape? {
    guard array.rank >= 0, array.rank <= Shape.maximumRank else { return nil }
    return withUnsafeBytes(of: array.shape) { bytes in
        Shape(bytes.bindMemory(to: Int64.self).prefix(Int(array.rank)).map(Int.init))
    }
}

/// The arrays of a call, made with the plan, so that running it allocates nothing; and the attributes.
final class HostArrays: @unchecked Sendable {
    private let arrays: UnsafeMutablePointer<chainrule_array>
    private let count: Int
    let text: UnsafePointer<CChar>

    init(_ list: [chainrule_array], _ attributes: String) {
        count = list.count
        arrays = .allocate(capacity: max(count, 1))
        arrays.initialize(from: list, count: count)
        let bytes = Array(attributes.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        text = UnsafePointer(copy)
    }

    deinit {
        arrays.deallocate()
        text.deallocate()
    }

    func filled(_ pointers: UnsafePointer<UnsafeMutableRawPointer?>) -> UnsafeMutablePointer<chainrule_array> {
        for index in 0..<count { (arrays + index).pointee.data = pointers[index] }
        return arrays
    }
}
