// What a checkpoint holds beside the model: optimizer, random state, position.

import Graph
import Optimizers
import Tensors

extension Trainer {
    /// The optimizer's arrays under names such as "optimizer.exp_avg.0.weight".
    public func stateTensors() -> [(name: String, view: ArrayView)] {
        guard let state = update.state, let layout = update.layout else { return [] }
        let searched = update.search?.tensors() ?? []
        return searched + layout.arrays.map { name, index, shape, offset in
            let parameter = model.parameters[index]
            return ("optimizer.\(name).\(parameter.name)", parameter.view(beside: state.pointer + offset, shape: shape, model.type))
        }
    }

    public func stateMetadata() -> [(String, String)] {
        var list = optimizerMetadata()
        if let search = update.search { list.append(("chainrule_lbfgs", search.numbers.text)) }
        if checkpointSegments != 0 { list.append(("chainrule_checkpoint_segments", String(checkpointSegments))) }
        if let schedule { list += [("chainrule_schedule", schedule.choice.text), ("chainrule_schedule_state", schedule.text)] }
        return list
    }

    private func optimizerMetadata() -> [(String, String)] {
        [
            ("chainrule_loss", lossText), ("chainrule_optimizer", update.choice.text), ("chainrule_metrics", metricsText),
            ("chainrule_trainer_seed", String(seed)), ("chainrule_step", String(update.step)),
            ("chainrule_lr", String(update.lr)), ("chainrule_last_lr", String(update.lastLr)),
            ("chainrule_pending", String(update.pending)), ("chainrule_uses_average", update.usesAverage ? "1" : "0"),
            ("chainrule_epoch", String(epoch)), ("chainrule_batch", String(batchInEpoch)),
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
        let pending = try integer("chainrule_pending")
        let usesAverage = try integer("chainrule_uses_average")
        guard let lastLr = Double(metadata["chainrule_last_lr"] ?? ""), lastLr.isFinite, lastLr >= 0,
            pending < update.choice.accumulate, usesAverage == 0 || (usesAverage == 1 && update.choice.hasAverage)
        else {
            throw ChainruleError(
                .format, "the file's optimizer state", expected: "chainrule_last_lr, chainrule_pending and chainrule_uses_average", got: "something else")
        }
        let epoch = try integer("chainrule_epoch")
        let batch = try integer("chainrule_batch")
        if let text = metadata["chainrule_checkpoint_segments"] {
            try setCheckpointSegments(wholeNumber(text) ?? Int.min, status: .format, what: "the file's chainrule_checkpoint_segments")
        }
        try setMetrics(metadata["chainrule_metrics"] ?? "")
        if let text = metadata["chainrule_schedule"] {
            schedule = try ScheduleState(try ScheduleChoice(text), text: metadata["chainrule_schedule_state"] ?? "")
        }
        try update.search?.restore(metadata["chainrule_lbfgs"] ?? "")
        self.seed = seed
        update.lr = lr
        update.step = step
        update.lastLr = lastLr
        update.pending = pending
        update.usesAverage = usesAverage == 1
        self.epoch = epoch
        batchInEpoch = batch
    }
}
