// Kinds that the host program registers beside the library's own: layers, losses, metrics, schedules and
// optimizers, each group with a registry of its own.

import Tensors

/// What every kind says of itself.
public protocol NamedKind: Sendable {
    var kind: String { get }
    var attributes: [AttributeSpecification] { get }
    var documentation: String { get }
}

/// A kind of a catalog as texts name it, the library's own or a registered one, and how one is made.
public struct CatalogKind<Made>: NamedKind {
    public let kind: String
    public let attributes: [AttributeSpecification]
    public let documentation: String
    public let make: @Sendable (Attributes) throws(ChainruleError) -> Made

    public init(
        kind: String, attributes: [AttributeSpecification], documentation: String,
        make: @escaping @Sendable (Attributes) throws(ChainruleError) -> Made
    ) {
        self.kind = kind
        self.attributes = attributes
        self.documentation = documentation
        self.make = make
    }
}

/// The registered kinds of a group, for as long as the process lives.
public final class Registry<Kind: NamedKind>: @unchecked Sendable {
    private var kinds: [Kind] = []

    public init() {}

    /// - taken: the library's own kinds.
    public func add(_ kind: Kind, taken: [String]) throws(ChainruleError) {
        ProcessLock.lock()
        defer { ProcessLock.unlock() }
        guard !taken.contains(kind.kind), !kinds.contains(where: { $0.kind == kind.kind }) else {
            throw ChainruleError(.invalidArgument, "argument kind", expected: "a kind that is free", got: "\"\(kind.kind)\"")
        }
        kinds.append(kind)
    }

    public var all: [Kind] {
        ProcessLock.lock()
        defer { ProcessLock.unlock() }
        return kinds
    }

    public subscript(_ kind: String) -> Kind? { all.first { $0.kind == kind } }
}

extension Attributes {
    /// "name=value name=value": those attributes of a registered kind that it declared itself.
    public func text(of declared: [AttributeSpecification]) -> String {
        declared.map { "\($0.name)=\(text($0.name))" }.joined(separator: " ")
    }
}
