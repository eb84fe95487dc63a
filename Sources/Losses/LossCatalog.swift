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

    public static var kinds: [String] { all.map { $0.kind } + [none] }

    public static func type(of kind: String) -> (any Loss.Type)? { all.first { $0.kind == kind } }

    public static func attributes(of type: any Loss.Type) -> [AttributeSpecification] { type.attributes + [.factor] }

    /// The words for `chainrule_catalog_describe`: what it computes, and what it takes.
    public static func documentation(of type: any Loss.Type) -> String {
        let targets = type.targetRoles.map { $0.kind == .numbers ? $0.name : "\($0.name) (\($0.kind.rawValue))" }
        return "\(type.documentation); predictions: \(type.predictionRoles.joined(separator: ", ")); targets: "
            + (targets.isEmpty ? "none" : targets.joined(separator: ", "))
    }

    /// A loss from its text ("cross_entropy label_smoothing=0.1"); nil for "none".
    public static func make(_ text: String) throws(ChainruleError) -> LossChoice? {
        let (kind, attributes) = splitKind(text)
        if let type = type(of: kind) {
            let attributes = try Attributes(parsing: attributes, as: self.attributes(of: type), of: kind)
            return LossChoice(
                loss: try type.init(attributes), reduction: LossReduction(rawValue: attributes.text("reduction")) ?? .mean,
                factor: attributes.real("factor"))
        }
        guard kind == none else {
            throw ChainruleError(.attribute, "the loss", expected: "one of \(kinds.joined(separator: ", "))", got: "\"\(kind)\"")
        }
        _ = try Attributes(parsing: attributes, as: [], of: kind)
        return nil
    }
}
