// chainrule_model: making, asking, running.

import CChainrule
import Graph
import Tensors

@_cdecl("chainrule_model_create") @implementation
public func chainrule_model_create(
    _ options: UnsafePointer<chainrule_model_options>?, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_model_create") { () throws(ChainruleError) in
        let out = try required(model, "model")
        var type = DataType.float32
        var seed: UInt64 = 0
        if let options {
            try checkSize(options, options.pointee.struct_size, "options")
            let number = Int32(truncatingIfNeeded: options.pointee.dtype.rawValue)
            guard number == 0 || DataType(rawValue: number)?.isReal == true else {
                throw ChainruleError(
                    .dataType, "options->dtype", expected: "CHAINRULE_FLOAT32 or CHAINRULE_FLOAT64", got: "\(number)")
            }
            type = DataType(rawValue: number) ?? .float32
            seed = options.pointee.seed
        }
        out.pointee = handle(ModelHandle(Model(type: type, seed: seed)))
    }
}

@_cdecl("chainrule_model_free") @implementation
public func chainrule_model_free(_ model: OpaquePointer?) { release(model, ModelHandle.self) }

@_cdecl("chainrule_model_add") @implementation
public func chainrule_model_add(
    _ model: OpaquePointer?, _ kind: UnsafePointer<CChar>?, _ attributes: UnsafePointer<CChar>?,
    _ node: UnsafeMutablePointer<chainrule_node>?
) -> chainrule_status {
    guarded("chainrule_model_add") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let kind = try requiredText(kind, "kind")
        let text = try requiredText(attributes, "attributes")
        let added = try exclusively(model) { () throws(ChainruleError) in try model.add(kind, text, inputs: nil) }
        node?.pointee = chainrule_node(added)
    }
}

@_cdecl("chainrule_model_add_node") @implementation
public func chainrule_model_add_node(
    _ model: OpaquePointer?, _ kind: UnsafePointer<CChar>?, _ attributes: UnsafePointer<CChar>?,
    _ inputs: UnsafePointer<chainrule_node>?, _ input_count: Int, _ node: UnsafeMutablePointer<chainrule_node>?
) -> chainrule_status {
    guarded("chainrule_model_add_node") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let kind = try requiredText(kind, "kind")
        let text = try requiredText(attributes, "attributes")
        let nodes = try nodeList(inputs, input_count, "inputs")
        let added = try exclusively(model) { () throws(ChainruleError) in try model.add(kind, text, inputs: nodes) }
        node?.pointee = chainrule_node(added)
    }
}

@_cdecl("chainrule_model_add_model") @implementation
public func chainrule_model_add_model(
    _ model: OpaquePointer?, _ other: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ inputs: UnsafePointer<chainrule_node>?,
    _ input_count: Int, _ outputs: UnsafeMutablePointer<chainrule_node>?
) -> chainrule_status {
    guarded("chainrule_model_add_model") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let other = try object(other, "other", ModelHandle.self).model
        let name = name == nil ? nil : try requiredText(name, "name")
        if let name {
            guard !name.isEmpty, name.utf8.count <= 256, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
                throw ChainruleError(.invalidArgument, "argument name", expected: "1 to 256 bytes without spaces", got: "\"\(name)\"")
            }
        }
        let nodes = try nodeList(inputs, input_count, "inputs")
        let added = try exclusively(model) { () throws(ChainruleError) in
            guard other !== model else { return try model.add(other, name: name, inputs: nodes) }
            return try other.withReadLock { () throws(ChainruleError) in try model.add(other, name: name, inputs: nodes) }
        }
        if let outputs { for (index, node) in added.enumerated() { outputs[index] = chainrule_node(node) } }
    }
}

@_cdecl("chainrule_model_set_outputs") @implementation
public func chainrule_model_set_outputs(
    _ model: OpaquePointer?, _ nodes: UnsafePointer<chainrule_node>?, _ count: Int
) -> chainrule_status {
    guarded("chainrule_model_set_outputs") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let list = try nodeList(nodes, count, "nodes")
        try exclusively(model) { () throws(ChainruleError) in try model.setOutputs(list) }
    }
}

@_cdecl("chainrule_model_set_compute") @implementation
public func chainrule_model_set_compute(_ model: OpaquePointer?, _ compute: UnsafePointer<CChar>?) -> chainrule_status {
    guarded("chainrule_model_set_compute") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let word = try requiredText(compute, "compute")
        try exclusively(model) { () throws(ChainruleError) in try model.setCompute(word) }
    }
}

