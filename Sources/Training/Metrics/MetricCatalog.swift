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

    public static func type(of kind: String) -> (any Metric.Type)? { all.first { $0.kind == kind } }

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
            guard let type = type(of: part.kind) else {
                throw ChainruleError(
                    .attribute, "the metric", expected: "one of \(all.map { $0.kind }.joined(separator: ", "))",
                    got: "\"\(part.kind)\"")
            }
            let attributes = try Attributes(
                parsing: part.words.joined(separator: " "), as: type.attributes, of: "metric \(part.kind)")
            let isAlone = parts.filter { $0.kind == part.kind }.count == 1
            let name = isAlone ? part.kind : ([part.kind] + part.words).joined(separator: "_")
            guard !list.contains(where: { $0.name == name }) else {
                throw ChainruleError(
                    .attribute, "the metrics", expected: "each once, or with other attributes", got: "\"\(name)\" again")
            }
            list.append(MetricChoice(type: type, attributes: attributes, name: name))
        }
        return list
    }
}

/// A metric with its attributes.
public struct MetricChoice {
    public let type: any Metric.Type
    public let attributes: Attributes
    /// Of its series: the kind, with its attributes where it comes more than once ("top_k_k=5").
    public let name: String

    func make() -> any Metric { type.init(attributes) }
}
