// chainrule_loss and chainrule_optimizer: for those who write the loop themselves.

import CChainrule
import Graph
import Optimizers
import Tensors
import Training

@_cdecl("chainrule_loss_create") @implementation
public func chainrule_loss_create(_ text: UnsafePointer<CChar>?, _ loss: UnsafeMutablePointer<OpaquePointer?>?) -> chainrule_status {
    guarded("chainrule_loss_create") { () throws(ChainruleError) in
        let out = try required(loss, "loss")
        out.pointee = handle(try LossEvaluator(try requiredText(text, "text")))
    }
}

@_cdecl("chainrule_loss_free") @implementation
public func chainrule_loss_free(_ loss: OpaquePointer?) { release(loss, LossEvaluator.self) }

@_cdecl("chainrule_loss_counts") @implementation
public func chainrule_loss_counts(
    _ loss: OpaquePointer?, _ predictions: UnsafeMutablePointer<Int>?, _ targets: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_loss_counts") { () throws(ChainruleError) in
        let loss = try object(loss, "loss", LossEvaluator.self)
        let predictions = try required(predictions, "predictions")
        let targets = try required(targets, "targets")
        predictions.pointee = loss.predictionCount
        targets.pointee = loss.targetCount
    }
}

/// What a loss is evaluated on.
private struct LossArrays {
    let loss: LossEvaluator
    let predictions: [ArrayView]
    let targets: [ArrayView]
    let weights: ArrayView?
    let gradients: [ArrayView]?

    @inline(never)
    init(
        _ handle: OpaquePointer?, _ prediction: UnsafePointer<chainrule_array>?, _ target: UnsafePointer<chainrule_array>?,
        _ weight: UnsafePointer<chainrule_array>?, _ gradient: UnsafePointer<chainrule_array>?
    ) throws(ChainruleError) {
        loss = try object(handle, "loss", LossEvaluator.self)
        predictions = try viewList(prediction, loss.predictionCount, "prediction")
        targets = try viewList(target, loss.targetCount, "target")
        weights = weight == nil ? nil : try view(weight, "sample_weight")
        gradients = gradient == nil ? nil : try viewList(gradient, loss.predictionCount, "gradient")
    }
}

@_cdecl("chainrule_loss_evaluate") @implementation
public func chainrule_loss_evaluate(
    _ loss: OpaquePointer?, _ prediction: UnsafePointer<chainrule_array>?, _ target: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ value: UnsafeMutablePointer<Double>?,
    _ gradient: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_loss_evaluate") { () throws(ChainruleError) in
        let value = try required(value, "value")
        let given = try LossArrays(loss, prediction, target, sample_weight, gradient)
        value.pointee = try given.loss.evaluate(
            predictions: given.predictions, targets: given.targets, weights: given.weights, gradients: given.gradients)
    }
}

@_cdecl("chainrule_loss_values") @implementation
public func chainrule_loss_values(
    _ loss: OpaquePointer?, _ prediction: UnsafePointer<chainrule_array>?, _ target: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ values: UnsafeMutablePointer<chainrule_array>?,
    _ gradient: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_loss_values") { () throws(ChainruleError) in
        let values = try required(values, "values")
        let isQuestion = values.pointee.data == nil
        let given = try LossArrays(loss, prediction, target, sample_weight, isQuestion ? nil : gradient)
        let place = isQuestion ? nil : try view(UnsafePointer(values), "values")
        let shape = try given.loss.values(
            predictions: given.predictions, targets: given.targets, weights: given.weights, into: place, gradients: given.gradients)
        guard isQuestion else { return }
        values.pointee.rank = Int32(shape.rank)
        setShape(&values.pointee.shape, shape)
    }
}

/// An optimizer with the lock that its calls take.
final class OptimizerHandle {
    let update: Update
    let lock = ReaderLock()
    init(_ update: Update) { self.update = update }
}

private func optimizerHandle(_ handle: OpaquePointer?) throws(ChainruleError) -> OptimizerHandle {
    try object(handle, "optimizer", OptimizerHandle.self)
}

@_cdecl("chainrule_optimizer_create") @implementation
public func chainrule_optimizer_create(
    _ text: UnsafePointer<CChar>?, _ optimizer: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_optimizer_create") { () throws(ChainruleError) in
        let out = try required(optimizer, "optimizer")
        out.pointee = handle(OptimizerHandle(Update(try OptimizerChoice(try requiredText(text, "text")))))
    }
}

@_cdecl("chainrule_optimizer_free") @implementation
public func chainrule_optimizer_free(_ optimizer: OpaquePointer?) { release(optimizer, OptimizerHandle.self) }

@_optimize(speed)
@_cdecl("chainrule_optimizer_step") @implementation
public func chainrule_optimizer_step(_ optimizer: OpaquePointer?, _ context: OpaquePointer?) -> chainrule_status {
    guarded("chainrule_optimizer_step") { () throws(ChainruleError) in
        let optimizer = try optimizerHandle(optimizer)
        let context = try contextObject(context)
        guard optimizer.lock.tryWrite() else { throw busy("optimizer") }
        defer { optimizer.lock.endWrite() }
        try exclusively(context) { () throws(ChainruleError) in
            guard context.hasGradients else {
                throw ChainruleError(.state, "the context", expected: "a backward pass first", got: "no gradients yet")
            }
            try context.model.withWriteLock { () throws(ChainruleError) in
                try optimizer.update.prepare(context.model)
                try optimizer.update.bind(context.executor)
                try optimizer.update.apply(context.executor, areSums: true)
            }
        }
    }
}

@_cdecl("chainrule_optimizer_get_lr") @implementation
public func chainrule_optimizer_get_lr(_ optimizer: OpaquePointer?, _ lr: UnsafeMutablePointer<Double>?) -> chainrule_status {
    guarded("chainrule_optimizer_get_lr") { () throws(ChainruleError) in
        try required(lr, "lr").pointee = try optimizerHandle(optimizer).update.lr
    }
}

@_cdecl("chainrule_optimizer_set_lr") @implementation
public func chainrule_optimizer_set_lr(_ optimizer: OpaquePointer?, _ lr: Double) -> chainrule_status {
    guarded("chainrule_optimizer_set_lr") { () throws(ChainruleError) in
        let optimizer = try optimizerHandle(optimizer)
        try checkRate(lr)
        optimizer.update.lr = lr
    }
}

func checkRate(_ lr: Double) throws(ChainruleError) {
    guard lr.isFinite, lr >= 0 else {
        throw ChainruleError(.invalidArgument, "argument lr", expected: "a finite number of 0 or more", got: "\(lr)")
    }
}
