// Elements picked along a dimension: by an array of indices for each place, or by one list for all.

import KernelInterface
import Tensors

struct Gather: GatherLayer {
    static let kind = "gather"
    static let documentation = "the element of input with index in place of its coordinate dim, for each element of index; index is nowhere larger than input but along dim"
    static let attributes = [AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0")]
    static let inputRoles = ["input", "index"]
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "gather's dim")
        try Self.checkIndex(inputs[1], inside: inputs[0], axis: axis, kind: Self.kind)
        return [inputs[1]]
    }

    func walk(_ input: Shape, _ index: Shape, _ output: Shape, _ axis: Int) -> IndexWalk {
        IndexWalk(input, axis: axis, index: index)
    }
}

struct TakeAlongAxis: GatherLayer {
    static let kind = "take_along_axis"
    static let documentation = "as gather, but the other dimensions of input and indices broadcast (NumPy's take_along_axis); indices are not negative"
    static let attributes = [AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0")]
    static let inputRoles = ["input", "indices"]
    static let integerInputs: Set<String> = ["indices"]
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "take_along_axis's dim")
        guard inputs[0].rank == inputs[1].rank else {
            throw ChainruleError(.shape, "take_along_axis's indices", expected: "\(inputs[0].rank) dimensions", got: "\(inputs[1])")
        }
        var input = inputs[0]
        input.dimensions[axis] = 1
        var index = inputs[1]
        let length = index[axis]
        index.dimensions[axis] = 1
        var shape = try Shape.broadcast(input, index)
        shape.dimensions[axis] = length
        guard !shape.dimensions.dropFirst().contains(Shape.batch) else {
            throw ChainruleError(.shape, "take_along_axis's indices", expected: "the batch to stay first", got: "\(inputs[1])")
        }
        return [shape]
    }

    func walk(_ input: Shape, _ index: Shape, _ output: Shape, _ axis: Int) -> IndexWalk {
        var walk = IndexWalk(input, axis: axis, index: index)
        walk.sizes = output.dimensions
        walk.index = index.dimensions.indices.map { $0 != axis && index[$0] == 1 ? 0 : index.strides[$0] }
        walk.indexed = input.dimensions.indices.map { $0 == axis || input[$0] == 1 ? 0 : input.strides[$0] }
        walk.other = output.strides
        return walk
    }
}

struct IndexSelect: GatherLayer {
    static let kind = "index_select"
    static let documentation = "the slices of input along dim that index, an array of one dimension, names"
    static let attributes = [AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0")]
    static let inputRoles = ["input", "index"]
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "index_select's dim")
        guard inputs[1].rank == 1, axis == 0 || !inputs[1].isBatched else {
            throw ChainruleError(
                .shape, "index_select's index", expected: axis == 0 ? "one dimension" : "one dimension that is not the batch", got: "\(inputs[1])")
        }
        var shape = inputs[0]
        shape.dimensions[axis] = inputs[1][0]
        return [shape]
    }

    func walk(_ input: Shape, _ index: Shape, _ output: Shape, _ axis: Int) -> IndexWalk {
        var walk = IndexWalk(input, axis: axis, index: output)
        walk.index = output.dimensions.indices.map { $0 == axis ? 1 : 0 }
        return walk
    }
}

protocol GatherLayer: Layer {
    var dimension: Int { get }
    func walk(_ input: Shape, _ index: Shape, _ output: Shape, _ axis: Int) -> IndexWalk
}

extension GatherLayer {
    static var inputCount: ClosedRange<Int> { 2...2 }
    static var integerInputs: Set<String> { ["index"] }

    /// Rank and sizes of an index array that is used inside another.
    static func checkIndex(_ index: Shape, inside shape: Shape, axis: Int, kind: String) throws(ChainruleError) {
        try checkIndexShape(index, inside: shape, axis: axis, what: "\(kind)'s index")
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { inputs[0].isBatched && ((try? inputs[0].axis(dimension)) ?? 0) == 0 }

    private func walk(_ emit: Emitter) -> IndexWalk? {
        guard let axis = try? emit.inputShapes[0].axis(dimension) else { return nil }
        return walk(emit.inputShapes[0], emit.inputShapes[1], emit.outputShapes[0], axis)
    }

    func forward(_ emit: Emitter) {
        guard let walk = walk(emit) else { return }
        let indices = emit.indices(1, limit: walk.limit)
        emit.save("indices", indices)
        // With nothing to choose from every index is wrong, and none may be followed.
        guard walk.limit > 0 else { return emit.program.fill(emit.output(), with: 0, count: walk.count) }
        emit.program.gather(walk, emit.input(), indices: indices, into: emit.output())
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let walk = walk(emit), let indices = emit.saved("indices") else { return }
        let gradient = emit.inputGradient()
        emit.program.fill(gradient, with: 0, count: emit.inputShapes[0].elementCount)
        guard walk.limit > 0 else { return }
        emit.program.scatter(walk, emit.outputGradient(), indices: indices, into: gradient, adds: true)
    }
}

/// The same rank, and nowhere larger but along the dimension; the batch fits only itself.
func checkIndexShape(_ index: Shape, inside shape: Shape, axis: Int?, what: String) throws(ChainruleError) {
    let fits =
        index.rank == shape.rank
        && index.dimensions.indices.allSatisfy {
            $0 == axis || index[$0] == shape[$0] || (index[$0] != Shape.batch && shape[$0] != Shape.batch && index[$0] <= shape[$0])
        }
    guard fits else {
        let but = axis.map { " but along dimension \($0)" } ?? ""
        throw ChainruleError(.shape, what, expected: "a shape nowhere larger than \(shape)\(but)", got: "\(index)")
    }
}
