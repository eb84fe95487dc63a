// The catalog describes itself: kinds, attributes with types, defaults and limits, parameters with shapes.
// Python's classes are made from what these functions tell.

import CChainrule
import Glibc
import Graph
import Layers
import Losses
import Optimizers
import Tensors
import Training

struct CatalogEntry {
    var kind: String
    var className: String? = nil
    var attributes: [AttributeSpecification] = []
    var documentation: String
    var inputRoles: [String] = []
    var inputCount = 0...0
    var outputRoles: [String] = []
    var parameters: [(name: String, shape: String)] = []
    var keepsShape = false
    var isRegistered = false

    var description: String {
        ([kind + ":"] + attributes.map(\.description) + ["-- " + documentation]).joined(separator: " ")
    }

    /// The groups of `chainrule_group`, in its order: the library's own kinds.
    private static let own: [[CatalogEntry]] = [
        LayerCatalog.all.map(layer),
        LossCatalog.all.map {
            CatalogEntry(
                kind: $0.kind, className: $0.className, attributes: LossCatalog.attributes(of: $0),
                documentation: LossCatalog.documentation(of: $0))
        }
            + [CatalogEntry(kind: LossCatalog.none, documentation: LossCatalog.noneDocumentation)],
        OptimizerCatalog.all.map {
            CatalogEntry(
                kind: $0.kind, className: $0.className, attributes: $0.attributes + commonOptimizerAttributes,
                documentation: $0.documentation)
        },
        MetricCatalog.all.map {
            CatalogEntry(kind: $0.kind, attributes: $0.attributes + [MetricCatalog.nameAttribute], documentation: $0.documentation)
        },
        Initializer.catalog.map { CatalogEntry(kind: $0.kind, documentation: $0.description) },
        ScheduleCatalog.all.map {
            CatalogEntry(
                kind: $0.kind, className: $0.className, attributes: $0.attributes + ScheduleCatalog.commonAttributes,
                documentation: $0.documentation)
        },
    ]

    /// They are made at the first call, which takes a while: no fork comes in between.
    private static var groups: [[CatalogEntry]] {
        ProcessLock.lock()
        defer { ProcessLock.unlock() }
        return own
    }

    static var groupCount: Int { groups.count }

    /// A group's kinds: the library's own, then those that were registered; nil for no group.
    static func group(_ number: Int) -> [CatalogEntry]? {
        let groups = groups
        guard groups.indices.contains(number) else { return nil }
        return groups[number] + registered(number)
    }

    private static func registered(_ number: Int) -> [CatalogEntry] {
        func entries(_ kinds: [some NamedKind], _ more: [AttributeSpecification] = []) -> [CatalogEntry] {
            kinds.map { CatalogEntry(kind: $0.kind, attributes: $0.attributes + more, documentation: $0.documentation, isRegistered: true) }
        }
        switch number {
        case Int(CHAINRULE_LAYERS.rawValue):
            return CustomCatalog.registry.all.map {
                CatalogEntry(
                    kind: $0.kind, attributes: $0.attributes, documentation: $0.documentation, inputCount: $0.inputCount,
                    outputRoles: ["output"], isRegistered: true)
            }
        case Int(CHAINRULE_LOSSES.rawValue): return entries(LossCatalog.registry.all)
        case Int(CHAINRULE_OPTIMIZERS.rawValue): return entries(OptimizerCatalog.registry.all, commonOptimizerAttributes)
        case Int(CHAINRULE_METRICS.rawValue): return entries(MetricCatalog.registry.all)
        case Int(CHAINRULE_SCHEDULES.rawValue): return entries(ScheduleCatalog.registry.all)
        default: return []
        }
    }

    private static func layer(_ type: any LayerDescription.Type) -> CatalogEntry {
        CatalogEntry(
            kind: type.kind, className: type.className, attributes: type.attributes, documentation: type.documentation,
            inputRoles: type.inputRoles, inputCount: type.inputCount, outputRoles: type.outputRoles,
            parameters: type.parameterShapes, keepsShape: type.keepsShape)
    }
}

/// C strings that live as long as the process, one for each text.
private enum Texts {
    nonisolated(unsafe) private static var known: [String: UnsafePointer<CChar>] = [:]

    static func pointer(_ text: String) -> UnsafePointer<CChar>? {
        ProcessLock.lock()
        defer { ProcessLock.unlock() }
        if let pointer = known[text] { return pointer }
        guard let pointer = permanent(text) else { return nil }
        known[text] = pointer
        return pointer
    }
}

