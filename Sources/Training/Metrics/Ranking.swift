// Areas under curves that a threshold draws when it goes down through all scores: ROC AUC and average
// precision (roc_auc_score with multi_class="ovr", average_precision_score). All scores are kept.

import Layers
import Tensors

protocol RankingMetric: Metric {
    var scores: RankedScores { get }
    /// Of sorted items.
    func area(_ items: UnsafePointer<MetricItem>, count: Int) -> Double
}

extension RankingMetric {
    static var largerIsBetter: Bool { true }
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification(
                "average", .word(["macro", "micro", "weighted"]), default: "macro",
                "of several columns or classes, each against the rest: their mean; all in one; weighted by their samples")
        ]
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) { try scores.add(batch) }

    func value() throws(ChainruleError) -> Double {
        let scores = self.scores
        guard !scores.hasNaN, scores.count > 0 else { return .nan }
        if scores.average == "micro" || scores.columns == 1 {
            let items = try MetricItems(capacity: scores.count * scores.columns, of: Self.kind)
            for column in 0..<scores.columns { scores.fill(items, column) }
            return area(items.sorted(), count: items.count)
        }
        let items = try MetricItems(capacity: scores.count, of: Self.kind)
        var (sum, weights) = (0.0, 0.0)
        for column in 0..<scores.columns {
            items.removeAll()
            let yes = scores.fill(items, column)
            let weight = scores.average == "weighted" ? yes : 1
            if weight == 0 { continue }
            sum += weight * area(items.sorted(), count: items.count)
            weights += weight
        }
        return weights > 0 ? sum / weights : 0
    }
}

final class RocAUC: RankingMetric {
    static let kind = "roc_auc"
    static let documentation =
        "area under the curve of true over false positive rates, by the probabilities that the loss sees; NaN where one of both is missing"
    let scores: RankedScores
    init(_ attributes: Attributes) { scores = RankedScores(attributes, of: RocAUC.kind) }

    func area(_ items: UnsafePointer<MetricItem>, count: Int) -> Double {
        var (yes, no, sum) = (0.0, 0.0, 0.0)
        forEachScore(items, count) { moreYes, moreNo in
            sum += moreNo * (yes + moreYes / 2)
            yes += moreYes
            no += moreNo
        }
        return yes > 0 && no > 0 ? sum / (yes * no) : .nan
    }
}

final class AveragePrecision: RankingMetric {
    static let kind = "average_precision"
    static let documentation = "sum of precision times the step in recall, by the probabilities that the loss sees; 0 without positives"
    let scores: RankedScores
    init(_ attributes: Attributes) { scores = RankedScores(attributes, of: AveragePrecision.kind) }

    func area(_ items: UnsafePointer<MetricItem>, count: Int) -> Double {
        var (yes, no, sum) = (0.0, 0.0, 0.0)
        forEachScore(items, count) { moreYes, moreNo in
            yes += moreYes
            no += moreNo
            if moreYes > 0 { sum += moreYes * yes / (yes + no) }
        }
        return yes > 0 ? sum / yes : 0
    }
}

/// Weights of what has the same score, together.
private func forEachScore(_ items: UnsafePointer<MetricItem>, _ count: Int, _ body: (_ yes: Double, _ no: Double) -> Void) {
    var index = 0
    while index < count {
        let key = items[index].key
        var (yes, no) = (0.0, 0.0)
        while index < count, items[index].key == key {
            yes += items[index].yes
            no += items[index].no
            index += 1
        }
        body(yes, no)
    }
}

/// Rows of weight, class and scores; of several answers of yes or no, weight, answers and scores. Two
/// classes are one column: the second's probability, or by how much its score is the larger.
final class RankedScores {
    let average: String
    private(set) var columns = 0
    private(set) var hasNaN = false
    private var rows: MetricRows?
    private var room: MetricNumbers?
    private var isMultilabel = false
    private let metric: String

    init(_ attributes: Attributes, of metric: String) {
        average = attributes.text("average")
        self.metric = metric
    }

    var count: Int { rows?.count ?? 0 }
    private var firstScore: Int { isMultilabel ? 1 + columns : 2 }

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        guard batch.columns > 0 else { return }
        if rows == nil {
            isMultilabel = batch.isMultilabel
            columns = batch.columns == 2 && !isMultilabel ? 1 : batch.columns
            room = try MetricNumbers(batch.columns, of: metric)
            rows = MetricRows(width: firstScore + columns, of: metric)
        }
        guard let rows, let room, room.count == batch.columns else { return }
        for row in 0..<batch.rows {
            if let labels = batch.labels, labels[row] < 0 { continue }
            let weight = batch.weight?(row) ?? 1
            guard weight > 0 else { continue }
            let place = try rows.append()
            place[0] = weight
            batch.probabilities(row, into: room.pointer)
            if isMultilabel {
                for column in 0..<columns { place[1 + column] = batch.isYes(row * columns + column) ? 1 : 0 }
            } else {
                place[1] = Double(batch.actual(row))
            }
            let scores = place + firstScore
            if batch.columns == 2 && !isMultilabel {
                scores[0] = batch.link == .scores ? room[1] - room[0] : room[1]
            } else {
                for column in 0..<columns { scores[column] = room[column] }
            }
            for column in 0..<columns where scores[column].isNaN { hasNaN = true }
        }
    }

    /// One column's items; the weight of those that are wanted.
    @discardableResult
    func fill(_ items: MetricItems, _ column: Int) -> Double {
        guard let rows else { return 0 }
        var sum = 0.0
        for row in 0..<rows.count {
            let place = rows[row]
            let isYes = isMultilabel ? place[1 + column] == 1 : Int(place[1]) == (columns == 1 ? 1 : column)
            items.append(place[firstScore + column], yes: isYes ? place[0] : 0, no: isYes ? 0 : place[0])
            if isYes { sum += place[0] }
        }
        return sum
    }
}
