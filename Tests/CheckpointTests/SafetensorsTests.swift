// The file format: what is written can be read, and no damage goes unnoticed or unanswered.

import Checkpoints
import Graph
import Tensors
import Testing

private func example() throws -> (Model, [UInt8]) {
    let model = Model(type: .float32, seed: 3)
    _ = try model.add("input", "shape=4", inputs: nil)
    _ = try model.add("linear", "out_features=3", inputs: nil)
    let storage = try ModelFile.serialize(model)
    return (model, Array(UnsafeRawBufferPointer(start: storage.pointer, count: storage.byteCount)))
}

@Suite struct SafetensorsTests {
    @Test func roundTrip() throws {
        let (model, bytes) = try example()
        let again = try bytes.withUnsafeBytes { try ModelFile.model(SafetensorsFile($0)) }
        let (first, second) = (try model.prepare(), try again.prepare())
        #expect(first.byteCount == second.byteCount)
        #expect(
            UnsafeRawBufferPointer(start: first.pointer, count: first.byteCount)
                .elementsEqual(UnsafeRawBufferPointer(start: second.pointer, count: second.byteCount)))
    }

    /// Every cut is answered with an error.
    @Test func everyTruncation() throws {
        let (_, bytes) = try example()
        for count in 0..<bytes.count {
            bytes.withUnsafeBytes { whole in
                _ = #expect(throws: ChainruleError.self) {
                    try ModelFile.model(SafetensorsFile(UnsafeRawBufferPointer(rebasing: whole[..<count])))
                }
            }
        }
    }

    /// A changed byte gives an error or another model, never a trap.
    @Test func everyDamagedByte() throws {
        let (_, bytes) = try example()
        for place in bytes.indices {
            for value: UInt8 in [0, 0x22, 0x39, 0x7b, 0xff] {
                var damaged = bytes
                damaged[place] = value
                damaged.withUnsafeBytes { _ = try? ModelFile.model(SafetensorsFile($0)) }
            }
        }
    }

    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}"#,
        #"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
        #"{"a":[1]}"#, #"["a"]"#, #"{"a":"\ud800"}"#, "{",
    ]) func hostileHeaders(header: String) throws {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { bytes += $0 }
        bytes += Array(header.utf8) + [UInt8](repeating: 0, count: 8)
        bytes.withUnsafeBytes { raw in
            let error = #expect(throws: ChainruleError.self) { try SafetensorsFile(raw) }
            #expect(error?.code == .format)
        }
    }
}
