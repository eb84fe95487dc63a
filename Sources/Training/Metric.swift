// What is measured beside the loss: exact over the whole set, not a mean of batches. A new one is a
// file with a type of this protocol and a line in MetricCatalog.swift.

import Tensors

/// One batch as a metric sees it: real numbers, row after row.
public struct MetricBatch {
    public var rows: Int
    public var columns: Int
    /// Element (row, column) of the prediction.
    public var prediction: (Int) -> Double
    /// Of a target of the prediction's shape; nil with labels.
    public var target: ((Int) -> Double)?
    public var labels: UnsafePointer<Int32>?
    /// One a row; nil: 1.
    public var weight: ((Int) -> Double)?
    /// Predictions above it mean "yes".
    public var threshold: Double
}

public protocol Metric: AnyObject {
    static var kind: String { get }
    static var documentation: String { get }
    static var largerIsBetter: Bool { get }
    init()
    func add(_ batch: MetricBatch)
    var value: Double { get }
}

public enum MetricCatalog {
    public static var all: [any Metric.Type] {
        [Accuracy.self, MeanSquaredErrorMetric.self, MeanAbsoluteErrorMetric.self, RSquared.self]
    }

    public static func type(of kind: String) -> (any Metric.Type)? { all.first { $0.kind == kind } }

    /// Types from words separated by spaces.
    public static func parse(_ text: String) throws(ChainruleError) -> [any Metric.Type] {
        var list: [any Metric.Type] = []
        for word in text.split(separator: " ") {
            guard let type = type(of: String(word)) else {
                throw ChainruleError(
                    .attribute, "the metric", expected: "one of \(all.map { $0.kind }.joined(separator: ", "))",
                    got: "\"\(word)\"")
            }
            guard !list.contains(where: { $0.kind == type.kind }) else {
                throw ChainruleError(.attribute, "the metrics", expected: "each once", got: "\"\(word)\" again")
            }
            list.append(type)
        }
        return list
    }
}
