// Layers of one's own: the host's functions behind the core's view of a layer.

import CChainrule
import Graph
import Layers
import Tensors
import Training

/// The host's functions with what they are handed.
private struct Host: @unchecked Sendable {
    let functions: chainrule_layer_definition

    func outputShape(_ text: String, _ inputs: [Shape]) -> Shape? {
        guard let function = functions.output_shape else { return inputs.first ?? [] }
        let arrays = inputs.map { hostArray($0, .float64, nil) }
        var output = hostArray([], .float64, nil)
        let answer = text.withCString { function(functions.user, $0, arrays, arrays.count, &output) }
        return answer == 0 ? hostShape(output) : nil
    }

    func forward(_ shapes: CustomShapes) -> CustomWork {
        let own = arrays(shapes.inputs + [shapes.output], shapes)
        let count = shapes.inputs.count
        return CustomWork { pointers, _ in
            let arrays = own.filled(pointers)
            return functions.forward?(functions.user, own.text, arrays, count, arrays + count, shapes.isTraining ? 1 : 0) == 0
        }
    }

    func backward(_ shapes: CustomShapes, _ wanted: [Bool]) -> CustomWork {
        let own = arrays(shapes.inputs + [shapes.output, shapes.output] + shapes.inputs, shapes)
        let count = shapes.inputs.count
        return CustomWork { pointers, _ in
            let arrays = own.filled(pointers)
            for (index, isWanted) in wanted.enumerated() where !isWanted { (arrays + count + 2 + index).pointee.data = nil }
            return functions.backward?(
                functions.user, own.text, arrays, count, arrays + count, arrays + count + 1, arrays + count + 2) == 0
        }
    }

    private func arrays(_ list: [Shape], _ shapes: CustomShapes) -> HostArrays {
        HostArrays(list.map { hostArray($0, shapes.isDouble ? .float64 : .float32, nil) }, shapes.attributes)
    }
}

@_cdecl("chainrule_register_layer") @implementation
public func chainrule_register_layer(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_layer_definition>?
) -> chainrule_status {
    guarded("chainrule_register_layer") { () throws(ChainruleError) in
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        let functions = given.pointee
        let own = try Registration(
            kind, attributes: functions.attributes, documentation: functions.documentation, reserved: [LayerCatalog.nameAttribute])
        guard functions.forward != nil else { throw missing("definition->forward") }
        let isDefault = functions.least_inputs == 0 && functions.most_inputs == 0
        let least = isDefault ? 1 : Int(functions.least_inputs)
        let most = isDefault ? 1 : Int(functions.most_inputs)
        guard least >= 0, most >= least, most <= CustomCatalog.maximumInputs else {
            throw ChainruleError(
                .invalidArgument, "definition->least_inputs and ->most_inputs",
                expected: "0 to \(CustomCatalog.maximumInputs), in this order", got: "\(least) and \(most)")
        }
        let host = Host(functions: functions)
        var made = CustomDefinition(
            kind: own.kind, attributes: own.attributes, documentation: own.documentation, inputCount: least...most,
            mixesSamples: functions.mixes_samples != 0, outputShape: { host.outputShape($0, $1) },
            forward: { host.forward($0) }, backward: nil)
        if functions.backward != nil { made.backward = { host.backward($0, $1) } }
        try CustomCatalog.registry.add(made, taken: LayerCatalog.kinds)
    }
}

@_cdecl("chainrule_check_gradients") @implementation
public func chainrule_check_gradients(
    _ model: OpaquePointer?, _ inputs: UnsafePointer<chainrule_array>?, _ tolerance: Double,
    _ worst: UnsafeMutablePointer<Double>?
) -> chainrule_status {
    guarded("chainrule_check_gradients") { () throws(ChainruleError) in
        let model = try modelHandle(model).model
        try checkTolerance(tolerance)
        try model.prepare()
        try withViews(inputs, model.inputs.count, "inputs") { (views) throws(ChainruleError) in
            try exclusively(model) { () throws(ChainruleError) in
                let found = try GradientCheck(model, Array(views)).run()
                try found.require(tolerance)
                worst?.pointee = found.error
            }
        }
    }
}

func checkTolerance(_ tolerance: Double) throws(ChainruleError) {
    guard tolerance >= 0, tolerance.isFinite else {
        throw ChainruleError(.invalidArgument, "argument tolerance", expected: "a finite number of 0 or more", got: "\(tolerance)")
    }
}
