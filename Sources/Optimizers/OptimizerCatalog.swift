// All optimizers. A new one: its file and a line here.

import Layers
import Tensors

public enum OptimizerCatalog {
    public static let all: [any Optimizer.Type] = [
        SGD.self, Adam.self, AdamW.self, NAdam.self, RAdam.self, Adamax.self, Adagrad.self, Adadelta.self, RMSprop.self,
        Rprop.self, ASGD.self, Adafactor.self, Lion.self, LAMB.self, Muon.self, LBFGS.self,
    ]

    /// Kinds of the host program.
    public static let registry = Registry<CatalogKind<any Optimizer>>()

    public static var kinds: [String] { all.map { $0.kind } }

    static func known(_ kind: String) throws(ChainruleError) -> CatalogKind<any Optimizer> {
        if let type = all.first(where: { $0.kind == kind }) {
            return CatalogKind(kind: kind, attributes: type.attributes, documentation: type.documentation) {
                (attributes) throws(ChainruleError) in try type.init(attributes)
            }
        }
        if let own = registry[kind] { return own }
        let known = kinds + registry.all.map(\.kind)
        throw ChainruleError(.attribute, "the optimizer", expected: "one of \(known.joined(separator: ", "))", got: "\"\(kind)\"")
    }
}

/// Every optimizer has it, with a default of its own.
public func lrAttribute(_ text: String) -> AttributeSpecification { OptimizerAttribute.lr(text) }

/// Attributes of a group of parameters, beside its optimizer's own.
public let groupOptimizerAttributes = [
    AttributeSpecification("frozen", .boolean, default: "false", "the parameters stay as they are"),
    AttributeSpecification("l1", .real(.notNegative), default: "0", "the loss grows by l1 * sum |p|"),
    AttributeSpecification("l2", .real(.notNegative), default: "0", "the loss grows by l2 * sum p^2"),
    AttributeSpecification("orthogonal", .real(.notNegative), default: "0", "the loss grows by orthogonal * |W W^T - I|^2 of each matrix"),
    AttributeSpecification("max_norm", .real(.notNegative), default: "0", "largest norm of a unit's weights, all dimensions but the first; 0: off"),
    AttributeSpecification("non_negative", .boolean, default: "false", "what would be negative becomes 0"),
    AttributeSpecification("unit_norm", .boolean, default: "false", "each unit's weights are scaled to norm 1"),
]

/// Attributes of a whole training, which stand before the first ';'.
public let trainingOptimizerAttributes = [
    AttributeSpecification("clip_norm", .real(.notNegative), default: "0", "gradients are scaled to at most this norm; 0: off"),
    AttributeSpecification("clip_value", .real(.notNegative), default: "0", "each gradient is cut off at +-this; 0: off"),
    AttributeSpecification("accumulate", .integer(1...(1 << 40)), default: "1", "one update with the mean gradient of so many batches"),
    AttributeSpecification("ema_decay", .real(0...1), default: "0", "a moving average of the weights forgets this slowly; 0: off"),
    AttributeSpecification("swa_start", .integer(0...(1 << 40)), default: "0", "the update from which on the plain mean of the weights is taken; 0: off"),
    AttributeSpecification("swa_freq", .integer(1...(1 << 40)), default: "1", "the mean takes the weights of every so many updates"),
]

/// Attributes that every optimizer has.
public let commonOptimizerAttributes = trainingOptimizerAttributes + groupOptimizerAttributes
