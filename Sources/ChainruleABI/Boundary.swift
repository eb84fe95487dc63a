// Every exported function goes through here: a thrown error becomes a status and this thread's error
// text, and nothing else leaves.

import CChainrule
import CPUFeatures
import Glibc
import Tensors

/// Runs a function's body; the name is put before the message.
@inline(__always)
func guarded(_ function: StaticString, _ body: () throws(ChainruleError) -> Void) -> chainrule_status {
    do throws(ChainruleError) {
        try body()
        return CHAINRULE_OK
    } catch {
        return record(error, function)
    }
}

@inline(never)
func record(_ error: ChainruleError, _ function: StaticString) -> chainrule_status {
    guard let text = cr_thread_error() else { return CHAINRULE_INTERNAL }
    text.pointee.code = error.code.rawValue
    withUnsafeMutableBytes(of: &text.pointee.message) { put("\(function): \(error.message)", $0) }
    withUnsafeMutableBytes(of: &text.pointee.node) { put(error.node, $0) }
    withUnsafeMutableBytes(of: &text.pointee.expected) { put(error.expected, $0) }
    withUnsafeMutableBytes(of: &text.pointee.got) { put(error.got, $0) }
    return chainrule_status(rawValue: chainrule_status.RawValue(error.code.rawValue))
}

/// Copies text with its zero byte, cut between characters if it is too long.
private func put(_ text: String, _ buffer: UnsafeMutableRawBufferPointer) {
    var length = 0
    for character in text.unicodeScalars {
        let bytes = UTF8.encode(character).map(Array.init) ?? []
        if length + bytes.count >= buffer.count { break }
        for byte in bytes {
            buffer[length] = byte
            length += 1
        }
    }
    buffer[length] = 0
}

/// An argument that must not be NULL.
@inline(__always)
func required<T>(_ pointer: T?, _ argument: StaticString) throws(ChainruleError) -> T {
    guard let pointer else { throw missing(argument) }
    return pointer
}

@inline(never)
func missing(_ argument: StaticString) -> ChainruleError {
    ChainruleError(.invalidArgument, "argument \(argument)", expected: "an address", got: "NULL")
}

func requiredText(_ pointer: UnsafePointer<CChar>?, _ argument: StaticString) throws(ChainruleError) -> String {
    guard let pointer else { throw missing(argument) }
    guard let text = String(validatingCString: pointer) else {
        throw ChainruleError(.invalidArgument, "argument \(argument)", expected: "UTF-8 text", got: "other bytes")
    }
    return text
}

// Handles are retained Swift objects.

@inline(__always)
func object<T: AnyObject>(_ handle: OpaquePointer?, _ argument: StaticString, _: T.Type) throws(ChainruleError) -> T {
    guard let handle else { throw missing(argument) }
    return Unmanaged<T>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

func handle<T: AnyObject>(_ object: T) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

func release<T: AnyObject>(_ handle: OpaquePointer?, _: T.Type) {
    if let handle { Unmanaged<T>.fromOpaque(UnsafeRawPointer(handle)).release() }
}

/// Checks an option struct's size; one from a newer header may be longer if the rest is zero.
func checkSize<T>(_ pointer: UnsafePointer<T>, _ size: Int, _ argument: StaticString) throws(ChainruleError) {
    let known = MemoryLayout<T>.size
    guard size >= known, size <= 1 << 16 else {
        throw ChainruleError(.invalidArgument, "\(argument)->struct_size", expected: "\(known)", got: "\(size)")
    }
    let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
    guard bytes[known...].allSatisfy({ $0 == 0 }) else {
        throw ChainruleError(
            .invalidArgument, "\(argument)->struct_size", expected: "\(known), or a longer struct with zeros behind",
            got: "\(size) with fields that this version does not know")
    }
}

/// The text functions' way out: at most `capacity` bytes with the zero byte, and the whole length.
func putText(
    _ text: String, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) throws(ChainruleError) {
    guard buffer != nil || capacity == 0 else { throw missing("buffer") }
    guard capacity >= 0 else {
        throw ChainruleError(.invalidArgument, "argument capacity", expected: "0 or more", got: "\(UInt(bitPattern: capacity))")
    }
    if let buffer, capacity > 0 { put(text, UnsafeMutableRawBufferPointer(start: buffer, count: capacity)) }
    length?.pointee = text.utf8.count
}

func busy(_ what: String) -> ChainruleError {
    ChainruleError(.busy, "the \(what)", expected: "no other call that uses it", got: "one under way")
}
