// The header of a safetensors file is one JSON object of a fixed form. This reads and writes exactly
// that form, so that the core needs no JSON library at run time or to build, and so that a hostile
// file meets a small reader: no recursion deeper than skipping unknown values, no floating point.

import Tensors

struct HeaderReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private(set) var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    func wrong(_ expected: String) -> ChainruleError {
        let got = position < bytes.count ? "byte \(bytes[position])" : "the end"
        return ChainruleError(.format, "the file's header at byte \(position)", expected: expected, got: got)
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    /// The next character if it is this one.
    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(ChainruleError) {
        guard accept(character) else { throw wrong("'\(character)'") }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    mutating func string() throws(ChainruleError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            let byte = bytes[position]
            position += 1
            guard byte >= 0x20 else { throw wrong("text without control characters") }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard position < bytes.count else { throw wrong("an escaped character") }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0d)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "u"): text.append(contentsOf: Array(String(try unicode()).utf8))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            default: throw wrong("a known escape")
            }
        }
        try expect("\"")
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func unicode() throws(ChainruleError) -> Unicode.Scalar {
        let high = try hexadecimal()
        guard high >> 10 == 0x36 else { return Unicode.Scalar(high) ?? "\u{fffd}" }
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        else { throw wrong("the second half of a surrogate pair") }
        position += 2
        let low = try hexadecimal()
        return Unicode.Scalar(0x10000 + (high & 0x3ff) << 10 + (low & 0x3ff)) ?? "\u{fffd}"
    }

    private mutating func hexadecimal() throws(ChainruleError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw wrong("four hexadecimal digits") }
        position += 4
        return value
    }

    mutating func integer() throws(ChainruleError) -> Int {
        skipSpace()
        let start = position
        while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
        guard let value = wholeNumber(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw wrong("an integer from 0 to 2^63 - 1")
        }
        return value
    }

    mutating func integers() throws(ChainruleError) -> [Int] {
        try expect("[")
        var list: [Int] = []
        if accept("]") { return list }
        repeat {
            list.append(try integer())
            guard list.count <= 64 else { throw wrong("at most 64 numbers") }
        } while accept(",")
        try expect("]")
        return list
    }
}

func headerString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case _ where scalar.value < 0x20:
            result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
