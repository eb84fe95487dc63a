// What a row was taken for and what it is, and the probabilities behind it.

import Glibc
import Losses

extension MetricBatch {
    /// Several answers of yes or no in a row, each for itself.
    var isMultilabel: Bool { columns > 1 && link.isColumnwise }
    /// One column of yes (1) or no (0), without labels.
    var isBinary: Bool { columns == 1 && labels == nil }
    var classCount: Int { isBinary ? 2 : columns }

    /// A class for each row: the largest column, of real targets too; of one column, yes or no. -1 for NaN,
    /// so that it is never right by chance.
    func forEachDecision(_ body: (_ predicted: Int, _ actual: Int, _ weight: Double) -> Void) {
        guard columns > 0 else { return }
        forEachRow { row, weight in
            body(isBinary ? answer(row) : largest(row * columns, prediction), actual(row), weight)
        }
    }

    func actual(_ row: Int) -> Int {
        if let labels { return Int(labels[row]) }
        guard let target else { return -1 }
        return isBinary ? (target(row) > 0.5 ? 1 : 0) : largest(row * columns, target)
    }

    func isYes(_ index: Int) -> Bool { (target?(index) ?? 0) > 0.5 }

    /// 1 for yes, 0 for no, -1 for NaN.
    func answer(_ index: Int) -> Int {
        let value = prediction(index)
        return value.isNaN ? -1 : value > threshold ? 1 : 0
    }

    /// The first of the largest.
    private func largest(_ first: Int, _ value: (Int) -> Double) -> Int {
        var best = 0
        for column in 1..<max(columns, 1) where !(value(first + column) <= value(first + best)) { best = column }
        return value(first + best).isNaN ? -1 : best
    }

    /// The row's predictions as the loss understands them: softmax, exp or sigmoid; scores as they are.
    func probabilities(_ row: Int, into list: UnsafeMutablePointer<Double>) {
        let first = row * columns
        for column in 0..<columns { list[column] = prediction(first + column) }
        switch link {
        case .scores, .probabilities: break
        case .sigmoid: for column in 0..<columns { list[column] = sigmoid(list[column]) }
        case .logProbabilities: for column in 0..<columns { list[column] = exp(list[column]) }
        case .softmax:
            var largest = -Double.infinity
            for column in 0..<columns where list[column] > largest { largest = list[column] }
            var sum = 0.0
            for column in 0..<columns {
                list[column] = exp(list[column] - largest)
                sum += list[column]
            }
            for column in 0..<columns { list[column] /= sum }
        }
    }

    private func sigmoid(_ x: Double) -> Double {
        let power = exp(-abs(x))
        return x >= 0 ? 1 / (1 + power) : power / (1 + power)
    }
}
