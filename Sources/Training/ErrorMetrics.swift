// Means over elements: squared error, absolute error.

final class MeanSquaredErrorMetric: Metric {
    static let kind = "mse"
    static let documentation = "mean of (prediction - target)^2"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight in
            sum += weight * (prediction - target) * (prediction - target)
            total += weight
        }
    }

    var value: Double { total > 0 ? sum / total : 0 }
}

final class MeanAbsoluteErrorMetric: Metric {
    static let kind = "mae"
    static let documentation = "mean of |prediction - target|"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0

    func add(_ batch: MetricBatch) {
        batch.forEachElement { prediction, target, weight in
            sum += weight * abs(prediction - target)
            total += weight
        }
    }

    var value: Double { total > 0 ? sum / total : 0 }
}

extension MetricBatch {
    /// Elements with their row's weight; a label counts as a number.
    func forEachElement(_ body: (_ prediction: Double, _ target: Double, _ weight: Double) -> Void) {
        for row in 0..<rows {
            let weight = self.weight?(row) ?? 1
            for column in 0..<columns {
                let index = row * columns + column
                body(prediction(index), target?(index) ?? Double(labels?[row] ?? 0), weight)
            }
        }
    }
}
