// The safetensors format: 8 bytes of header length (little-endian), a header that names each tensor's
// type, shape and place, then the tensors' bytes.

import Tensors

public struct TensorEntry: Sendable {
    public var name: String
    /// nil: a type that models don't hold (float16, bool, ...).
    public var type: DataType?
    public var typeName: String
    public var shape: Shape
    /// Bytes from the start of the data.
    public var offset: Int
    public var byteCount: Int
}

/// A file's contents, checked, with the tensors where they lie in memory.
public struct SafetensorsFile {
    public private(set) var metadata: [String: String] = [:]
    public private(set) var tensors: [TensorEntry] = []
    /// The tensors' bytes, borrowed from whoever holds the file.
    public let data: UnsafeRawBufferPointer

    private static let typeNames: [(DataType, String)] = [
        (.float32, "F32"), (.float64, "F64"), (.int32, "I32"), (.int64, "I64"),
    ]
    private static let otherSizes = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "U32": 4,
        "U64": 8,
    ]

    /// A tensor takes about a hundred bytes of the header, and so does a layer in a model's description:
    /// room for a hundred thousand of each. The memory that a file can ask for grows with it.
    private static let mostHeaderBytes = 25_000_000

    private static func checkHeader(_ length: Int) throws(ChainruleError) {
        guard length <= mostHeaderBytes else {
            throw ChainruleError(.format, "the file's header", expected: "at most \(mostHeaderBytes) bytes", got: "\(length)")
        }
    }

    /// Every length and offset is checked before it is used.
    public init(_ bytes: UnsafeRawBufferPointer) throws(ChainruleError) {
        guard bytes.count >= 8 else {
            throw ChainruleError(.format, "the file's length", expected: "8 bytes or more", got: "\(bytes.count)")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(bytes.count - 8) else {
            throw ChainruleError(
                .format, "the file", expected: "a safetensors header of at most \(bytes.count - 8) bytes",
                got: "a length of \(length): the file is truncated or of another format")
        }
        try SafetensorsFile.checkHeader(Int(clamping: length))
        // Strings and arrays made from a header end the process when memory is short; asking for more than
        // they take tells in time.
        _ = try Storage(byteCount: 16 * Int(length), what: "the file's header", isZeroed: false)
        data = UnsafeRawBufferPointer(rebasing: bytes[(8 + Int(length))...])
        let header = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + Int(length)])
        try parse(header.bindMemory(to: UInt8.self))
    }

    private mutating func parse(_ header: UnsafeBufferPointer<UInt8>) throws(ChainruleError) {
        var reader = HeaderReader(header)
        try reader.expect("{")
        if !reader.accept("}") {
            repeat {
                let name = try reader.string()
                try reader.expect(":")
                if name == "__metadata__" {
                    try parseMetadata(&reader)
                } else {
                    tensors.append(try parseTensor(name, &reader))
                }
            } while reader.accept(",")
            try reader.expect("}")
        }
        guard reader.isAtEnd else { throw reader.wrong("the end of the header") }
        try checkPlaces()
        tensors.sort { $0.name < $1.name }
        for (first, second) in zip(tensors, tensors.dropFirst()) where first.name == second.name {
            throw ChainruleError(.format, "the tensor names", expected: "each once", got: "\"\(first.name)\" twice")
        }
    }

    /// Tensors lie one behind the other and fill the data: no overlaps, no holes.
    private mutating func checkPlaces() throws(ChainruleError) {
        tensors.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        var end = 0
        for tensor in tensors {
            guard tensor.offset == end else {
                throw ChainruleError(
                    .format, "tensor \"\(tensor.name)\"'s place", expected: "from byte \(end), where the one before it ends",
                    got: "from byte \(tensor.offset)")
            }
            end += tensor.byteCount
        }
        guard end == data.count else {
            throw ChainruleError(.format, "the file's data", expected: "\(end) bytes, as the header says", got: "\(data.count)")
        }
    }

    private mutating func parseMetadata(_ reader: inout HeaderReader) throws(ChainruleError) {
        try reader.expect("{")
        if reader.accept("}") { return }
        repeat {
            let key = try reader.string()
            try reader.expect(":")
            metadata[key] = try reader.string()
        } while reader.accept(",")
        try reader.expect("}")
    }

    private func parseTensor(_ name: String, _ reader: inout HeaderReader) throws(ChainruleError) -> TensorEntry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try reader.expect("{")
        repeat {
            let key = try reader.string()
            try reader.expect(":")
            switch key {
            case "dtype": typeName = try reader.string()
            case "shape": shape = try reader.integers()
            case "data_offsets": offsets = try reader.integers()
            default: throw reader.wrong("dtype, shape or data_offsets")
            }
        } while reader.accept(",")
        try reader.expect("}")
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw ChainruleError(.format, "tensor \"\(name)\"", expected: "dtype, shape and two data_offsets", got: "less")
        }
        let type = SafetensorsFile.typeNames.first { $0.1 == typeName }?.0
        guard let size = type?.size ?? SafetensorsFile.otherSizes[typeName] else {
            throw ChainruleError(.format, "tensor \"\(name)\"'s dtype", expected: "a safetensors type", got: "\"\(typeName)\"")
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end, end <= data.count else {
            throw ChainruleError(
                .format, "tensor \"\(name)\"'s place", expected: "within \(data.count) bytes of data",
                got: "\(begin) to \(end): the file is truncated")
        }
        // A size of 0 must not hide others that overflow: strides are products of the sizes behind them.
        var product = size
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: max(extent, 1))
            guard !overflow, next <= Shape.maximumBytes else {
                throw ChainruleError(.format, "tensor \"\(name)\"'s shape", expected: "sizes that fit memory", got: "\(shape)")
            }
            product = next
        }
        if shape.contains(0) { product = 0 }
        guard product == end - begin else {
            throw ChainruleError(
                .format, "tensor \"\(name)\"", expected: "\(product) bytes for \(typeName) \(shape)", got: "\(end - begin)")
        }
        return TensorEntry(
            name: name, type: type, typeName: typeName, shape: Shape(shape), offset: begin, byteCount: end - begin)
    }

    /// A tensor as an array; nil for types and ranks that models don't hold.
    public func view(_ entry: TensorEntry) -> ArrayView? {
        guard let type = entry.type, entry.shape.rank <= Shape.maximumRank else { return nil }
        guard let base = data.baseAddress else { return ArrayView(nil, type, entry.shape.dimensions) }
        return ArrayView(UnsafeMutableRawPointer(mutating: base) + entry.offset, type, entry.shape.dimensions)
    }

    /// The bytes of a file with these tensors, in this order.
    public static func serialize(
        metadata: [(String, String)], tensors: [(name: String, view: ArrayView)]
    ) throws(ChainruleError) -> Storage {
        var header = "{"
        if !metadata.isEmpty {
            header += "\"__metadata__\":{"
            header += metadata.map { headerString($0.0) + ":" + headerString($0.1) }.joined(separator: ",") + "},"
        }
        var offset = 0
        for (name, view) in tensors {
            let bytes = view.elementCount * view.type.size
            let typeName = typeNames.first { $0.0 == view.type }?.1 ?? ""
            header += headerString(name) + ":{\"dtype\":\"\(typeName)\",\"shape\":["
            header += view.dimensions.map(String.init).joined(separator: ",")
            header += "],\"data_offsets\":[\(offset),\(offset + bytes)]},"
            offset += bytes
        }
        if header.hasSuffix(",") { header.removeLast() }
        header += "}"
        // Readers map the data, so it starts at a multiple of 8.
        var bytes = Array(header.utf8)
        while bytes.count % 8 != 0 { bytes.append(0x20) }
        try checkHeader(bytes.count)
        let storage = try Storage(byteCount: 8 + bytes.count + offset, what: "the file's bytes", isZeroed: false)
        storage.pointer.storeBytes(of: UInt64(bytes.count).littleEndian, as: UInt64.self)
        (storage.pointer + 8).copyMemory(from: bytes, byteCount: bytes.count)
        var place = storage.pointer + 8 + bytes.count
        for (_, view) in tensors {
            let count = view.elementCount * view.type.size
            copyElements(from: view, to: ArrayView(place, view.type, view.dimensions))
            place += count
        }
        return storage
    }
}
