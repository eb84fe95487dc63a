// Watches one series: stops when it hasn't improved for `patience` epochs, and can bring the best
// epoch's parameters back.

import Graph
import Tensors

struct EarlyStopping {
    private(set) var bestEpoch = 0
    private let column: Int
    private let largerIsBetter: Bool
    private let patience: Int
    private let minDelta: Double
    private let keeps: Bool
    private var best: Double?
    private var kept: Storage?

    init(
        _ trainer: Trainer, _ options: FitOptions, _ names: [String], hasValidation: Bool
    ) throws(ChainruleError) {
        let wanted = options.monitor ?? (hasValidation ? "val_loss" : "loss")
        guard let found = names.firstIndex(of: wanted) else {
            throw ChainruleError(
                .notFound, "the monitored series", expected: "one of \(names.joined(separator: ", "))", got: "\"\(wanted)\"")
        }
        column = found
        largerIsBetter = trainer.largerIsBetter(found % trainer.measureNames.count)
        patience = options.patience
        minDelta = options.minDelta
        keeps = options.restoresBest
    }

    /// Takes an epoch's values in; false to stop.
    mutating func sees(_ values: [Double], epoch: Int, _ trainer: Trainer) throws(ChainruleError) -> Bool {
        let value = values[column]
        // A NaN is never the best: any number is better.
        let improves = !value.isNaN && (best.map { largerIsBetter ? value > $0 + minDelta : value < $0 - minDelta } ?? true)
        if improves {
            best = value
            bestEpoch = epoch
            if keeps, let storage = trainer.model.storage {
                if kept == nil {
                    kept = try Storage(byteCount: storage.byteCount, what: "the best parameters", isZeroed: false)
                }
                kept?.pointer.copyMemory(from: storage.pointer, byteCount: storage.byteCount)
            }
            return true
        }
        return patience == 0 || epoch - bestEpoch < patience
    }

    func restore(_ trainer: Trainer) throws(ChainruleError) {
        guard let kept, let storage = trainer.model.storage else { return }
        try trainer.model.withWriteLock { storage.pointer.copyMemory(from: kept.pointer, byteCount: kept.byteCount) }
    }
}