@_cdecl("chainrule_model_get_compute") @implementation
public func chainrule_model_get_compute(
    _ model: OpaquePointer?, _ compute: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> chainrule_status {
    guarded("chainrule_model_get_compute") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        let word = try model.withReadLock { model.compute.word }
        try required(compute, "compute").pointee = UnsafeRawPointer(word.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

private func nodeList(
    _ nodes: UnsafePointer<chainrule_node>?, _ count: Int, _ argument: StaticString
) throws(ChainruleError) -> [Int] {
    guard count >= 0, count <= 1 << 20 else {
        throw ChainruleError(
            .invalidArgument, "the number of \(argument)", expected: "0 to \(1 << 20)", got: "\(UInt(bitPattern: count))")
    }
    guard count > 0 else { return [] }
    let nodes = try required(nodes, argument)
    return (0..<count).map { Int(nodes[$0]) }
}

/// For calls that change the model: nobody else may be at it.
func exclusively<T>(_ model: Model, _ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
    guard model.mayChangeNow, model.lock.tryWrite() else { throw Model.busy }
    defer { model.lock.endWrite() }
    return try body()
}

@_cdecl("chainrule_model_input_count") @implementation
public func chainrule_model_input_count(_ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_model_input_count") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try required(count, "count").pointee = try model.withReadLock { model.inputs.count }
    }
}

@_cdecl("chainrule_model_output_count") @implementation
public func chainrule_model_output_count(_ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_model_output_count") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try required(count, "count").pointee = try model.withReadLock { model.outputs.count }
    }
}

@_cdecl("chainrule_model_parameter_count") @implementation
public func chainrule_model_parameter_count(_ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_model_parameter_count") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try required(count, "count").pointee = try model.withReadLock { model.parameters.count }
    }
}

func checkIndex(_ index: Int, _ count: Int, _ what: String) throws(ChainruleError) {
    guard index >= 0, index < count else {
        throw ChainruleError(
            .notFound, "argument index", expected: count == 0 ? "nothing: there are no \(what)" : "0 to \(count - 1)",
            got: "\(UInt(bitPattern: index))")
    }
}

@_cdecl("chainrule_model_input_info") @implementation
public func chainrule_model_input_info(
    _ model: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<chainrule_tensor_info>?
) -> chainrule_status {
    guarded("chainrule_model_input_info") { () throws(ChainruleError) in
        let own = try modelHandle(model)
        try own.model.withReadLock { () throws(ChainruleError) in
            try checkIndex(index, own.model.inputs.count, "inputs")
            let node = own.model.nodes[own.model.inputs[index]]
            try own.info(node.name, own.model.storageType(node.outputKinds[0]), node.outputShape, isTrainable: false, to: info)
        }
    }
}

@_cdecl("chainrule_model_output_info") @implementation
public func chainrule_model_output_info(
    _ model: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<chainrule_tensor_info>?
) -> chainrule_status {
    guarded("chainrule_model_output_info") { () throws(ChainruleError) in
        let own = try modelHandle(model)
        try own.model.withReadLock { () throws(ChainruleError) in
            try checkIndex(index, own.model.outputs.count, "outputs")
            let node = own.model.nodes[own.model.outputs[index]]
            try own.info(node.name, own.model.storageType(node.outputKinds[0]), node.outputShape, isTrainable: false, to: info)
        }
    }
}

@_cdecl("chainrule_model_parameter_info") @implementation
public func chainrule_model_parameter_info(
    _ model: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<chainrule_tensor_info>?
) -> chainrule_status {
    guarded("chainrule_model_parameter_info") { () throws(ChainruleError) in
        let own = try modelHandle(model)
        try own.model.withReadLock { () throws(ChainruleError) in
            try checkIndex(index, own.model.parameters.count, "parameters")
            let parameter = own.model.parameters[index]
            try own.info(
                parameter.name, own.model.type, parameter.shape, isTrainable: parameter.specification.isTrainable, to: info)
        }
    }
}

@_cdecl("chainrule_model_summary") @implementation
public func chainrule_model_summary(
    _ model: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_model_summary") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try putText(try model.withReadLock { model.summary }, buffer, capacity, length)
    }
}
