// Several arrays as one with a new dimension, and one piece of an array that is cut along a dimension.

import Tensors

struct Stack: CompositeLayer {
    static let kind = "stack"
    static let documentation = "inputs of one shape side by side in a new dimension dim; the batch stays dimension 0"
    static let attributes = [AttributeSpecification("dim", .integer(.any), default: "1", "where the new dimension stands")]
    static let inputCount = 1...Int.max

    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let shape = graph.shape(inputs[0])
        for input in inputs where graph.shape(input) != shape {
            throw ChainruleError(.shape, "stack's inputs", expected: "equal shapes, \(shape)", got: "\(graph.shape(input))")
        }
        var parts: [Int] = []
        for input in inputs { parts.append(try graph.add("unsqueeze", "dim=\(dimension)", [input])) }
        return [try graph.add("concat", "dim=\(dimension)", parts)]
    }
}

struct Chunk: CompositeLayer {
    static let kind = "chunk"
    static let documentation = "piece index of chunks pieces along dim, all of equal size but perhaps the last (PyTorch's chunk)"
    static let attributes = [
        AttributeSpecification("chunks", .integer(.sizes), "into how many pieces"),
        AttributeSpecification("dim", .integer(.any), default: "1", "the dimension; not the batch"),
        AttributeSpecification("index", .integer(0...(1 << 40)), default: "0", "which piece, from 0"),
    ]

    let chunks: Int
    let dimension: Int
    let index: Int
    init(_ attributes: Attributes) throws(ChainruleError) {
        chunks = attributes.integer("chunks")
        dimension = attributes.integer("dim")
        index = attributes.integer("index")
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let (axis, size) = try cutSize(graph.shape(inputs[0]), dimension, Self.kind)
        let length = max((size + chunks - 1) / chunks, 1)
        let count = max((size + length - 1) / length, 1)
        guard index < count else {
            throw ChainruleError(.attribute, "chunk's index", expected: "0 to \(count - 1)", got: "\(index)")
        }
        return [try graph.add("slice", "dim=\(axis) start=\(index * length) end=\(min((index + 1) * length, size))", inputs)]
    }
}

struct Split: CompositeLayer {
    static let kind = "split"
    static let documentation = "piece index of an array cut along dim into pieces of split_size_or_sections (PyTorch's split)"
    static let attributes = [
        AttributeSpecification("split_size_or_sections", .integers, "the size of all pieces but perhaps the last, or the size of each"),
        AttributeSpecification("dim", .integer(.any), default: "1", "the dimension; not the batch"),
        AttributeSpecification("index", .integer(0...(1 << 40)), default: "0", "which piece, from 0"),
    ]

    let sizes: [Int]
    let dimension: Int
    let index: Int
    init(_ attributes: Attributes) throws(ChainruleError) {
        sizes = attributes.integers("split_size_or_sections")
        dimension = attributes.integer("dim")
        index = attributes.integer("index")
        guard !sizes.isEmpty, sizes.allSatisfy({ $0 >= 0 && $0 <= 1 << 40 }), sizes.count > 1 || sizes[0] > 0 else {
            throw ChainruleError(
                .attribute, "split's split_size_or_sections", expected: "one size of 1 or more, or several of 0 or more", got: "\(sizes)")
        }
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let (axis, size) = try cutSize(graph.shape(inputs[0]), dimension, Self.kind)
        var start = 0
        var length = sizes.count == 1 ? sizes[0] : 0
        var count = sizes.count
        if sizes.count == 1 {
            count = max((size + length - 1) / length, 1)
        } else {
            guard sizes.reduce(0, +) == size else {
                throw ChainruleError(
                    .shape, "split's split_size_or_sections", expected: "a sum of \(size), the size of dimension \(axis)", got: "\(sizes)")
            }
        }
        guard index < count else {
            throw ChainruleError(.attribute, "split's index", expected: "0 to \(count - 1)", got: "\(index)")
        }
        if sizes.count == 1 {
            start = index * length
        } else {
            start = sizes[..<index].reduce(0, +)
            length = sizes[index]
        }
        return [try graph.add("slice", "dim=\(axis) start=\(start) end=\(min(start + length, size))", inputs)]
    }
}

/// The dimension that is cut, and its size.
private func cutSize(_ shape: Shape, _ dimension: Int, _ kind: String) throws(ChainruleError) -> (axis: Int, size: Int) {
    let axis = try shape.axis(dimension, what: "\(kind)'s dim")
    guard shape[axis] != Shape.batch else {
        throw ChainruleError(.attribute, "\(kind)'s dim", expected: "1 or more, so that the batch stays", got: "\(dimension)")
    }
    return (axis, shape[axis])
}
