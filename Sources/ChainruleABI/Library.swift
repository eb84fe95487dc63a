// Version, errors, CPU level, threads, catalog.

import CChainrule
import CPUFeatures
import Glibc
import KernelDispatch
import Layers
import Losses
import Optimizers
import Tensors
import Training

/// Text that lives as long as the process.
private func permanent(_ text: String) -> UnsafePointer<CChar>? { strdup(text).map { UnsafePointer($0) } }

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

private struct Entry {
    var kind: String
    var description: String

    init(_ kind: String, _ attributes: [AttributeSpecification], _ documentation: String) {
        self.kind = kind
        description = ([kind + ":"] + attributes.map(\.description) + ["-- " + documentation]).joined(separator: " ")
    }
}

private let catalog: [[Entry]] = [
    LayerCatalog.all.map { Entry($0.kind, $0.attributes, $0.documentation) },
    LossCatalog.all.map { Entry($0.kind, $0.attributes, $0.documentation) }
        + [Entry(LossCatalog.none, [], LossCatalog.noneDocumentation)],
    OptimizerCatalog.all.map { Entry($0.kind, $0.attributes + commonOptimizerAttributes, $0.documentation) },
    MetricCatalog.all.map { Entry($0.kind, [], $0.documentation) },
    Initializer.catalog.map { Entry($0.kind, [], $0.description) },
    ScheduleCatalog.all.map { Entry($0.kind, $0.attributes + ScheduleCatalog.commonAttributes, $0.documentation) },
]
nonisolated(unsafe) private let catalogNames = catalog.map { $0.map { permanent($0.kind) } }

@_cdecl("chainrule_catalog_kind") @implementation
public func chainrule_catalog_kind(_ group: chainrule_group, _ index: Int) -> UnsafePointer<CChar>? {
    let group = Int(group.rawValue)
    guard catalogNames.indices.contains(group), catalogNames[group].indices.contains(index) else { return nil }
    return catalogNames[group][index]
}

@_cdecl("chainrule_catalog_describe") @implementation
public func chainrule_catalog_describe(
    _ group: chainrule_group, _ kind: UnsafePointer<CChar>?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_catalog_describe") { () throws(ChainruleError) in
        let kind = try requiredText(kind, "kind")
        let group = Int(group.rawValue)
        guard catalog.indices.contains(group) else {
            throw ChainruleError(.invalidArgument, "argument group", expected: "0 to \(catalog.count - 1)", got: "\(group)")
        }
        guard let entry = catalog[group].first(where: { $0.kind == kind }) else {
            throw ChainruleError(
                .notFound, "argument kind", expected: "one of \(catalog[group].map(\.kind).joined(separator: ", "))",
                got: "\"\(kind)\"")
        }
        try putText(entry.description, buffer, capacity, length)
    }
}
