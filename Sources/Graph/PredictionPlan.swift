// The forward pass made for one batch size, and the short way through it: a call whose arrays look as the plan expects them
// is recognised by comparing a few words.

import KernelInterface
import Layers
import Tensors

/// One of the caller's arrays, contiguous and with an address, not looked at any further.
public struct PlainArray {
    let data: UnsafeMutableRawPointer
    let type: DataType
    let rank: Int
    /// Borrowed.
    let shape: UnsafePointer<Int64>

    public init(data: UnsafeMutableRawPointer, type: DataType, rank: Int, shape: UnsafePointer<Int64>) {
        self.data = data
        self.type = type
        self.rank = rank
        self.shape = shape
    }
}

final class PredictionPlan {
    let batch: Int
    let plan: Plan
    let outputs: [Value]
    let outputShapes: [Shape]
    /// Whether the plan writes output i where the caller wants it, without a copy.
    let writesOutput: [Bool]
    /// What the plan reads and doesn't compute, each behind what it is made of.
    let kept: [KeptResult]
    /// The model's count of writes that they were asked for after.
    private var version: UInt64?
    /// Nothing is to be looked at before results are the caller's.
    let isQuick: Bool
    private let inputCount: Int
    private let arrayCount: Int
    /// Inputs, then outputs.
    private let expected: UnsafeMutablePointer<(array: ExpectedArray, type: DataType, byteCount: Int)>

    init(_ model: Model, _ builder: PlanBuilder, batch: Int, writesOutput: [Bool]) throws(ChainruleError) {
        self.batch = batch
        var kept: [KeptResult] = []
        builder.program.keeper = { operation, program in
            guard let result = model.keptResults.result(of: operation, in: program, model, earlier: kept) else { return nil }
            kept.append(result)
            return result.storage.pointer
        }
        defer { builder.program.keeper = nil }
        plan = try Plan(builder.program)
        self.kept = kept
        outputs = model.outputs.indices.map { builder.output($0) }
        outputShapes = model.outputs.indices.map { builder.outputShape($0) }
        self.writesOutput = writesOutput
        isQuick = !plan.checksIndices && plan.customWorks.isEmpty
        let arrays = builder.expectedInputs() + model.outputs.indices.map {
            ExpectedArray(builder.outputShape($0), kind: model.nodes[model.outputs[$0]].outputKinds[0])
        }
        inputCount = arrays.count - outputs.count
        arrayCount = arrays.count
        expected = .allocate(capacity: max(arrayCount, 1))
        for (index, array) in arrays.enumerated() {
            let type = array.isReal ? model.type : model.storageType(.integer)
            (expected + index).initialize(to: (array, type, array.elementCount * type.size))
        }
    }

    deinit { expected.deallocate() }

    /// Has what the plan keeps computed again, if parameters were written since. The caller reads the model.
    @inline(__always)
    func refresh(_ model: Model, _ executor: Executor) {
        guard version != model.lock.writes, !kept.isEmpty else { return }
        executor.refresh(self)
        version = model.lock.writes
    }

    /// Whether arrays, inputs and then outputs, can be used as they are.
    @inline(__always)
    func fits(_ arrays: UnsafePointer<PlainArray>, _ count: Int) -> Bool {
        guard isQuick, count == arrayCount else { return false }
        for index in 0..<arrayCount {
            let own = expected + index
            guard arrays[index].rank == own.pointee.array.rank, arrays[index].type == own.pointee.type else { return false }
            for dimension in 0..<arrays[index].rank {
                guard arrays[index].shape[dimension] == Int64(own.pointee.array.shape[dimension]) else { return false }
            }
        }
        for output in inputCount..<arrayCount {
            let begin = arrays[output].data
            for other in 0..<output where begin < arrays[other].data + expected[other].byteCount
                && arrays[other].data < begin + expected[output].byteCount
            {
                return false
            }
        }
        return true
    }

    /// Points the plan at such arrays.
    @inline(__always)
    func point(_ arrays: UnsafePointer<PlainArray>) {
        for index in 0..<arrayCount { plan.setExternal(index, arrays[index].data) }
    }

    /// Copies the outputs that the plan keeps in places of its own.
    func copyOutputs(_ arrays: UnsafePointer<PlainArray>, from executor: Executor) {
        for (slot, output) in outputs.enumerated() where !writesOutput[slot] {
            guard let result = executor.address(output, in: plan) else { continue }
            arrays[inputCount + slot].data.copyMemory(from: result, byteCount: expected[inputCount + slot].byteCount)
        }
    }
}
