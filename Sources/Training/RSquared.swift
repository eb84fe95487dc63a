// The coefficient of determination, 1 - residual sum of squares / total sum of squares, per column
// and then averaged, as scikit-learn's r2_score. A column without variance counts 1 if it is met
// exactly, else 0.

final class RSquared: Metric {
    static let kind = "r2"
    static let documentation = "1 - sum of squared errors / sum of squared distances from the mean, averaged over columns"
    static let largerIsBetter = true

    private struct Column {
        var weight = 0.0
        var mean = 0.0
        /// Sum of squared distances from the mean (Welford 1962).
        var spread = 0.0
        var residual = 0.0
    }
    private var columns: [Column] = []

    func add(_ batch: MetricBatch) {
        if columns.count != batch.columns { columns = Array(repeating: Column(), count: batch.columns) }
        for row in 0..<batch.rows {
            let weight = batch.weight?(row) ?? 1
            guard weight > 0 else { continue }
            for index in 0..<batch.columns {
                let place = row * batch.columns + index
                let target = batch.target?(place) ?? Double(batch.labels?[row] ?? 0)
                let error = batch.prediction(place) - target
                columns[index].weight += weight
                let distance = target - columns[index].mean
                columns[index].mean += distance * weight / columns[index].weight
                columns[index].spread += weight * distance * (target - columns[index].mean)
                columns[index].residual += weight * error * error
            }
        }
    }

    var value: Double {
        guard !columns.isEmpty else { return 0 }
        var sum = 0.0
        for column in columns {
            if column.spread > 0 {
                sum += 1 - column.residual / column.spread
            } else if column.residual == 0 {
                sum += 1
            }
        }
        return sum / Double(columns.count)
    }
}
