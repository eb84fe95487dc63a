// Means over elements, and the largest: squared error and its root, absolute error, relative error. Rows have
// weights; of several columns the mean is taken (of roots too).

import Layers
import Tensors

final class MeanSquaredErrorMetric: Metric {
    static let kind = "mse"
    static let documentation = "mean of (prediction - target)^2"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight, _ in
            sum += weight * (prediction - target) * (prediction - target)
            total += weight
        }
    }

    func value() -> Double { total > 0 ? sum / total : 0 }
}

final class RootMeanSquaredError: Metric {
    static let kind = "rmse"
    static let documentation = "root of the mean of (prediction - target)^2, averaged over columns"
    static let largerIsBetter = false

    /// One a column.
    private var sums: MetricNumbers?
    private var total = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        if sums == nil { sums = try MetricNumbers(batch.columns, of: Self.kind) }
        guard let sums, sums.count == batch.columns else { return }
        batch.forEachRow { _, weight in total += weight }
        batch.forEachElement { prediction, target, weight, column in
            sums[column] += weight * (prediction - target) * (prediction - target)
        }
    }

    func value() -> Double {
        guard let sums, sums.count > 0, total > 0 else { return 0 }
        var sum = 0.0
        for column in 0..<sums.count { sum += (sums[column] / total).squareRoot() }
        return sum / Double(sums.count)
    }
}

final class MeanAbsoluteErrorMetric: Metric {
    static let kind = "mae"
    static let documentation = "mean of |prediction - target|"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight, _ in
            sum += weight * abs(prediction - target)
            total += weight
        }
    }

    func value() -> Double { total > 0 ? sum / total : 0 }
}

final class MeanAbsolutePercentageError: Metric {
    static let kind = "mape"
    static let documentation = "mean of |prediction - target| / max(|target|, 2^-52): 1 is 100 percent"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight, _ in
            sum += weight * (abs(prediction - target) / max(abs(target), 0x1p-52))
            total += weight
        }
    }

    func value() -> Double { total > 0 ? sum / total : 0 }
}

final class MaximumError: Metric {
    static let kind = "max_error"
    static let documentation = "largest |prediction - target|, of rows whose weight isn't 0"
    static let largerIsBetter = false

    private var largest = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight, _ in
            let error = abs(prediction - target)
            // A NaN comes in and stays.
            if weight > 0 && !(error <= largest) && !largest.isNaN { largest = error }
        }
    }

    func value() -> Double { largest }
}

extension MetricBatch {
    /// Elements with their row's weight and their column; a label counts as a number.
    func forEachElement(_ body: (_ prediction: Double, _ target: Double, _ weight: Double, _ column: Int) -> Void) {
        forEachRow { row, weight in
            for column in 0..<columns {
                let index = row * columns + column
                body(prediction(index), target?(index) ?? Double(labels?[row] ?? 0), weight, column)
            }
        }
    }
}
