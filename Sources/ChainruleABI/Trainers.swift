// chainrule_trainer: making, stepping, evaluating, asking.

import CChainrule
import Glibc
import Graph
import Optimizers
import Tensors
import Training

/// What a chainrule_trainer points to: the trainer, and how the arrays of its last step looked.
final class TrainerHandle {
    let trainer: Trainer
    let seen: SeenArrays
    init(_ trainer: Trainer) {
        self.trainer = trainer
        seen = SeenArrays(count: trainer.arrayCount)
    }
}

func trainerObject(_ handle: OpaquePointer?) throws(ChainruleError) -> Trainer {
    try object(handle, "trainer", TrainerHandle.self).trainer
}

extension Trainer {
    /// For calls that change the trainer.
    @inline(__always)
    func exclusively<T>(_ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
        guard lock.tryWrite() else { throw busy("trainer") }
        defer { lock.endWrite() }
        return try body()
    }

    /// For calls that read it: also from a callback of its own fit.
    func forReading<T>(_ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
        if callbackThread == UInt(pthread_self()) { return try body() }
        guard lock.tryRead() else { throw busy("trainer") }
        defer { lock.endRead() }
        return try body()
    }
}

@_cdecl("chainrule_trainer_create") @implementation
public func chainrule_trainer_create(
    _ model: OpaquePointer?, _ loss: UnsafePointer<CChar>?, _ optimizer: UnsafePointer<CChar>?,
    _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_trainer_create") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let loss = try requiredText(loss, "loss")
        let optimizer = try requiredText(optimizer, "optimizer")
        let out = try required(trainer, "trainer")
        let made = try model.withReadLock { () throws(ChainruleError) in
            try Trainer(model: model, loss: loss, optimizer: optimizer)
        }
        out.pointee = handle(TrainerHandle(made))
    }
}

@_cdecl("chainrule_trainer_free") @implementation
public func chainrule_trainer_free(_ trainer: OpaquePointer?) { release(trainer, TrainerHandle.self) }

@_cdecl("chainrule_trainer_set_metrics") @implementation
public func chainrule_trainer_set_metrics(_ trainer: OpaquePointer?, _ metrics: UnsafePointer<CChar>?) -> chainrule_status {
    guarded("chainrule_trainer_set_metrics") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        let text = try requiredText(metrics, "metrics")
        try trainer.exclusively { () throws(ChainruleError) in try trainer.setMetrics(text) }
    }
}

@_cdecl("chainrule_trainer_set_seed") @implementation
public func chainrule_trainer_set_seed(_ trainer: OpaquePointer?, _ seed: UInt64) -> chainrule_status {
    guarded("chainrule_trainer_set_seed") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try trainer.exclusively { () throws(ChainruleError) in trainer.seed = seed }
    }
}

@_cdecl("chainrule_trainer_set_checkpoint_segments") @implementation
public func chainrule_trainer_set_checkpoint_segments(_ trainer: OpaquePointer?, _ segments: Int64) -> chainrule_status {
    guarded("chainrule_trainer_set_checkpoint_segments") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try trainer.exclusively { () throws(ChainruleError) in try trainer.setCheckpointSegments(Int(segments)) }
    }
}

@_cdecl("chainrule_trainer_get_lr") @implementation
public func chainrule_trainer_get_lr(_ trainer: OpaquePointer?, _ lr: UnsafeMutablePointer<Double>?) -> chainrule_status {
    guarded("chainrule_trainer_get_lr") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try required(lr, "lr").pointee = trainer.update.lr
    }
}

@_cdecl("chainrule_trainer_set_lr") @implementation
public func chainrule_trainer_set_lr(_ trainer: OpaquePointer?, _ lr: Double) -> chainrule_status {
    guarded("chainrule_trainer_set_lr") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try checkRate(lr)
        trainer.update.lr = lr
    }
}

@_cdecl("chainrule_trainer_set_schedule") @implementation
public func chainrule_trainer_set_schedule(_ trainer: OpaquePointer?, _ schedule: UnsafePointer<CChar>?) -> chainrule_status {
    guarded("chainrule_trainer_set_schedule") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        let text = try requiredText(schedule, "schedule")
        let choice = text.isEmpty ? nil : try ScheduleChoice(text)
        try trainer.exclusively { () throws(ChainruleError) in try trainer.setSchedule(choice) }
    }
}

@_cdecl("chainrule_trainer_end_epoch") @implementation
public func chainrule_trainer_end_epoch(_ trainer: OpaquePointer?, _ monitored: Double) -> chainrule_status {
    guarded("chainrule_trainer_end_epoch") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try trainer.exclusively { () throws(ChainruleError) in try trainer.scheduleEpoch(monitored: monitored) }
    }
}

@_cdecl("chainrule_trainer_use_average") @implementation
public func chainrule_trainer_use_average(_ trainer: OpaquePointer?, _ average: Int32) -> chainrule_status {
    guarded("chainrule_trainer_use_average") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try trainer.exclusively { () throws(ChainruleError) in
            guard trainer.update.choice.hasAverage, trainer.update.hasMean else {
                throw ChainruleError(
                    .state, "the average of the weights", expected: "an optimizer with ema_decay or swa_start, and updates made",
                    got: trainer.update.choice.hasAverage ? "\(trainer.update.step) updates" : "\"\(trainer.update.choice.text)\"")
            }
            guard trainer.model.mayChangeNow else { throw Model.busy }
            try trainer.model.withWriteLock { () throws(ChainruleError) in trainer.update.useAverage(average != 0) }
        }
    }
}

