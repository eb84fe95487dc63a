// Version, errors, CPU level, threads.

import CChainrule
import CPUFeatures
import Glibc
import KernelDispatch
import Tensors

/// Text that lives as long as the process.
func permanent(_ text: String) -> UnsafePointer<CChar>? { strdup(text).map { UnsafePointer($0) } }

nonisolated(unsafe) private let version = permanent("0.1.0")
nonisolated(unsafe) private let levelName = permanent(KernelSet.current.level.name)
nonisolated(unsafe) private let statusNames: [UnsafePointer<CChar>?] = [
    "OK", "INVALID_ARGUMENT", "SHAPE", "DTYPE", "ATTRIBUTE", "STATE", "NOT_FOUND", "VALUE", "NON_FINITE", "IO", "FORMAT",
    "OUT_OF_MEMORY", "CANCELLED", "BUSY", "CALLBACK", "INTERNAL",
].map { permanent("CHAINRULE_" + $0) }
nonisolated(unsafe) private let unknownStatus = permanent("unknown status")

@_cdecl("chainrule_version") @implementation
public func chainrule_version() -> UnsafePointer<CChar>? { version }

@_cdecl("chainrule_cpu_level") @implementation
public func chainrule_cpu_level() -> UnsafePointer<CChar>? { levelName }

@_cdecl("chainrule_status_name") @implementation
public func chainrule_status_name(_ status: chainrule_status) -> UnsafePointer<CChar>? {
    let index = Int(status.rawValue)
    return statusNames.indices.contains(index) ? statusNames[index] : unknownStatus
}

@_cdecl("chainrule_last_error") @implementation
public func chainrule_last_error() -> UnsafePointer<chainrule_error>? {
    guard let text = cr_thread_error() else { return nil }
    let base = UnsafeRawPointer(text)
    func field(_ path: PartialKeyPath<cr_error_text>) -> UnsafePointer<CChar>? {
        MemoryLayout<cr_error_text>.offset(of: path).map { (base + $0).assumingMemoryBound(to: CChar.self) }
    }
    guard let place = MemoryLayout<cr_error_text>.offset(of: \cr_error_text.view) else { return nil }
    let error = UnsafeMutableRawPointer(text) + place
    error.storeBytes(
        of: chainrule_error(
            status: chainrule_status(rawValue: chainrule_status.RawValue(text.pointee.code)),
            message: field(\cr_error_text.message), node: field(\cr_error_text.node),
            expected: field(\cr_error_text.expected), got: field(\cr_error_text.got)),
        as: chainrule_error.self)
    return UnsafePointer(error.assumingMemoryBound(to: chainrule_error.self))
}

@_cdecl("chainrule_set_num_threads") @implementation
public func chainrule_set_num_threads(_ count: Int32) -> chainrule_status {
    guarded("chainrule_set_num_threads") { () throws(ChainruleError) in
        guard count >= 1, count <= Team.maximumThreads else {
            throw ChainruleError(.invalidArgument, "argument count", expected: "1 to \(Team.maximumThreads)", got: "\(count)")
        }
        Team.threadCount = Int(count)
    }
}

@_cdecl("chainrule_get_num_threads") @implementation
public func chainrule_get_num_threads() -> Int32 { Int32(Team.threadCount) }
