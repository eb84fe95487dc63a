// Agreement of predicted and actual classes beyond what chance gives: balanced accuracy, Matthews's
// correlation coefficient, Cohen's kappa.

import Layers
import Tensors

final class BalancedAccuracy: Metric {
    static let kind = "balanced_accuracy"
    static let documentation = "mean of the recalls of the classes that are in the targets (balanced_accuracy_score)"
    static let largerIsBetter = true
    static let attributes = [
        AttributeSpecification("adjusted", .boolean, default: "false", "scaled so that chance gives 0, and all right 1")
    ]

    private let tally = ClassTally(of: BalancedAccuracy.kind)
    private let isAdjusted: Bool

    init(_ attributes: Attributes) { isAdjusted = attributes.boolean("adjusted") }

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard !task.isMultilabel else { throw refuse(task, expected: "classes, or one column of yes and no") }
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) { try tally.add(batch) }

    func value() -> Double {
        var (sum, count) = (0.0, 0.0)
        for index in 0..<tally.classes where tally.actual(index) > 0 {
            sum += tally.right(index) / tally.actual(index)
            count += 1
        }
        guard count > 0 else { return .nan }
        return isAdjusted ? (sum / count - 1 / count) / (1 - 1 / count) : sum / count
    }
}

final class Matthews: Metric {
    static let kind = "matthews"
    static let documentation = "Matthews's correlation of predicted and actual classes, of any number (matthews_corrcoef)"
    static let largerIsBetter = true

    private let tally = ClassTally(of: Matthews.kind)

    init(_ attributes: Attributes) {}

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard !task.isMultilabel else { throw refuse(task, expected: "classes, or one column of yes and no") }
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) { try tally.add(batch) }

    func value() -> Double {
        let (tally, all) = (self.tally, self.tally.total)
        let together = tally.rightTotal * all - tally.sum { tally.actual($0) * tally.predicted($0) }
        let predicted = all * all - tally.sum { tally.predicted($0) * tally.predicted($0) }
        let actual = all * all - tally.sum { tally.actual($0) * tally.actual($0) }
        return predicted * actual == 0 ? 0 : together / (predicted * actual).squareRoot()
    }
}

final class Kappa: Metric {
    static let kind = "kappa"
    static let documentation =
        "Cohen's kappa: 1 - disagreement / disagreement by chance; NaN where chance gives none (cohen_kappa_score)"
    static let largerIsBetter = true
    static let attributes = [
        AttributeSpecification(
            "weights", .word(["none", "linear", "quadratic"]), default: "none",
            "what a disagreement counts: 1, or the distance (or its square) among the classes that appear")
    ]
    /// With weights the whole matrix is kept.
    private static let mostClasses = 4096

    private let tally = ClassTally(of: Kappa.kind)
    private let weights: String
    /// Actual class after predicted class.
    private var matrix: MetricNumbers?

    init(_ attributes: Attributes) { weights = attributes.text("weights") }

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard !task.isMultilabel else { throw refuse(task, expected: "classes, or one column of yes and no") }
        guard weights == "none" || task.columns <= Kappa.mostClasses else {
            throw refuse(task, expected: "weights=none, or at most \(Kappa.mostClasses) classes")
        }
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        try tally.add(batch)
        let classes = tally.classes
        guard weights != "none", classes <= Kappa.mostClasses else { return }
        if matrix == nil { matrix = try MetricNumbers(classes * classes, of: Kappa.kind) }
        guard let list = matrix?.pointer else { return }
        batch.forEachDecision { predicted, actual, weight in
            if predicted >= 0 && predicted < classes && actual >= 0 && actual < classes {
                list[actual * classes + predicted] += weight
            }
        }
    }

    func value() throws(ChainruleError) -> Double {
        let (tally, all) = (self.tally, self.tally.total)
        var (observed, expected) = (0.0, 0.0)
        if let list = matrix?.pointer {
            var row = 0.0
            for actual in 0..<tally.classes where tally.appeared(actual) {
                var column = 0.0
                for predicted in 0..<tally.classes where tally.appeared(predicted) {
                    let distance = weights == "linear" ? abs(row - column) : (row - column) * (row - column)
                    observed += distance * list[actual * tally.classes + predicted]
                    expected += distance * tally.actual(actual) * tally.predicted(predicted) / all
                    column += 1
                }
                row += 1
            }
        } else {
            observed = all - tally.rightTotal
            // Without the difference of two large numbers where only one class appears.
            let appeared = tally.sum { tally.appeared($0) ? 1 : 0 }
            expected = appeared < 2 ? 0 : all - tally.sum { tally.actual($0) * tally.predicted($0) } / all
        }
        return all > 0 && expected != 0 ? 1 - observed / expected : .nan
    }
}
