// Precision, recall, their means F-beta, and the Jaccard index: one quotient each of right, predicted and
// actual counts, averaged over classes (precision_recall_fscore_support, jaccard_score).

import Layers
import Tensors

protocol ClassScore: Metric {
    var tally: ClassTally { get }
    var choice: ClassAverage { get }
    /// Numerator and denominator.
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double)
}

/// How classes become one number.
struct ClassAverage {
    enum Kind: String, CaseIterable { case binary, micro, macro, weighted }
    let kind: Kind
    let undefined: Double

    static let attributes = [
        AttributeSpecification(
            "average", .word(Kind.allCases.map(\.rawValue)), default: "binary",
            "of the yes (or second) class alone; of all counts; of classes; of classes weighted by their samples"),
        AttributeSpecification("zero_division", .word(["0", "1", "nan"]), default: "0", "what 0 / 0 is; nan leaves the class out"),
    ]

    init(_ attributes: Attributes) {
        kind = Kind(rawValue: attributes.text("average")) ?? .binary
        undefined = ["0": 0, "1": 1][attributes.text("zero_division")] ?? .nan
    }
}

extension ClassScore {
    static var largerIsBetter: Bool { true }
    static var attributes: [AttributeSpecification] { ClassAverage.attributes }

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard choice.kind != .binary || task.columns == 1 || (task.columns == 2 && !task.isMultilabel) else {
            throw refuse(task, expected: "average=micro, macro or weighted, or one column, or two classes")
        }
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) { try tally.add(batch) }

    func value() -> Double {
        let tally = self.tally
        func quotient(_ right: Double, _ predicted: Double, _ actual: Double) -> Double {
            let (above, below) = parts(right: right, predicted: predicted, actual: actual)
            return below == 0 ? choice.undefined : above / below
        }
        func score(_ index: Int) -> Double { quotient(tally.right(index), tally.predicted(index), tally.actual(index)) }
        switch choice.kind {
        case .binary: return tally.classes > 1 ? score(1) : choice.undefined
        case .micro: return quotient(tally.sum(tally.right), tally.sum(tally.predicted), tally.sum(tally.actual))
        case .macro, .weighted:
            var (sum, weights, plain, count) = (0.0, 0.0, 0.0, 0.0)
            for index in 0..<tally.classes where tally.appeared(index) {
                let value = score(index)
                if value.isNaN { continue }
                sum += value * tally.actual(index)
                weights += tally.actual(index)
                plain += value
                count += 1
            }
            if choice.kind == .weighted && weights > 0 { return sum / weights }
            return count > 0 ? plain / count : .nan
        }
    }
}

final class Precision: ClassScore {
    static let kind = "precision"
    static let documentation = "right / predicted, of a class"
    let tally = ClassTally(of: Precision.kind)
    let choice: ClassAverage
    init(_ attributes: Attributes) { choice = ClassAverage(attributes) }
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double) { (right, predicted) }
}

final class Recall: ClassScore {
    static let kind = "recall"
    static let documentation = "right / actual, of a class"
    let tally = ClassTally(of: Recall.kind)
    let choice: ClassAverage
    init(_ attributes: Attributes) { choice = ClassAverage(attributes) }
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double) { (right, actual) }
}

final class F1: ClassScore {
    static let kind = "f1"
    static let documentation = "harmonic mean of precision and recall: 2 right / (actual + predicted), of a class"
    let tally = ClassTally(of: F1.kind)
    let choice: ClassAverage
    init(_ attributes: Attributes) { choice = ClassAverage(attributes) }
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double) { (2 * right, actual + predicted) }
}

final class FBeta: ClassScore {
    static let kind = "fbeta"
    static let documentation = "(1 + beta^2) right / (beta^2 actual + predicted), of a class"
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("beta", .real(0...1e100), "how much more recall counts than precision")] + ClassAverage.attributes
    }
    let tally = ClassTally(of: FBeta.kind)
    let choice: ClassAverage
    private let square: Double
    init(_ attributes: Attributes) {
        choice = ClassAverage(attributes)
        square = attributes.real("beta") * attributes.real("beta")
    }
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double) {
        ((1 + square) * right, square * actual + predicted)
    }
}

final class Jaccard: ClassScore {
    static let kind = "jaccard"
    static let documentation = "right / (actual or predicted), of a class"
    let tally = ClassTally(of: Jaccard.kind)
    let choice: ClassAverage
    init(_ attributes: Attributes) { choice = ClassAverage(attributes) }
    func parts(right: Double, predicted: Double, actual: Double) -> (Double, Double) { (right, actual + predicted - right) }
}
