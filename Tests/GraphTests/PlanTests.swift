// Plans: what is fused, where values lie, what is kept apart.

import Graph
import KernelDispatch
import Layers
import Tensors
import Testing

private func model(_ lines: [(String, String)], type: DataType = .float32) throws -> Model {
    let model = Model(type: type, seed: 1)
    for (kind, attributes) in lines { _ = try model.add(kind, attributes, inputs: nil) }
    return model
}

private let network = [
    ("input", "shape=20"), ("linear", "out_features=32"), ("tanh", ""), ("linear", "out_features=16"), ("relu", ""),
    ("linear", "out_features=4"),
]

private func request(_ batch: Int, training: Bool) -> PlanRequest {
    var request = PlanRequest(batch: batch)
    request.isTraining = training
    request.keepsResults = training
    return request
}

@Suite struct PlanTests {
    @Test func activationsJoinTheirProducts() throws {
        let builder = try PlanBuilder(model: model(network), request: request(8, training: false))
        #expect(builder.program.operations.count == 5)
        builder.program.fuse()
        #expect(builder.program.operations.count == 3)
    }

    @Test func productsReadTransposes() throws {
        func operations(of texts: [(String, String, [Int])], outputs: [Int]) throws -> Int {
            let own = Model(type: .float32, seed: 1)
            for (kind, attributes, inputs) in texts { _ = try own.add(kind, attributes, inputs: inputs) }
            try own.setOutputs(outputs)
            let builder = try PlanBuilder(model: own, request: request(2, training: false))
            builder.program.fuse()
            return builder.program.operations.count
        }
        let turned = [("input", "shape=20,30", [Int]()), ("input", "shape=20,30", []), ("transpose", "", [1]), ("matmul", "", [0, 2])]
        #expect(try operations(of: turned, outputs: [3]) == 1)
        // Somebody else wants the transpose; more products than two, which would each turn it.
        #expect(try operations(of: turned, outputs: [3, 2]) == 2)
        #expect(try operations(of: turned + [("tanh", "", [2])], outputs: [3, 4]) == 3)
        let three = turned + [("matmul", "", [0, 2]), ("matmul", "", [0, 2])]
        #expect(try operations(of: three, outputs: [3, 4, 5]) == 4)
    }

    @Test func derivativesJoinTheirProducts() throws {
        let own = try model(network)
        let builder = try PlanBuilder(model: own, request: request(8, training: true))
        let seed = builder.external(1, bytes: 8 * 4 * 4)
        builder.appendBackward(seeds: [(own.outputs[0], seed)], wantsInputs: false)
        // Three products forward, three weight gradients, two input gradients, two functions each way.
        #expect(builder.program.operations.count == 12)
        builder.program.fuse()
        #expect(builder.program.operations.count == 8)
    }

    @Test func geluKeepsItsInput() throws {
        let own = try model([("input", "shape=20"), ("linear", "out_features=32"), ("gelu", ""), ("linear", "out_features=4")])
        let builder = try PlanBuilder(model: own, request: request(8, training: true))
        let seed = builder.external(1, bytes: 8 * 4 * 4)
        builder.appendBackward(seeds: [(own.outputs[0], seed)], wantsInputs: false)
        let before = builder.program.operations.count
        builder.program.fuse()
        // The derivative joins the input gradient; the value can't join, since x is needed later.
        #expect(builder.program.operations.count == before - 1)
    }

    @Test func segmentsAreComputedAgain() throws {
        let deep = [("input", "shape=64")] + (0..<8).flatMap { _ in [("linear", "out_features=64"), ("tanh", ""), ("dropout", "")] }
        let own = try model(deep)
        func plan(segments: Int) throws -> (bytes: Int, operations: Int) {
            let builder = try PlanBuilder(model: own, request: request(32, training: true))
            let seed = builder.external(1, bytes: 32 * 64 * 4)
            builder.program.phase = .backward
            builder.appendBackward(seeds: [(own.outputs[0], seed)], wantsInputs: false)
            let plan = try Plan(builder.program, segments: segments)
            return (plan.arenaBytes, builder.program.operations.count)
        }
        let (all, two, four) = (try plan(segments: 1), try plan(segments: 2), try plan(segments: 4))
        #expect(four.bytes < two.bytes && two.bytes < all.bytes)
        // Of 16 operations forward (each tanh has joined its product) nearly half, then more are there twice.
        #expect((6...7).contains(two.operations - all.operations))
        #expect((8...12).contains(four.operations - all.operations))
    }

    @Test func inferenceReusesMemory() throws {
        let deep = [("input", "shape=64")] + (0..<20).flatMap { _ in [("linear", "out_features=64"), ("relu", "")] }
        let own = try model(deep)
        let inference = try Plan(PlanBuilder(model: own, request: request(32, training: false)).program)
        #expect(inference.arenaBytes < 6 * 32 * 64 * 4)
        let builder = try PlanBuilder(model: own, request: request(32, training: true))
        let seed = builder.external(1, bytes: 32 * 64 * 4)
        builder.appendBackward(seeds: [(own.outputs[0], seed)], wantsInputs: false)
        let training = try Plan(builder.program)
        #expect(training.arenaBytes >= 20 * 32 * 64 * 4)
    }

    /// The plan's bits are those of a plan that fuses and shares nothing.
    @Test(arguments: [DataType.float32, .float64]) func fusedAndPlainAgree(type: DataType) throws {
        let own = try model(network, type: type)
        var plainRequest = request(8, training: false)
        plainRequest.keepsEverything = true
        var results: [[UInt8]] = []
        for wanted in [request(8, training: false), plainRequest] {
            let builder = try PlanBuilder(model: own, request: wanted)
            let output = builder.output(0)
            let plan = try Plan(builder.program)
            let executor = try Executor(model: own)
            try executor.bind(plan)
            let input = try Storage(byteCount: 8 * 20 * type.size, what: "input")
            for index in 0..<160 {
                let value = Double(index % 13) / 7 - 1
                if type == .float64 {
                    input.pointer.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
                } else {
                    input.pointer.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
                }
            }
            plan.setExternal(0, input.pointer)
            executor.run(plan, .forward)
            let address = try #require(executor.address(output, in: plan))
            results.append(Array(UnsafeRawBufferPointer(start: address, count: 8 * 4 * type.size)))
            withExtendedLifetime(input) {}
        }
        #expect(results[0] == results[1])
        #expect(results[0].contains { $0 != 0 })
    }
}
