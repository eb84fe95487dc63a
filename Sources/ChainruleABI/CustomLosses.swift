// Losses of one's own: a function of values and gradients, or a model composed of operations.

import CChainrule
import Graph
import Layers
import Losses
import Tensors
import Training

private struct LossHost: @unchecked Sendable {
    let kind: String
    let functions: chainrule_loss_definition
    let predictionCount: Int
    let targetCount: Int

    /// What targets it wants for these predictions, and how many losses of each sample it gives.
    func check(_ text: String, _ predictions: [Shape]) throws(ChainruleError) -> CustomLossShapes {
        let targets = try targets(text, predictions)
        guard functions.compose != nil else { return CustomLossShapes(targets: targets, elements: 1) }
        let composed = try compose(text, .float32, predictions, targets)
        let elements = composed.nodes[composed.outputs[0]].outputShape.dimensions.dropFirst().reduce(1, *)
        return CustomLossShapes(targets: targets, elements: elements)
    }

    private func targets(_ text: String, _ predictions: [Shape]) throws(ChainruleError) -> [(shape: Shape, isLabels: Bool)] {
        guard let function = functions.target_shapes else {
            return (0..<targetCount).map { _ in (predictions[0], false) }
        }
        let given = predictions.map { hostArray($0, .float64, nil) }
        var wanted = (0..<targetCount).map { _ in hostArray(predictions[0], .float64, nil) }
        guard text.withCString({ function(functions.user, $0, given, given.count, &wanted, targetCount) }) == 0 else {
            throw ChainruleError(
                .shape, "\(kind)'s predictions", expected: "what its target_shapes accepts",
                got: predictions.map { "\($0)" }.joined(separator: ", "))
        }
        var list: [(shape: Shape, isLabels: Bool)] = []
        for array in wanted {
            let type = DataType(rawValue: Int32(truncatingIfNeeded: array.dtype.rawValue))
            guard let shape = hostShape(array), let type, shape.dimensions.first == predictions[0].dimensions.first,
                !shape.dimensions.dropFirst().contains(where: { $0 < 0 })
            else {
                throw ChainruleError(
                    .shape, "what \(kind)'s target_shapes says", expected: "the predictions' batch first, then sizes of 0 or more; a dtype",
                    got: hostShape(array).map { "\($0)" } ?? "rank \(array.rank)")
            }
            list.append((shape, !type.isReal))
        }
        return list
    }

    func work(_ call: CustomLossCall) -> CustomWork { functions.compose == nil ? evaluation(call) : composition(call) }

    private func evaluation(_ call: CustomLossCall) -> CustomWork {
        let real = call.isDouble ? DataType.float64 : .float32
        let arrays = HostArrays(
            call.predictions.map { hostArray($0, real, nil) } + call.targets.map { hostArray($0.shape, $0.isLabels ? .int32 : real, nil) }
                + [hostArray([call.predictions[0].rank == 0 ? 1 : call.predictions[0][0]], real, nil)]
                + (call.wantsGradients ? call.predictions.map { hostArray($0, real, nil) } : []), call.text)
        return CustomWork(owner: "loss \(kind)") { pointers, _ in
            let list = arrays.filled(pointers)
            let losses = list + predictionCount + targetCount
            return functions.evaluate?(
                functions.user, arrays.text, list, predictionCount, list + predictionCount, targetCount, losses,
                call.wantsGradients ? losses + 1 : nil) == 0
        }
    }

    /// The composed model has activations of its own; its gradient is that of the sum of all losses.
    private func composition(_ call: CustomLossCall) -> CustomWork {
        let real = call.isDouble ? DataType.float64 : .float32
        let rows = call.predictions[0].rank == 0 ? 1 : call.predictions[0][0]
        func view(_ shape: Shape, _ type: DataType) -> ArrayView { ArrayView(nil, type, [rows] + shape.dimensions.dropFirst()) }
        var inputs = call.predictions.map { view($0, real) } + call.targets.map { view($0.shape, $0.isLabels ? .int32 : real) }
        var slopes = call.predictions.map { view($0, real) }
        let context = try? Context(model: try compose(call.text, real, call.predictions, call.targets))
        var losses = ArrayView(nil, real, context.map { $0.model.nodes[$0.model.outputs[0]].outputShape.with(batch: rows).dimensions } ?? [])
        return CustomWork(owner: "loss \(kind)") { pointers, _ in
            for index in inputs.indices { inputs[index].data = pointers[index] }
            guard let context else { return false }
            do throws(ChainruleError) {
                losses.data = pointers[inputs.count]
                try inputs.withUnsafeBufferPointer { (list) throws(ChainruleError) in try context.forward(list, isTraining: false) }
                try context.output(0, to: losses)
                guard call.wantsGradients else { return true }
                try context.backward(nil)
                for index in slopes.indices {
                    slopes[index].data = pointers[inputs.count + 1 + index]
                    try context.inputGradient(index, to: slopes[index])
                }
                return true
            } catch {
                return false
            }
        }
    }

