// Optimizers of one's own.

import CChainrule
import Layers
import Optimizers
import Tensors

private struct OptimizerHost: @unchecked Sendable {
    let kind: String
    let functions: chainrule_optimizer_definition

    func work(_ update: CustomUpdate) -> CustomWork {
        let type = update.isDouble ? DataType.float64 : .float32
        var array = hostArray(update.shape, type, nil)
        if update.isTransposed && update.shape.rank == 2 {
            array.strided = 1
            array.strides.0 = Int64(type.size)
            array.strides.1 = Int64(type.size * update.shape[0])
        }
        let arrays = HostArrays(Array(repeating: array, count: 2 + update.stateCount), update.text)
        return CustomWork(owner: "optimizer \(kind)") { pointers, numbers in
            let list = arrays.filled(pointers)
            return functions.update?(
                functions.user, arrays.text, Int64(numbers[1]), numbers[0], list, list + 1, update.stateCount > 0 ? list + 2 : nil) == 0
        }
    }
}

@_cdecl("chainrule_register_optimizer") @implementation
public func chainrule_register_optimizer(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_optimizer_definition>?
) -> chainrule_status {
    guarded("chainrule_register_optimizer") { () throws(ChainruleError) in
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        let functions = given.pointee
        let own = try Registration(
            kind, attributes: functions.attributes, documentation: functions.documentation, reserved: commonOptimizerAttributes)
        guard functions.update != nil else { throw missing("definition->update") }
        let count = Int(functions.state_count)
        guard (0...CustomOptimizer.maximumState).contains(count) else {
            throw ChainruleError(
                .invalidArgument, "definition->state_count", expected: "0 to \(CustomOptimizer.maximumState)", got: "\(count)")
        }
        let rate = own.attributes.first { $0.name == "lr" }?.defaultText ?? "0.001"
        guard let number = Attributes.number(rate), number >= 0 else {
            throw ChainruleError(.attribute, "definition->attributes", expected: "lr=<a number of 0 or more>", got: "\"lr=\(rate)\"")
        }
        let declared = own.attributes.filter { $0.name != "lr" }
        let host = OptimizerHost(kind: own.kind, functions: functions)
        try OptimizerCatalog.registry.add(
            CatalogKind(kind: own.kind, attributes: [lrAttribute(rate)] + declared, documentation: own.documentation) {
                CustomOptimizer(text: $0.text(of: declared), stateCount: count) { host.work($0) }
            }, taken: OptimizerCatalog.kinds)
    }
}
