// What is measured beside the loss: exact over the whole set, not a mean of batches, as scikit-learn computes
// it. A new one is a file with a type of this protocol and a line in MetricCatalog.swift.

import Layers
import Losses
import Tensors

public protocol Metric: AnyObject, SendableMetatype {
    static var kind: String { get }
    static var documentation: String { get }
    static var largerIsBetter: Bool { get }
    static var attributes: [AttributeSpecification] { get }
    /// The same of one metric: as its type says, unless it is the host program's.
    var largerIsBetter: Bool { get }
    /// Looks at nothing but `MetricBatch.arrays`.
    var readsArrays: Bool { get }
    init(_ attributes: Attributes)
    /// Refuses what it can't measure, before any data comes.
    func check(_ task: MetricTask) throws(ChainruleError)
    func add(_ batch: MetricBatch) throws(ChainruleError)
    func value() throws(ChainruleError) -> Double
}

extension Metric {
    public static var attributes: [AttributeSpecification] { [] }
    public var largerIsBetter: Bool { Self.largerIsBetter }
    public var readsArrays: Bool { false }
    public func check(_ task: MetricTask) throws(ChainruleError) {}

    func refuse(_ task: MetricTask, expected: String) -> ChainruleError {
        ChainruleError(.invalidArgument, "the metric \(Self.kind)", expected: expected, got: task.description)
    }
}

/// What a metric will have before it: known without data.
public struct MetricTask {
    /// Classes or outputs of a sample.
    public var columns: Int
    public var link: PredictionLink
    /// Its kind, for messages.
    public var loss: String
    /// The target has the prediction's shape, or holds a label for each of its rows of classes.
    public var isUsual: Bool

    var isMultilabel: Bool { columns > 1 && link.isColumnwise }
    var hasClasses: Bool { columns > 1 && !link.isColumnwise }
    var description: String { "\(columns) \(columns == 1 ? "column" : "columns") under the loss \(loss)" }
}

/// One batch as a metric sees it: real numbers, row after row.
public struct MetricBatch {
    public var rows: Int
    public var columns: Int
    /// Element (row, column) of the prediction.
    public var prediction: (Int) -> Double
    /// Of a target of the prediction's shape; nil with labels.
    public var target: ((Int) -> Double)?
    /// Negative ones are ignored.
    public var labels: UnsafePointer<Int32>?
    /// One a row; nil: 1.
    public var weight: ((Int) -> Double)?
    /// Predictions above it mean "yes".
    public var threshold: Double
    public var link: PredictionLink
    /// All of it as it lies in memory.
    public var arrays: MetricArrays?

    init(rows: Int, columns: Int, prediction: @escaping (Int) -> Double, threshold: Double, link: PredictionLink) {
        self.rows = rows
        self.columns = columns
        self.prediction = prediction
        self.threshold = threshold
        self.link = link
    }

    /// Rows that count, with their weights (which may be 0).
    func forEachRow(_ body: (_ row: Int, _ weight: Double) -> Void) {
        for row in 0..<rows {
            if let labels, labels[row] < 0 { continue }
            body(row, weight?(row) ?? 1)
        }
    }
}
