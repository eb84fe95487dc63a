// How much of the targets' variance predictions explain, per column and then averaged, as scikit-learn's
// r2_score and explained_variance_score: the first counts a constant error as one, the second doesn't. A
// column without variance counts 1 if it is met exactly, else 0.

import Layers
import Tensors

final class RSquared: Metric {
    static let kind = "r2"
    static let documentation = "1 - sum of squared errors / sum of squared distances from the mean, averaged over columns"
    static let largerIsBetter = true

    private let moments = ErrorMoments(of: RSquared.kind)

    init(_ attributes: Attributes) {}
    func add(_ batch: MetricBatch) throws(ChainruleError) { try moments.add(batch) }
    func value() -> Double { moments.explained { $0.squares } }
}

final class ExplainedVariance: Metric {
    static let kind = "explained_variance"
    static let documentation = "1 - variance of errors / variance of targets, averaged over columns"
    static let largerIsBetter = true

    private let moments = ErrorMoments(of: ExplainedVariance.kind)

    init(_ attributes: Attributes) {}
    func add(_ batch: MetricBatch) throws(ChainruleError) { try moments.add(batch) }
    func value() -> Double { moments.explained { $0.errorSpread } }
}

/// Of each column: means, and sums of squared distances from them (Welford 1962).
final class ErrorMoments {
    struct Column {
        var weight: Double
        var mean: Double
        var spread: Double
        var errorMean: Double
        var errorSpread: Double
        /// Of errors.
        var squares: Double
    }
    private var storage: Storage?
    private var count = 0
    private let metric: String

    init(of metric: String) { self.metric = metric }

    private var columns: UnsafeMutablePointer<Column>? { storage?.pointer.assumingMemoryBound(to: Column.self) }

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        if storage == nil {
            count = batch.columns
            storage = try Storage(byteCount: count * MemoryLayout<Column>.stride, what: "the metric \(metric)")
        }
        guard let columns, count == batch.columns else { return }
        batch.forEachElement { prediction, target, weight, index in
            guard weight > 0 else { return }
            let error = prediction - target
            let column = columns + index
            column.pointee.weight += weight
            let share = weight / column.pointee.weight
            let distance = target - column.pointee.mean
            column.pointee.mean += distance * share
            column.pointee.spread += weight * distance * (target - column.pointee.mean)
            let errorDistance = error - column.pointee.errorMean
            column.pointee.errorMean += errorDistance * share
            column.pointee.errorSpread += weight * errorDistance * (error - column.pointee.errorMean)
            column.pointee.squares += weight * error * error
        }
    }

    func explained(_ left: (Column) -> Double) -> Double {
        guard let columns, count > 0 else { return 0 }
        var sum = 0.0
        for index in 0..<count {
            let (rest, spread) = (left(columns[index]), columns[index].spread)
            if spread > 0 {
                sum += 1 - rest / spread
            } else if rest == 0 {
                sum += 1
            }
        }
        return sum / Double(count)
    }
}
