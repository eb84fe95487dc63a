// How often each class was predicted, was there, and both: what precision and its kin are made of. Classes
// that appear neither in predictions nor in targets don't count in means over classes, as in scikit-learn.

import Layers
import Tensors

final class ClassTally {
    /// Four numbers a class: right, predicted, actual, and whether it appeared.
    private var numbers: MetricNumbers?
    private(set) var classes = 0
    private(set) var total = 0.0
    private(set) var rightTotal = 0.0
    private let metric: String

    init(of metric: String) { self.metric = metric }

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        if numbers == nil {
            classes = batch.classCount
            numbers = try MetricNumbers(4 * classes, of: metric)
        }
        guard let list = numbers?.pointer, classes == batch.classCount else { return }
        if batch.isMultilabel {
            batch.forEachRow { row, weight in
                for column in 0..<classes {
                    let place = row * classes + column
                    let (predicted, actual) = (batch.answer(place) == 1, batch.isYes(place))
                    let entry = list + 4 * column
                    if predicted { entry[1] += weight }
                    if actual { entry[2] += weight }
                    if predicted && actual { entry[0] += weight }
                    entry[3] = 1
                }
            }
            return
        }
        batch.forEachDecision { predicted, actual, weight in
            total += weight
            if predicted >= 0 && predicted < classes {
                list[4 * predicted + 1] += weight
                list[4 * predicted + 3] = 1
            }
            if actual >= 0 && actual < classes {
                list[4 * actual + 2] += weight
                list[4 * actual + 3] = 1
                if predicted == actual {
                    list[4 * actual] += weight
                    rightTotal += weight
                }
            }
        }
    }

    func right(_ index: Int) -> Double { numbers?[4 * index] ?? 0 }
    func predicted(_ index: Int) -> Double { numbers?[4 * index + 1] ?? 0 }
    func actual(_ index: Int) -> Double { numbers?[4 * index + 2] ?? 0 }
    func appeared(_ index: Int) -> Bool { (numbers?[4 * index + 3] ?? 0) > 0 }

    func sum(_ part: (Int) -> Double) -> Double {
        var sum = 0.0
        for index in 0..<classes { sum += part(index) }
        return sum
    }
}
