// Models: names, shapes, attributes, what is refused.

import Graph
import Layers
import Tensors
import Testing

@Suite struct ModelTests {
    @Test func namesAreThoseOfSequential() throws {
        let model = Model(type: .float32, seed: 0)
        _ = try model.add("input", "shape=4", inputs: nil)
        _ = try model.add("linear", "out_features=3", inputs: nil)
        _ = try model.add("relu", "", inputs: nil)
        _ = try model.add("linear", "out_features=2 bias=false", inputs: nil)
        #expect(model.parameters.map(\.name) == ["0.weight", "0.bias", "2.weight"])
        #expect(model.parameters.map(\.shape) == [[3, 4], [3], [2, 3]])
    }

    @Test(arguments: [
        ("4,-1", [6, 4], [4, 6]), ("-1", [2, 3], [6]), ("3,2,1", [6], [3, 2, 1]),
    ]) func reshape(text: String, from: [Int], to: [Int]) throws {
        let model = Model(type: .float32, seed: 0)
        _ = try model.add("input", "shape=" + from.map(String.init).joined(separator: ","), inputs: nil)
        _ = try model.add("reshape", "shape=\(text)", inputs: nil)
        #expect(model.nodes[1].outputShape.dimensions == [-1] + to)
    }

    @Test(arguments: [
        ("linear", ""), ("linear", "out_features=0"), ("linear", "out_features=3 out_features=4"),
        ("linear", "out_features=3 width=4"), ("linear", "out_features"), ("linear", "=3"), ("dropout", "p=1.5"),
        ("dropout", "p=nan"), ("hardtanh", "min_val=2 max_val=1"), ("linear", "out_features=3 weight_init=he"),
        ("flatten", "start_dim=4"), ("convolve", ""),
    ]) func refusesWords(kind: String, attributes: String) throws {
        let model = Model(type: .float32, seed: 0)
        _ = try model.add("input", "shape=4", inputs: nil)
        let error = #expect(throws: ChainruleError.self) { _ = try model.add(kind, attributes, inputs: nil) }
        #expect(error?.code == .attribute)
        #expect(error?.expected.isEmpty == false)
        #expect(model.nodes.count == 1)
    }

    @Test func shapesBroadcastAsInNumPy() throws {
        #expect(try Shape.broadcast([-1, 1, 3], [4, 1]) == [-1, 4, 3])
        #expect(try Shape.broadcast([], [2, 2]) == [2, 2])
        #expect(throws: ChainruleError.self) { try Shape.broadcast([2, 3], [4]) }
        #expect(throws: ChainruleError.self) { try Shape([Int.max, 2]).validated(what: "a shape") }
    }

    @Test func valuesDependOnSeedAndPlaceOnly() throws {
        func weights(_ type: DataType, seed: UInt64) throws -> [Double] {
            let model = Model(type: type, seed: seed)
            _ = try model.add("input", "shape=5", inputs: nil)
            _ = try model.add("linear", "out_features=3 weight_init=normal(0,1)", inputs: nil)
            let base = try model.prepare().pointer
            var copy = [Double](repeating: 0, count: 15)
            copy.withUnsafeMutableBytes {
                copyElements(from: model.parameters[0].view(base, type), to: ArrayView($0.baseAddress, .float64, [3, 5]))
            }
            return copy
        }
        let one = try weights(.float64, seed: 1)
        #expect(try weights(.float32, seed: 1) == one.map { Double(Float($0)) })
        #expect(try weights(.float64, seed: 2) != one)
    }
}
