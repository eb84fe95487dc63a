// Layers of one's own: the host's functions behind the core's view of a layer.

import CChainrule
import Graph
import Layers
import Tensors
import Training

/// An array as the host's functions see it.
private func array(_ shape: Shape, _ type: DataType, _ data: UnsafeMutableRawPointer?) -> chainrule_array {
    var array = chainrule_array()
    array.data = data
    array.dtype = chainrule_dtype(rawValue: chainrule_dtype.RawValue(type.rawValue))
    array.rank = Int32(shape.rank)
    withUnsafeMutableBytes(of: &array.shape) { bytes in
        for (index, size) in shape.dimensions.enumerated() {
            bytes.storeBytes(of: Int64(size), toByteOffset: index * 8, as: Int64.self)
        }
    }
    return array
}

/// The host's functions with what they are handed.
private struct Host: @unchecked Sendable {
    let functions: chainrule_layer_definition

    func outputShape(_ text: String, _ inputs: [Shape]) -> Shape? {
        guard let function = functions.output_shape else { return inputs.first ?? [] }
        let arrays = inputs.map { array($0, .float64, nil) }
        var output = array([], .float64, nil)
        let answer = text.withCString { function(functions.user, $0, arrays, arrays.count, &output) }
        guard answer == 0, output.rank >= 0, output.rank <= Shape.maximumRank else { return nil }
        return withUnsafeBytes(of: output.shape) { bytes in
            Shape(bytes.bindMemory(to: Int64.self).prefix(Int(output.rank)).map(Int.init))
        }
    }

    func forward(_ shapes: CustomShapes) -> CustomWork {
        let templates = Templates(shapes.inputs + [shapes.output], shapes)
        let count = shapes.inputs.count
        return CustomWork { pointers in
            let arrays = templates.filled(pointers)
            return functions.forward?(functions.user, templates.text, arrays, count, arrays + count, shapes.isTraining ? 1 : 0) == 0
        }
    }

    func backward(_ shapes: CustomShapes, _ wanted: [Bool]) -> CustomWork {
        let templates = Templates(shapes.inputs + [shapes.output, shapes.output] + shapes.inputs, shapes)
        let count = shapes.inputs.count
        return CustomWork { pointers in
            let arrays = templates.filled(pointers)
            for (index, isWanted) in wanted.enumerated() where !isWanted { (arrays + count + 2 + index).pointee.data = nil }
            return functions.backward?(
                functions.user, templates.text, arrays, count, arrays + count, arrays + count + 1, arrays + count + 2) == 0
        }
    }
}

/// The arrays of a call, made with the plan, so that running it allocates nothing.
private final class Templates: @unchecked Sendable {
    private let arrays: UnsafeMutablePointer<chainrule_array>
    private let count: Int
    let text: UnsafePointer<CChar>

    init(_ list: [Shape], _ shapes: CustomShapes) {
        count = list.count
        arrays = .allocate(capacity: max(count, 1))
        for (index, shape) in list.enumerated() {
            (arrays + index).initialize(to: array(shape, shapes.isDouble ? .float64 : .float32, nil))
        }
        let bytes = Array(shapes.attributes.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        text = UnsafePointer(copy)
    }

    deinit {
        arrays.deallocate()
        text.deallocate()
    }

    func filled(_ pointers: UnsafePointer<UnsafeMutableRawPointer?>) -> UnsafeMutablePointer<chainrule_array> {
        for index in 0..<count { (arrays + index).pointee.data = pointers[index] }
        return arrays
    }
}

@_cdecl("chainrule_register_layer") @implementation
public func chainrule_register_layer(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_layer_definition>?
) -> chainrule_status {
    guarded("chainrule_register_layer") { () throws(ChainruleError) in
        let kind = try requiredText(kind, "kind")
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        guard CustomCatalog.add(try customDefinition(kind, given.pointee)) else {
            throw ChainruleError(.invalidArgument, "argument kind", expected: "a kind that is free", got: "\"\(kind)\"")
        }
    }
}

private func customDefinition(
    _ kind: String, _ functions: chainrule_layer_definition
) throws(ChainruleError) -> CustomDefinition {
    guard !kind.isEmpty, kind.utf8.count <= 64, kind.utf8.allSatisfy({ isKindCharacter($0) }) else {
        throw ChainruleError(.invalidArgument, "argument kind", expected: "1 to 64 letters a-z, digits or _", got: "\"\(kind)\"")
    }
    guard functions.forward != nil else { throw missing("definition->forward") }
    let isDefault = functions.least_inputs == 0 && functions.most_inputs == 0
    let least = isDefault ? 1 : Int(functions.least_inputs)
    let most = isDefault ? 1 : Int(functions.most_inputs)
    guard least >= 0, most >= least, most <= CustomWork.maximumInputs else {
        throw ChainruleError(
            .invalidArgument, "definition->least_inputs and ->most_inputs",
            expected: "0 to \(CustomWork.maximumInputs), in this order", got: "\(least) and \(most)")
    }
    let documentation = functions.documentation == nil ? "" : try requiredText(functions.documentation, "definition")
    let host = Host(functions: functions)
    var definition = CustomDefinition(
        kind: kind, attributes: try customAttributes(functions), documentation: documentation, inputCount: least...most,
        mixesSamples: functions.mixes_samples != 0, outputShape: { host.outputShape($0, $1) },
        forward: { host.forward($0) }, backward: nil)
    if functions.backward != nil { definition.backward = { host.backward($0, $1) } }
    return definition
}

private func isKindCharacter(_ byte: UInt8) -> Bool {
    (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
        || byte == UInt8(ascii: "_")
}

private func customAttributes(_ functions: chainrule_layer_definition) throws(ChainruleError) -> [AttributeSpecification] {
    var attributes: [AttributeSpecification] = []
    guard functions.attributes != nil else { return attributes }
    for word in try requiredText(functions.attributes, "definition").split(separator: " ") {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, parts[0] != "name", !attributes.contains(where: { $0.name == parts[0] }) else {
            throw ChainruleError(
                .attribute, "definition->attributes", expected: "name=default name=default, each name once", got: "\"\(word)\"")
        }
        attributes.append(AttributeSpecification(parts[0], .text, default: parts[1], ""))
    }
    return attributes
}

@_cdecl("chainrule_check_gradients") @implementation
public func chainrule_check_gradients(
    _ model: OpaquePointer?, _ inputs: UnsafePointer<chainrule_array>?, _ tolerance: Double,
    _ worst: UnsafeMutablePointer<Double>?
) -> chainrule_status {
    guarded("chainrule_check_gradients") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        guard tolerance >= 0, tolerance.isFinite else {
            throw ChainruleError(.invalidArgument, "argument tolerance", expected: "a finite number of 0 or more", got: "\(tolerance)")
        }
        try model.prepare()
        try withViews(inputs, model.inputs.count, "inputs") { (views) throws(ChainruleError) in
            try exclusively(model) { () throws(ChainruleError) in
                let found = try GradientCheck(model, Array(views)).run()
                let allowed = tolerance == 0 ? 1e-6 : tolerance
                guard found.error <= allowed else {
                    throw ChainruleError(
                        .value, "the gradient in \(found.place)", expected: "\(found.numeric), as differences say", got: "\(found.gradient)")
                }
                worst?.pointee = found.error
            }
        }
    }
}
