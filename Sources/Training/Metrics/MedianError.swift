// The median of absolute errors, weighted as scikit-learn's median_absolute_error does it: where half of the
// weight is met exactly, the mean of the errors on both sides. All errors are kept.

import Layers
import Tensors

final class MedianError: Metric {
    static let kind = "median_error"
    static let documentation = "median of |prediction - target|, averaged over columns (median_absolute_error)"
    static let largerIsBetter = false

    /// Rows of weight and errors.
    private var rows: MetricRows?
    private var hasNaN = false

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        let list = rows ?? MetricRows(width: 1 + batch.columns, of: Self.kind)
        rows = list
        guard list.width == 1 + batch.columns else { return }
        for row in 0..<batch.rows {
            if let labels = batch.labels, labels[row] < 0 { continue }
            let weight = batch.weight?(row) ?? 1
            guard weight > 0 else { continue }
            let place = try list.append()
            place[0] = weight
            for column in 0..<batch.columns {
                let index = row * batch.columns + column
                let error = abs(batch.prediction(index) - (batch.target?(index) ?? Double(batch.labels?[row] ?? 0)))
                place[1 + column] = error
                if error.isNaN { hasNaN = true }
            }
        }
    }

    func value() throws(ChainruleError) -> Double {
        guard let rows, rows.count > 0, rows.width > 1, !hasNaN else { return .nan }
        let items = try MetricItems(capacity: rows.count, of: Self.kind)
        var sum = 0.0
        for column in 1..<rows.width {
            items.removeAll()
            // Negative, so that falling keys are rising errors.
            for row in 0..<rows.count { items.append(-rows[row][column], yes: rows[row][0], no: 0) }
            sum += MedianError.median(items.sorted(), items.count)
        }
        return sum / Double(rows.width - 1)
    }

    private static func median(_ items: UnsafePointer<MetricItem>, _ count: Int) -> Double {
        var total = 0.0
        for index in 0..<count { total += items[index].yes }
        let half = 0.5 * total
        var (reached, index) = (0.0, 0)
        while index < count {
            reached += items[index].yes
            if reached >= half { break }
            index += 1
        }
        index = min(index, count - 1)
        let next = min(index + 1, count - 1)
        return reached - half > 0x1p-52 ? -items[index].key : (-items[index].key - items[next].key) / 2
    }
}
