// The share of right answers: the largest class against the label (or the target's largest class);
// for a single column, or targets that are not classes, yes or no by the loss's threshold.

final class Accuracy: Metric {
    static let kind = "accuracy"
    static let documentation = "share of samples whose largest class (or yes/no) is right"
    static let largerIsBetter = true

    private var right = 0.0
    private var total = 0.0

    func add(_ batch: MetricBatch) {
        for row in 0..<batch.rows {
            let weight = batch.weight?(row) ?? 1
            total += weight
            let first = row * batch.columns
            if let labels = batch.labels {
                if largest(first, batch.columns, batch.prediction) == Int(labels[row]) { right += weight }
            } else if let target = batch.target {
                if batch.columns > 1 {
                    let same = largest(first, batch.columns, batch.prediction) == largest(first, batch.columns, target)
                    if same { right += weight }
                } else if batch.columns == 1, (batch.prediction(first) > batch.threshold) == (target(first) > 0.5) {
                    right += weight
                }
            }
        }
    }

    /// The first of the largest; a NaN counts as largest, so that it is never right by chance.
    private func largest(_ first: Int, _ columns: Int, _ value: (Int) -> Double) -> Int {
        var best = 0
        for column in 1..<max(columns, 1) where !(value(first + column) <= value(first + best)) { best = column }
        return columns > 0 && value(first + best).isNaN ? -1 : best
    }

    var value: Double { total > 0 ? right / total : 0 }
}