private func entry(_ group: chainrule_group, _ kind: UnsafePointer<CChar>?) throws(ChainruleError) -> CatalogEntry {
    let kind = try requiredText(kind, "kind")
    guard let list = CatalogEntry.group(Int(group.rawValue)) else {
        throw ChainruleError(
            .invalidArgument, "argument group", expected: "0 to \(CatalogEntry.groupCount - 1)", got: "\(Int(group.rawValue))")
    }
    guard let entry = list.first(where: { $0.kind == kind }) else {
        throw ChainruleError(
            .notFound, "argument kind", expected: "one of \(list.map(\.kind).joined(separator: ", "))", got: "\"\(kind)\"")
    }
    return entry
}

@_cdecl("chainrule_catalog_kind") @implementation
public func chainrule_catalog_kind(_ group: chainrule_group, _ index: Int) -> UnsafePointer<CChar>? {
    guard let list = CatalogEntry.group(Int(group.rawValue)), list.indices.contains(index) else { return nil }
    return Texts.pointer(list[index].kind)
}

@_cdecl("chainrule_catalog_describe") @implementation
public func chainrule_catalog_describe(
    _ group: chainrule_group, _ kind: UnsafePointer<CChar>?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_catalog_describe") { () throws(ChainruleError) in
        try putText(try entry(group, kind).description, buffer, capacity, length)
    }
}

@_cdecl("chainrule_catalog_entry") @implementation
public func chainrule_catalog_entry(
    _ group: chainrule_group, _ kind: UnsafePointer<CChar>?, _ info: UnsafeMutablePointer<chainrule_entry_info>?
) -> chainrule_status {
    guarded("chainrule_catalog_entry") { () throws(ChainruleError) in
        let out = try required(info, "info")
        try checkSize(out, out.pointee.struct_size, "info")
        let entry = try entry(group, kind)
        var result = chainrule_entry_info()
        result.struct_size = out.pointee.struct_size
        result.class_name = Texts.pointer(entry.className ?? "")
        result.documentation = Texts.pointer(entry.documentation)
        result.inputs = Texts.pointer(entry.inputRoles.joined(separator: ","))
        result.outputs = Texts.pointer(entry.outputRoles.joined(separator: ","))
        result.least_inputs = Int32(clamping: entry.inputCount.lowerBound)
        result.most_inputs = Int32(clamping: entry.inputCount.upperBound)
        result.attribute_count = entry.attributes.count
        result.parameter_count = entry.parameters.count
        result.keeps_shape = entry.keepsShape ? 1 : 0
        result.registered = entry.isRegistered ? 1 : 0
        out.pointee = result
    }
}

@_cdecl("chainrule_catalog_attribute") @implementation
public func chainrule_catalog_attribute(
    _ group: chainrule_group, _ kind: UnsafePointer<CChar>?, _ index: Int,
    _ info: UnsafeMutablePointer<chainrule_attribute_info>?
) -> chainrule_status {
    guarded("chainrule_catalog_attribute") { () throws(ChainruleError) in
        let out = try required(info, "info")
        try checkSize(out, out.pointee.struct_size, "info")
        let entry = try entry(group, kind)
        try checkIndex(index, entry.attributes.count, "attributes")
        let attribute = entry.attributes[index]
        var result = chainrule_attribute_info()
        result.struct_size = out.pointee.struct_size
        result.name = Texts.pointer(attribute.name)
        result.documentation = Texts.pointer(attribute.documentation)
        result.default_text = attribute.defaultText.flatMap { Texts.pointer($0) }
        result.required = attribute.defaultText == nil && !attribute.optional ? 1 : 0
        result.minimum = -Double.infinity
        result.maximum = Double.infinity
        result.words = Texts.pointer("")
        let type: String
        switch attribute.type {
        case .integer(let range):
            type = "integer"
            result.minimum = range.lowerBound == .min ? -Double.infinity : Double(range.lowerBound)
            result.maximum = range.upperBound == .max ? Double.infinity : Double(range.upperBound)
        case .real(let range):
            type = "number"
            result.minimum = range.lowerBound
            result.maximum = range.upperBound
        case .boolean: type = "boolean"
        case .integers: type = "integers"
        case .reals: type = "numbers"
        case .word(let words):
            type = "word"
            result.words = Texts.pointer(words.joined(separator: "|"))
        case .text: type = "text"
        }
        result.type = Texts.pointer(type)
        out.pointee = result
    }
}

@_cdecl("chainrule_catalog_parameter") @implementation
public func chainrule_catalog_parameter(
    _ kind: UnsafePointer<CChar>?, _ index: Int, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ shape: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> chainrule_status {
    guarded("chainrule_catalog_parameter") { () throws(ChainruleError) in
        let name = try required(name, "name")
        let shape = try required(shape, "shape")
        let entry = try entry(CHAINRULE_LAYERS, kind)
        try checkIndex(index, entry.parameters.count, "parameters")
        name.pointee = Texts.pointer(entry.parameters[index].name)
        shape.pointee = Texts.pointer(entry.parameters[index].shape)
    }
}
