// The mean of -log of the right class's probability, as the loss gives probabilities to predictions; as
// scikit-learn's log_loss, which keeps them 2^-52 away from 0 and 1.

import Glibc
import Layers
import Tensors

final class LogLoss: Metric {
    static let kind = "log_loss"
    static let documentation =
        "mean of -log(probability of the right class), probabilities as the loss sees them (softmax, sigmoid), from 2^-52 to 1 - 2^-52"
    static let largerIsBetter = false

    private var sum = 0.0
    private var total = 0.0
    private var room: MetricNumbers?

    init(_ attributes: Attributes) {}

    func check(_ task: MetricTask) throws(ChainruleError) {
        guard !task.isMultilabel else { throw refuse(task, expected: "classes, or one column of yes and no") }
    }

    func add(_ batch: MetricBatch) throws(ChainruleError) {
        guard batch.columns > 0 else { return }
        if room == nil { room = try MetricNumbers(batch.columns, of: LogLoss.kind) }
        guard let room, room.count == batch.columns else { return }
        batch.forEachRow { row, weight in
            total += weight
            guard weight > 0 else { return }
            batch.probabilities(row, into: room.pointer)
            let actual = batch.actual(row)
            let probability: Double
            if batch.isBinary {
                probability = actual == 1 ? room[0] : 1 - room[0]
            } else {
                probability = actual >= 0 && actual < room.count ? room[actual] : .nan
            }
            // A NaN stays one.
            let kept = probability < 0x1p-52 ? 0x1p-52 : probability > 1 - 0x1p-52 ? 1 - 0x1p-52 : probability
            sum -= weight * log(kept)
        }
    }

    func value() -> Double { total > 0 ? sum / total : 0 }
}