    /// A model of predictions and targets whose output are the losses.
    private func compose(
        _ text: String, _ type: DataType, _ predictions: [Shape], _ targets: [(shape: Shape, isLabels: Bool)]
    ) throws(ChainruleError) -> Model {
        let model = Model(type: type, seed: 0)
        var nodes: [chainrule_node] = []
        for (shape, isLabels) in predictions.map({ ($0, false) }) + targets {
            let sizes = shape.dimensions.dropFirst().map(String.init).joined(separator: ",")
            nodes.append(chainrule_node(try model.add("input", "shape=\(sizes)" + (isLabels ? " dtype=integer" : ""), inputs: [])))
        }
        let own = ModelHandle(model)
        var losses: chainrule_node = -1
        let answer = text.withCString { text in
            nodes.withUnsafeBufferPointer { list in
                withExtendedLifetime(own) {
                    functions.compose?(
                        functions.user, text, OpaquePointer(Unmanaged.passUnretained(own).toOpaque()), list.baseAddress, predictionCount,
                        list.baseAddress.map { $0 + predictionCount }, targetCount, &losses) ?? 1
                }
            }
        }
        guard answer == 0 else {
            throw ChainruleError(.callback, "compose of the loss \(kind)", expected: "0", got: "\(answer)", node: "loss \(kind)")
        }
        try model.setOutputs([Int(losses)])
        let node = model.nodes[model.outputs[0]]
        guard node.outputShape.isBatched, !node.isInteger else {
            throw ChainruleError(
                .shape, "what \(kind) is composed to", expected: "losses, for each sample of the batch one or more",
                got: "\(node.outputShape)\(node.isInteger ? " of whole numbers" : "")", node: "loss \(kind)")
        }
        guard model.isSeparable, !model.parameters.contains(where: \.isTrainable) else {
            throw ChainruleError(
                .invalidArgument, "what \(kind) is composed of", expected: "operations that keep samples apart, and no parameters",
                got: model.isSeparable ? "a parameter" : "some that mixes samples", node: "loss \(kind)")
        }
        return model
    }
}

@_cdecl("chainrule_register_loss") @implementation
public func chainrule_register_loss(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_loss_definition>?
) -> chainrule_status {
    guarded("chainrule_register_loss") { () throws(ChainruleError) in
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        let functions = given.pointee
        let own = try Registration(
            kind, attributes: functions.attributes, documentation: functions.documentation, reserved: LossCatalog.commonAttributes)
        guard (functions.evaluate == nil) != (functions.compose == nil) else {
            throw ChainruleError(
                .invalidArgument, "definition->evaluate and ->compose", expected: "one of them",
                got: functions.evaluate == nil ? "NULL and NULL" : "both")
        }
        let isDefault = functions.predictions == 0 && functions.targets == 0
        let predictions = isDefault ? 1 : Int(functions.predictions)
        let targets = isDefault ? 1 : Int(functions.targets)
        let most = CustomLossDefinition.maximumArrays
        guard (1...most).contains(predictions), (0...most).contains(targets) else {
            throw ChainruleError(
                .invalidArgument, "definition->predictions and ->targets", expected: "1 to \(most) and 0 to \(most)",
                got: "\(predictions) and \(targets)")
        }
        let host = LossHost(kind: own.kind, functions: functions, predictionCount: predictions, targetCount: targets)
        let made = CustomLossDefinition(
            kind: own.kind, attributes: own.attributes, predictionCount: predictions, targetCount: targets,
            check: { (text, shapes) throws(ChainruleError) in try host.check(text, shapes) }, work: { host.work($0) })
        try LossCatalog.registry.add(
            CatalogKind(
                kind: own.kind, attributes: own.attributes + LossCatalog.commonAttributes,
                documentation: LossCatalog.documentation(
                    own.documentation, predictions: CustomLoss.roles("input", predictions),
                    targets: CustomLoss.roles("target", targets).map { TargetRole($0, .either) })
            ) { CustomLoss(made, $0) }, taken: LossCatalog.kinds)
    }
}

@_cdecl("chainrule_check_loss_gradients") @implementation
public func chainrule_check_loss_gradients(
    _ loss: OpaquePointer?, _ prediction: UnsafePointer<chainrule_array>?, _ target: UnsafePointer<chainrule_array>?,
    _ tolerance: Double, _ worst: UnsafeMutablePointer<Double>?
) -> chainrule_status {
    guarded("chainrule_check_loss_gradients") { () throws(ChainruleError) in
        let loss = try object(loss, "loss", LossEvaluator.self)
        try checkTolerance(tolerance)
        let found = try loss.checkGradients(
            predictions: try viewList(prediction, loss.predictionCount, "prediction"),
            targets: try viewList(target, loss.targetCount, "target"))
        try found.require(tolerance)
        worst?.pointee = found.error
    }
}
