// chainrule_trainer_fit: options in, callbacks out, a history back.

import CChainrule
import Glibc
import Graph
import Tensors
import Training

@_cdecl("chainrule_trainer_fit") @implementation
public func chainrule_trainer_fit(
    _ trainer: OpaquePointer?, _ x: UnsafePointer<chainrule_array>?, _ y: UnsafePointer<chainrule_array>?,
    _ options: UnsafePointer<chainrule_fit_options>?, _ history: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_trainer_fit") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try trainer.exclusively { () throws(ChainruleError) in
            let inputs = try viewList(x, trainer.inputCount, "x")
            let targets = try viewList(y, trainer.targetCount, "y")
            let recorded = History()
            let parsed = try fitOptions(options, trainer, recorded)
            trainer.clearCancel()
            do throws(ChainruleError) {
                try trainer.fit(x: inputs, y: targets, parsed, history: recorded)
            } catch {
                let keeps = [.cancelled, .callback, .nonFinite].contains(error.code)
                if keeps { history?.pointee = handle(HistoryHandle(recorded)) }
                throw error
            }
            history?.pointee = handle(HistoryHandle(recorded))
        }
    }
}

private func fitOptions(
    _ options: UnsafePointer<chainrule_fit_options>?, _ trainer: Trainer, _ history: History
) throws(ChainruleError) -> FitOptions {
    var result = FitOptions()
    guard let options else { return result }
    // The whole struct is read only when its size says that it is there.
    try checkSize(options, options.pointee.struct_size, "options")
    let given = options.pointee
    result.epochs = Int(try count(given.epochs, "epochs")) == 0 ? 1 : Int(given.epochs)
    result.batchSize = Int(try count(given.batch_size, "batch_size")) == 0 ? 32 : Int(given.batch_size)
    guard (0...2).contains(given.shuffle) else {
        throw ChainruleError(.invalidArgument, "options->shuffle", expected: "CHAINRULE_SHUFFLE_DEFAULT, _ON or _OFF", got: "\(given.shuffle)")
    }
    result.shuffles = given.shuffle != 2
    result.dropsLast = given.drop_last != 0
    if let weights = given.sample_weight { result.sampleWeight = try view(weights, "options->sample_weight") }
    guard given.validation_split >= 0, given.validation_split < 1 else {
        throw ChainruleError(.invalidArgument, "options->validation_split", expected: "0 to under 1", got: "\(given.validation_split)")
    }
    result.validationSplit = given.validation_split
    let hasX = given.validation_x != nil || trainer.inputCount == 0
    let hasY = given.validation_y != nil || trainer.targetCount == 0
    if given.validation_x != nil || given.validation_y != nil {
        guard given.validation_split == 0 else {
            throw ChainruleError(
                .invalidArgument, "options->validation_split", expected: "0 beside validation_x and validation_y",
                got: "\(given.validation_split)")
        }
        guard hasX, hasY else {
            throw ChainruleError(
                .invalidArgument, "options->validation_x and validation_y", expected: "both or neither", got: "one of them")
        }
        result.validation = (
            try viewList(given.validation_x, trainer.inputCount, "options->validation_x"),
            try viewList(given.validation_y, trainer.targetCount, "options->validation_y")
        )
    }
    if let monitor = given.monitor { result.monitor = try requiredText(monitor, "options->monitor") }
    result.patience = Int(try count(given.patience, "patience"))
    guard given.min_delta >= 0, given.min_delta.isFinite else {
        throw ChainruleError(.invalidArgument, "options->min_delta", expected: "a finite number of 0 or more", got: "\(given.min_delta)")
    }
    result.minDelta = given.min_delta
    result.restoresBest = given.restore_best != 0
    result.resumes = given.resume != 0
    if let onBatch = given.on_batch {
        result.onBatch = { progress in call(onBatch, given.user, progress, [], trainer) }
    }
    if let onEpoch = given.on_epoch {
        result.onEpoch = { progress in call(onEpoch, given.user, progress, history.names, trainer) }
    }
    return result
}

private func count(_ value: Int64, _ field: String) throws(ChainruleError) -> Int64 {
    guard value >= 0, value <= 1 << 40 else {
        throw ChainruleError(.invalidArgument, "options->\(field)", expected: "0 (the default) to 2^40", got: "\(value)")
    }
    return value
}

private func call(
    _ callback: chainrule_callback, _ user: UnsafeMutableRawPointer?, _ progress: Progress, _ names: [String],
    _ trainer: Trainer
) -> CallbackAnswer {
    let texts = names.map { UnsafePointer<CChar>(strdup($0)) }
    defer { for text in texts { free(UnsafeMutablePointer(mutating: text)) } }
    trainer.callbackThread = UInt(pthread_self())
    defer { trainer.callbackThread = 0 }
    let answer = texts.withUnsafeBufferPointer { texts in
        progress.values.withUnsafeBufferPointer { values in
            var seen = chainrule_progress()
            seen.struct_size = MemoryLayout<chainrule_progress>.size
            seen.epoch = Int64(progress.epoch)
            seen.epochs = Int64(progress.epochs)
            seen.batch = Int64(progress.batch)
            seen.batches = Int64(progress.batches)
            seen.loss = progress.loss
            seen.value_count = values.count
            seen.value_names = texts.baseAddress
            seen.values = values.baseAddress
            return callback(user, &seen)
        }
    }
    return answer == 0 ? .go : answer == 1 ? .stop : .fail
}
