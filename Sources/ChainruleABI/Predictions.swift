// chainrule_model_predict: most calls come again and again with arrays of the same description, and go straight to their plan.

import CChainrule
import Graph
import Tensors

@_optimize(speed)
@_cdecl("chainrule_model_predict") @implementation
public func chainrule_model_predict(
    _ model: OpaquePointer?, _ inputs: UnsafePointer<chainrule_array>?, _ outputs: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    // Known plans call nothing of the host's, which could free the handle: no reference to it is taken.
    if let model, Unmanaged<ModelHandle>.fromOpaque(UnsafeRawPointer(model))._withUnsafeGuaranteedRef({ handle in
        Unmanaged.passUnretained(handle.model)._withUnsafeGuaranteedRef { predictKnown($0, inputs, outputs) }
    }) {
        return CHAINRULE_OK
    }
    return predict(model, inputs, outputs)
}

/// False if the arrays are not for the short way, or nobody may read the model now; then nothing was done.
@inline(__always)
private func predictKnown(
    _ model: Model, _ inputs: UnsafePointer<chainrule_array>?, _ outputs: UnsafePointer<chainrule_array>?
) -> Bool {
    guard model.lock.tryRead() else { return false }
    defer { model.lock.endRead() }
    let inputCount = model.inputs.count
    let count = inputCount + model.outputCount
    guard inputs != nil || inputCount == 0, let outputs else { return false }
    return withUnsafeTemporaryAllocation(of: PlainArray.self, capacity: count) { arrays in
        guard let base = arrays.baseAddress else { return false }
        for index in 0..<count {
            guard let array = index < inputCount ? inputs.map({ $0 + index }) : outputs + (index - inputCount),
                let plain = plainArray(array)
            else { return false }
            (base + index).initialize(to: plain)
        }
        return model.predictKnown(base, count)
    }
}

@inline(__always)
private func plainArray(_ array: UnsafePointer<chainrule_array>) -> PlainArray? {
    guard let data = array.pointee.data, array.pointee.strided == 0,
        let type = DataType(rawValue: Int32(truncatingIfNeeded: array.pointee.dtype.rawValue))
    else { return nil }
    return PlainArray(data: data, type: type, rank: Int(array.pointee.rank), shape: shapeAddress(array))
}

@inline(never)
private func predict(
    _ model: OpaquePointer?, _ inputs: UnsafePointer<chainrule_array>?, _ outputs: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_model_predict") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        guard model.lock.tryRead() else { throw Model.busy }
        defer { model.lock.endRead() }
        try model.prepare()
        try withViews(inputs, model.inputs.count, "inputs") { (from) throws(ChainruleError) in
            try withViews(outputs, model.outputCount, "outputs") { (to) throws(ChainruleError) in
                try model.predict(from, into: to)
            }
        }
    }
}
