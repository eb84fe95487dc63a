// Shares of right answers: of all samples, of each class's samples, and among the best few.

import Layers
import Tensors

/// The largest class against the label (or the target's largest class); yes or no by the loss's threshold.
/// Of several answers of yes or no a sample is right if all are.
final class Accuracy: Metric {
    static let kind = "accuracy"
    static let documentation = "share of samples whose largest class (or every yes or no) is right"
    static let largerIsBetter = true

    private var right = 0.0
    private var total = 0.0

    init(_ attributes: Attributes) {}

    func add(_ batch: MetricBatch) {
        if batch.isMultilabel {
            batch.forEachRow { row, weight in
                let places = row * batch.columns..<(row + 1) * batch.columns
                total += weight
                if places.allSatisfy({ batch.answer($0) == (batch.isYes($0) ? 1 : 0) }) { right += weight }
            }
            return
        }
        batch.forEachDecision { predicted, actual, weight in
            total += weight
            if predicted == actual { right += weight }
        }
    }

    func value() -> Double { total > 0 ? right / total : 0 }
}

final class TopK: Metric {
    static let kind = "top_k"
    static let documentation =
        "share of samples whose class is among the k largest; of equal scores the later class is the larger (top_k_accuracy_score)"
    static let largerIsBetter = true
    static let attributes = [AttributeSpecification("k", .integer(.sizes), default: "2", "how many classes are looked at")]

    private let k: Int
    private var right = 0.0
    private var total = 0.0

    init(_ attributes: Attributes) { k = attributes.integer("k") }

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard task.hasClasses else { throw refuse(task, expected: "two classes or more, one of them right") }
    }

    func add(_ batch: MetricBatch) {
        batch.forEachRow { row, weight in
            total += weight
            let (first, actual) = (row * batch.columns, batch.actual(row))
            guard actual >= 0, actual < batch.columns else { return }
            let score = batch.prediction(first + actual)
            var before = 0
            for column in 0..<batch.columns where column != actual {
                let other = batch.prediction(first + column)
                // Not so: smaller, or the same and earlier. A NaN is before all.
                if !(other < score || (other == score && column < actual)) { before += 1 }
            }
            if !score.isNaN && before < k { right += weight }
        }
    }

    func value() -> Double { total > 0 ? right / total : 0 }
}
