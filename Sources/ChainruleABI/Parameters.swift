// Reading and writing a model's parameters.

import CChainrule
import Graph
import Tensors

@_cdecl("chainrule_model_get_parameter") @implementation
public func chainrule_model_get_parameter(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_model_get_parameter") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let name = try requiredText(name, "name")
        let target = try view(values, "values")
        try model.withReadLock { () throws(ChainruleError) in
            let base = try model.prepare().pointer
            let parameter = try model.parameter(named: name)
            try checkResult(target, FeedSpecification(name: "values", shape: parameter.shape, kind: .real), batch: nil)
            copyElements(from: parameter.view(base, model.type), to: target)
        }
    }
}

@_cdecl("chainrule_model_set_parameter") @implementation
public func chainrule_model_set_parameter(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_model_set_parameter") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let name = try requiredText(name, "name")
        let source = try view(values, "values")
        try exclusively(model) { () throws(ChainruleError) in
            let base = try model.prepare().pointer
            let parameter = try model.parameter(named: name)
            try Feeds.check(source, FeedSpecification(name: "values", shape: parameter.shape, kind: .real), batch: nil)
            if source.type == .float64 && model.type == .float32 { try checkRange(source, parameter) }
            copyElements(from: source, to: parameter.view(base, model.type))
        }
    }
}

@_cdecl("chainrule_model_initialize") @implementation
public func chainrule_model_initialize(_ model: OpaquePointer?, _ seed: UInt64) -> chainrule_status {
    guarded("chainrule_model_initialize") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try exclusively(model) { () throws(ChainruleError) in try model.initialize(seed: seed) }
    }
}

/// A finite number that float32 holds only as infinity is an error, not a parameter.
private func checkRange(_ source: ArrayView, _ parameter: Parameter) throws(ChainruleError) {
    let copy = try Storage(byteCount: source.elementCount * 8, what: "a copy of the values", isZeroed: false)
    copyElements(from: source, to: ArrayView(copy.pointer, .float64, source.dimensions))
    let numbers = copy.pointer.assumingMemoryBound(to: Double.self)
    for index in 0..<source.elementCount where numbers[index].isFinite && !Float(numbers[index]).isFinite {
        throw ChainruleError(
            .value, "values, element \(index)", expected: "a number that float32 holds", got: "\(numbers[index])")
    }
}