@_cdecl("chainrule_trainer_target_count") @implementation
public func chainrule_trainer_target_count(_ trainer: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_trainer_target_count") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        try required(count, "count").pointee = trainer.targetCount
    }
}

@_cdecl("chainrule_trainer_step_count") @implementation
public func chainrule_trainer_step_count(_ trainer: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?) -> chainrule_status {
    guarded("chainrule_trainer_step_count") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        let count = try required(count, "count")
        count.pointee = try trainer.forReading { Int64(trainer.update.step) }
    }
}

@_optimize(speed)
@_cdecl("chainrule_trainer_step") @implementation
public func chainrule_trainer_step(
    _ trainer: OpaquePointer?, _ x: UnsafePointer<chainrule_array>?, _ y: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ loss: UnsafeMutablePointer<Double>?
) -> chainrule_status {
    guarded("chainrule_trainer_step") { () throws(ChainruleError) in
        // Kept until the step has ended, whatever a callback does.
        let own = try object(trainer, "trainer", TrainerHandle.self)
        try Unmanaged.passUnretained(own.trainer).use { (trainer) throws(ChainruleError) in
            try step(trainer, own.seen, x, y, sample_weight, loss)
        }
    }
}

@inline(__always)
private func step(
    _ trainer: Trainer, _ seen: SeenArrays, _ x: UnsafePointer<chainrule_array>?, _ y: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ loss: UnsafeMutablePointer<Double>?
) throws(ChainruleError) {
    try trainer.exclusively { () throws(ChainruleError) in
        guard trainer.model.mayChangeNow, trainer.model.lock.write() else { throw Model.busy }
        defer { trainer.model.lock.endWrite() }
        if seen.match(x, trainer.inputCount, y, trainer.targetCount, sample_weight, trainer) {
            let value = try trainer.stepAgain()
            loss?.pointee = value
            return
        }
        seen.forget()
        let views = trainer.views
        var count = 0
        for index in 0..<trainer.inputCount {
            (views + count).pointee = try viewInPlace(x.map { $0 + index }, "x")
            count += 1
        }
        for index in 0..<trainer.targetCount {
            (views + count).pointee = try viewInPlace(y.map { $0 + index }, "y")
            count += 1
        }
        if let sample_weight {
            (views + count).pointee = try view(sample_weight, "sample_weight")
            count += 1
        }
        let value = try trainer.step(
            UnsafeBufferPointer(start: views, count: count), hasWeights: sample_weight != nil)
        if trainer.canStepAgain(count, hasWeights: sample_weight != nil) {
            seen.remember(x, trainer.inputCount, y, trainer.targetCount)
        }
        loss?.pointee = value
    }
}

@_cdecl("chainrule_trainer_evaluate") @implementation
public func chainrule_trainer_evaluate(
    _ trainer: OpaquePointer?, _ x: UnsafePointer<chainrule_array>?, _ y: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ values: UnsafeMutablePointer<Double>?, _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_trainer_evaluate") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        guard values != nil || capacity == 0 else { throw missing("values") }
        guard capacity >= 0 else {
            throw ChainruleError(.invalidArgument, "argument capacity", expected: "0 or more", got: "\(UInt(bitPattern: capacity))")
        }
        try trainer.exclusively { () throws(ChainruleError) in
            var arrays = try viewList(x, trainer.inputCount, "x") + viewList(y, trainer.targetCount, "y")
            if let sample_weight { arrays.append(try view(sample_weight, "sample_weight")) }
            guard trainer.model.lock.write() else { throw Model.busy }
            defer { trainer.model.lock.endWrite() }
            let result = try trainer.evaluate(arrays, hasWeights: sample_weight != nil)
            for (index, value) in result.enumerated() where index < capacity { values?[index] = value }
            count?.pointee = result.count
        }
    }
}

@_cdecl("chainrule_trainer_cancel") @implementation
public func chainrule_trainer_cancel(_ trainer: OpaquePointer?) {
    // No retain: in a signal handler nothing but a store may happen.
    if let trainer { Unmanaged<TrainerHandle>.fromOpaque(UnsafeRawPointer(trainer))._withUnsafeGuaranteedRef { $0.trainer.cancel() } }
}

@_cdecl("chainrule_trainer_memory") @implementation
public func chainrule_trainer_memory(
    _ trainer: OpaquePointer?, _ batch_size: Int64, _ memory: UnsafeMutablePointer<chainrule_memory>?
) -> chainrule_status {
    guarded("chainrule_trainer_memory") { () throws(ChainruleError) in
        let trainer = try trainerObject(trainer)
        let out = try required(memory, "memory")
        let size = out.pointee.struct_size
        // The last field, of 8 bytes, came later.
        let known = MemoryLayout<chainrule_memory>.size
        guard size >= known || size == known - 8 else {
            throw ChainruleError(.invalidArgument, "memory->struct_size", expected: "\(known)", got: "\(size)")
        }
        guard batch_size >= 1, batch_size <= Int64(Shape.maximumBytes) else {
            throw ChainruleError(.invalidArgument, "argument batch_size", expected: "1 or more", got: "\(batch_size)")
        }
        let bytes = try trainer.exclusively { () throws(ChainruleError) in try trainer.memory(batch: Int(batch_size)) }
        var result = chainrule_memory(
            struct_size: size, parameters: UInt64(bytes.parameters), gradients: UInt64(bytes.gradients),
            optimizer: UInt64(bytes.optimizer), activations: UInt64(bytes.activations),
            total: UInt64(bytes.parameters + bytes.gradients + bytes.optimizer + bytes.activations),
            checkpointing_saves: UInt64(bytes.saved))
        memcpy(out, &result, min(size, known))
    }
}
