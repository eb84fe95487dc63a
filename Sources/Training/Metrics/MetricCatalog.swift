// All metrics, and how a text names several: "accuracy top_k k=5 f1 average=macro". A new one: its file and a
// line here.

import Layers
import Tensors

public enum MetricCatalog {
    public static var all: [any Metric.Type] {
        [
            Accuracy.self, BalancedAccuracy.self, TopK.self, Precision.self, Recall.self, F1.self, FBeta.self, Jaccard.self,
            RocAUC.self, AveragePrecision.self, LogLoss.self, Matthews.self, Kappa.self, MeanSquaredErrorMetric.self,
            RootMeanSquaredError.self, MeanAbsoluteErrorMetric.self, MeanAbsolutePercentageError.self, MedianError.self,
            MaximumError.self, RSquared.self, ExplainedVariance.self,
        ]
    }

    /// Kinds of the host program.
    public static let registry = Registry<CatalogKind<any Metric>>()

    /// Every metric has it.
    public static let nameAttribute = AttributeSpecification(
        "name", .text, optional: true, "its series' name; without it the kind")

    private static func known(_ kind: String) throws(ChainruleError) -> CatalogKind<any Metric> {
        if let type = all.first(where: { $0.kind == kind }) {
            return CatalogKind(kind: kind, attributes: type.attributes + [nameAttribute], documentation: type.documentation) {
                (attributes) throws(ChainruleError) in type.init(attributes)
            }
        }
        if let own = registry[kind] { return own }
        let known = all.map { $0.kind } + registry.all.map(\.kind)
        throw ChainruleError(.attribute, "the metric", expected: "one of \(known.joined(separator: ", "))", got: "\"\(kind)\"")
    }

    /// A word with "=" belongs to the metric before it.
    public static func parse(_ text: String) throws(ChainruleError) -> [MetricChoice] {
        var parts: [(kind: String, words: [String])] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).map(String.init) {
            if word.utf8.contains(UInt8(ascii: "=")) {
                guard !parts.isEmpty else {
                    throw ChainruleError(.attribute, "the metrics", expected: "a metric before its attributes", got: "\"\(word)\"")
                }
                parts[parts.count - 1].words.append(word)
            } else {
                parts.append((word, []))
            }
        }
        var list: [MetricChoice] = []
        for part in parts {
            let entry = try known(part.kind)
            let attributes = try Attributes(
                parsing: part.words.joined(separator: " "), as: entry.attributes, of: "metric \(part.kind)")
            let isAlone = parts.filter { $0.kind == part.kind }.count == 1
            let given = attributes.text("name")
            let name = !given.isEmpty ? given : isAlone ? part.kind : ([part.kind] + part.words).joined(separator: "_")
            guard !list.contains(where: { $0.name == name }) else {
                throw ChainruleError(
                    .attribute, "the metrics", expected: "each once, or with other attributes", got: "\"\(name)\" again")
            }
            list.append(MetricChoice(kind: entry, attributes: attributes, name: name, sample: try entry.make(attributes)))
        }
        return list
    }
}

/// A metric with its attributes.
public struct MetricChoice {
    private let kind: CatalogKind<any Metric>
    private let attributes: Attributes
    /// Of its series: as its attribute says, or the kind, with its attributes where it comes more than once
    /// ("top_k_k=5").
    public let name: String
    /// One that measures nothing, to ask what it is.
    let sample: any Metric

    init(kind: CatalogKind<any Metric>, attributes: Attributes, name: String, sample: any Metric) {
        self.kind = kind
        self.attributes = attributes
        self.name = name
        self.sample = sample
    }

    func make() throws(ChainruleError) -> any Metric { try kind.make(attributes) }
}
