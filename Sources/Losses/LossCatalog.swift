// All losses. A new one: its file and a line here. "none" stands for the output itself and is the
// trainer's matter.

import Layers
import Tensors

public enum LossCatalog {
    public static let all: [any Loss.Type] = [
        MeanSquaredError.self, L1.self, SmoothL1.self, Huber.self, CrossEntropy.self, NegativeLogLikelihood.self,
        BinaryCrossEntropy.self, BinaryCrossEntropyWithLogits.self, KLDivergence.self, PoissonNLL.self, GaussianNLL.self,
        HingeEmbedding.self, MarginRanking.self, CosineEmbedding.self, TripletMargin.self, MultiMargin.self,
        MultilabelMargin.self, MultilabelSoftMargin.self, SoftMargin.self, CTC.self, Focal.self, Dice.self, LogCosh.self,
        Quantile.self,
    ]
    public static let none = "none"
    public static let noneDocumentation = "the model's output, one number, is itself what is minimised"

    /// Kinds of the host program.
    public static let registry = Registry<CatalogKind<any Loss>>()

    public static var kinds: [String] { all.map { $0.kind } + [none] }

    /// What every loss has beside its own attributes.
    public static let commonAttributes: [AttributeSpecification] = [.reduction, .factor]

    public static func attributes(of type: any Loss.Type) -> [AttributeSpecification] { type.attributes + [.factor] }

    /// The words for `chainrule_catalog_describe`: what it computes, and what it takes.
    public static func documentation(of type: any Loss.Type) -> String {
        documentation(type.documentation, predictions: type.predictionRoles, targets: type.targetRoles)
    }

    public static func documentation(_ text: String, predictions: [String], targets: [TargetRole]) -> String {
        let targets = targets.map { $0.kind == .numbers ? $0.name : "\($0.name) (\($0.kind.rawValue))" }
        return "\(text); predictions: \(predictions.joined(separator: ", ")); targets: "
            + (targets.isEmpty ? "none" : targets.joined(separator: ", "))
    }

    private static func entry(_ kind: String) -> CatalogKind<any Loss>? {
        guard let type = all.first(where: { $0.kind == kind }) else { return registry[kind] }
        return CatalogKind(kind: kind, attributes: attributes(of: type), documentation: type.documentation) {
            (attributes) throws(ChainruleError) in try type.init(attributes)
        }
    }

    /// A loss from its text ("cross_entropy label_smoothing=0.1"); nil for "none".
    public static func make(_ text: String) throws(ChainruleError) -> LossChoice? {
        let (kind, attributes) = splitKind(text)
        if let entry = entry(kind) {
            let attributes = try Attributes(parsing: attributes, as: entry.attributes, of: kind)
            return LossChoice(
                loss: try entry.make(attributes), reduction: LossReduction(rawValue: attributes.text("reduction")) ?? .mean,
                factor: attributes.real("factor"))
        }
        guard kind == none else {
            let known = kinds + registry.all.map(\.kind)
            throw ChainruleError(.attribute, "the loss", expected: "one of \(known.joined(separator: ", "))", got: "\"\(kind)\"")
        }
        _ = try Attributes(parsing: attributes, as: [], of: kind)
        return nil
    }
}
