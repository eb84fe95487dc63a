// What a checkpoint holds beside the model: optimizer, random state, position.

import Graph
import Tensors

extension Trainer {
    /// The optimizer's arrays under names such as "optimizer.exp_avg.0.weight".
    public func stateTensors() -> [(name: String, view: ArrayView)] {
        guard let state = update.state else { return [] }
        var list: [(name: String, view: ArrayView)] = []
        for (index, name) in update.choice.optimizer.state.enumerated() {
            for parameter in model.parameters where parameter.specification.isTrainable {
                let base = state.pointer + index * model.trainableBytes
                list.append(("optimizer.\(name).\(parameter.name)", parameter.view(base, model.type)))
            }
        }
        return list
    }

    public func stateMetadata() -> [(String, String)] {
        [
            ("chainrule_loss", lossText), ("chainrule_optimizer", update.choice.text), ("chainrule_metrics", metricsText),
            ("chainrule_trainer_seed", String(seed)), ("chainrule_step", String(update.step)),
            ("chainrule_lr", String(update.lr)), ("chainrule_epoch", String(epoch)), ("chainrule_batch", String(batchInEpoch)),
        ]
    }

    /// Takes back what `stateMetadata` wrote.
    public func restore(metadata: [String: String]) throws(ChainruleError) {
        func integer(_ key: String) throws(ChainruleError) -> Int {
            // So far from the largest integer that counting on never overflows.
            guard let value = Int(metadata[key] ?? ""), value >= 0, value <= 1 << 53 else {
                throw ChainruleError(
                    .format, "the file's \(key)", expected: "an integer from 0 to 2^53", got: "\"\(metadata[key] ?? "")\"")
            }
            return value
        }
        guard let seed = UInt64(metadata["chainrule_trainer_seed"] ?? ""), let lr = Double(metadata["chainrule_lr"] ?? ""),
            lr.isFinite, lr >= 0
        else {
            throw ChainruleError(.format, "the file's trainer state", expected: "chainrule_trainer_seed and chainrule_lr", got: "something else")
        }
        let step = try integer("chainrule_step")
        let epoch = try integer("chainrule_epoch")
        let batch = try integer("chainrule_batch")
        try setMetrics(metadata["chainrule_metrics"] ?? "")
        self.seed = seed
        update.lr = lr
        update.step = step
        self.epoch = epoch
        batchInEpoch = batch
    }
}
