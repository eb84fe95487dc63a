// Metrics and schedules of one's own.

import CChainrule
import Layers
import Optimizers
import Tensors
import Training

private struct MetricHost: @unchecked Sendable {
    let functions: chainrule_metric_definition

    var calls: MetricFunctions {
        MetricFunctions(
            begin: { text in
                var state: UnsafeMutableRawPointer?
                let answer = text.withCString { functions.begin?(functions.user, $0, &state) }
                return answer == 0 ? UInt(bitPattern: state) : nil
            },
            update: { state, batch in
                let real = batch.isDouble ? DataType.float64 : .float32
                var prediction = hostArray(batch.prediction.shape, real, batch.prediction.data)
                var target = hostArray(batch.target.shape, batch.hasLabels ? .int32 : real, batch.target.data)
                let state = UnsafeMutableRawPointer(bitPattern: state)
                guard let weights = batch.weights else { return functions.update?(state, &prediction, &target, nil) == 0 }
                let shape = batch.prediction.shape
                var weight = hostArray([shape.rank > 0 ? shape[0] : 1], real, weights)
                return functions.update?(state, &prediction, &target, &weight) == 0
            },
            result: { state in
                var value = Double.nan
                return functions.result?(UnsafeMutableRawPointer(bitPattern: state), &value) == 0 ? value : nil
            },
            end: { functions.end?(UnsafeMutableRawPointer(bitPattern: $0)) })
    }
}

@_cdecl("chainrule_register_metric") @implementation
public func chainrule_register_metric(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_metric_definition>?
) -> chainrule_status {
    guarded("chainrule_register_metric") { () throws(ChainruleError) in
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        let functions = given.pointee
        let own = try Registration(
            kind, attributes: functions.attributes, documentation: functions.documentation, reserved: [MetricCatalog.nameAttribute])
        guard functions.begin != nil else { throw missing("definition->begin") }
        guard functions.update != nil else { throw missing("definition->update") }
        guard functions.result != nil else { throw missing("definition->result") }
        let calls = MetricHost(functions: functions).calls
        let isBetter = functions.larger_is_better != 0
        try MetricCatalog.registry.add(
            CatalogKind(kind: own.kind, attributes: own.attributes + [MetricCatalog.nameAttribute], documentation: own.documentation) {
                CustomMetric(name: own.kind, text: $0.text(of: own.attributes), largerIsBetter: isBetter, functions: calls)
            }, taken: MetricCatalog.all.map { $0.kind })
    }
}

private struct ScheduleHost: @unchecked Sendable {
    let functions: chainrule_schedule_definition

    func rate(_ text: String, _ first: Double, _ count: Int, _ monitored: Double) -> Double? {
        var lr = Double.nan
        let answer = text.withCString { functions.rate?(functions.user, $0, first, Int64(count), monitored, &lr) }
        return answer == 0 ? lr : nil
    }
}

@_cdecl("chainrule_register_schedule") @implementation
public func chainrule_register_schedule(
    _ kind: UnsafePointer<CChar>?, _ definition: UnsafePointer<chainrule_schedule_definition>?
) -> chainrule_status {
    guarded("chainrule_register_schedule") { () throws(ChainruleError) in
        let given = try required(definition, "definition")
        try checkSize(given, given.pointee.struct_size, "definition")
        let functions = given.pointee
        let own = try Registration(
            kind, attributes: functions.attributes, documentation: functions.documentation,
            reserved: ScheduleCatalog.commonAttributes)
        guard functions.rate != nil else { throw missing("definition->rate") }
        let host = ScheduleHost(functions: functions)
        let countsSteps = functions.counts_steps != 0
        try ScheduleCatalog.registry.add(
            CatalogKind(
                kind: own.kind, attributes: own.attributes + ScheduleCatalog.commonAttributes, documentation: own.documentation
            ) {
                CustomSchedule(name: own.kind, text: $0.text(of: own.attributes), countsSteps: countsSteps) {
                    host.rate($0, $1, $2, $3)
                }
            }, taken: ScheduleCatalog.all.map { $0.kind })
    }
}
