// chainrule_context: forward and backward as calls of their own.

import CChainrule
import Graph
import Tensors

func contextObject(_ handle: OpaquePointer?) throws(ChainruleError) -> Context { try object(handle, "context", Context.self) }

@_cdecl("chainrule_context_create") @implementation
public func chainrule_context_create(_ model: OpaquePointer?, _ context: UnsafeMutablePointer<OpaquePointer?>?) -> chainrule_status {
    guarded("chainrule_context_create") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let out = try required(context, "context")
        out.pointee = handle(try model.withReadLock { () throws(ChainruleError) in try Context(model: model) })
    }
}

@_cdecl("chainrule_context_free") @implementation
public func chainrule_context_free(_ context: OpaquePointer?) { release(context, Context.self) }

/// The context for this call alone.
func exclusively<T>(_ context: Context, _ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
    guard context.lock.tryWrite() else { throw busy("context") }
    defer { context.lock.endWrite() }
    return try body()
}

@_optimize(speed)
@_cdecl("chainrule_context_forward") @implementation
public func chainrule_context_forward(
    _ context: OpaquePointer?, _ inputs: UnsafePointer<chainrule_array>?, _ training: Int32
) -> chainrule_status {
    guarded("chainrule_context_forward") { () throws(ChainruleError) in
        let context = try contextObject(context)
        try withViews(inputs, context.model.inputs.count, "inputs") { (views) throws(ChainruleError) in
            try exclusively(context) { () throws(ChainruleError) in
                try context.model.withReadLock { () throws(ChainruleError) in
                    try context.forward(views, isTraining: training != 0)
                }
                if context.commitsNext { try context.model.withWriteLock { () throws(ChainruleError) in try context.commit() } }
            }
        }
    }
}

@_cdecl("chainrule_context_output") @implementation
public func chainrule_context_output(
    _ context: OpaquePointer?, _ index: Int, _ values: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_context_output") { () throws(ChainruleError) in
        let context = try contextObject(context)
        let target = try view(values, "values")
        try exclusively(context) { () throws(ChainruleError) in try context.output(index, to: target) }
    }
}

@_optimize(speed)
@_cdecl("chainrule_context_backward") @implementation
public func chainrule_context_backward(
    _ context: OpaquePointer?, _ output_gradients: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_context_backward") { () throws(ChainruleError) in
        let context = try contextObject(context)
        try exclusively(context) { () throws(ChainruleError) in
            try context.model.withReadLock { () throws(ChainruleError) in
                guard output_gradients != nil else { return try context.backward(nil) }
                try withViews(output_gradients, context.model.outputs.count, "output_gradients") {
                    (views) throws(ChainruleError) in try context.backward(views)
                }
            }
        }
    }
}

@_cdecl("chainrule_context_input_gradient") @implementation
public func chainrule_context_input_gradient(
    _ context: OpaquePointer?, _ index: Int, _ values: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_context_input_gradient") { () throws(ChainruleError) in
        let context = try contextObject(context)
        let target = try view(values, "values")
        try exclusively(context) { () throws(ChainruleError) in try context.inputGradient(index, to: target) }
    }
}

@_cdecl("chainrule_context_gradient") @implementation
public func chainrule_context_gradient(
    _ context: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_context_gradient") { () throws(ChainruleError) in
        let context = try contextObject(context)
        let name = try requiredText(name, "name")
        let target = try view(values, "values")
        try exclusively(context) { () throws(ChainruleError) in try context.gradient(name, to: target) }
    }
}

@_cdecl("chainrule_context_zero_gradients") @implementation
public func chainrule_context_zero_gradients(_ context: OpaquePointer?) -> chainrule_status {
    guarded("chainrule_context_zero_gradients") { () throws(ChainruleError) in
        let context = try contextObject(context)
        try exclusively(context) { () throws(ChainruleError) in context.zeroGradients() }
    }
}
