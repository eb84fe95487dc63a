// Dimensions of size 1 come and go: nothing is computed or copied.

import Tensors

struct Squeeze: ViewLayer {
    static let kind = "squeeze"
    static let documentation = "without the dimensions dim of size 1 (all of size 1 but the batch, if none is named); others stay"
    static let attributes = [AttributeSpecification("dim", .integers, default: "", "the dimensions; the batch is 0 and stays")]

    let dimensions: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) { dimensions = attributes.integers("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let shape = inputs[0]
        var dropped: [Int] = []
        for dimension in dimensions { dropped.append(try shape.axis(dimension, what: "squeeze's dim")) }
        if dimensions.isEmpty { dropped = Array(0..<shape.rank) }
        return [Shape(shape.dimensions.indices.filter { shape[$0] != 1 || !dropped.contains($0) }.map { shape[$0] })]
    }
}

struct Unsqueeze: ViewLayer {
    static let kind = "unsqueeze"
    static let documentation = "with one more dimension, of size 1, at dim; the batch stays dimension 0"
    static let attributes = [AttributeSpecification("dim", .integer(.any), "where the new dimension stands")]

    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let rank = inputs[0].rank
        guard dimension >= -rank - 1, dimension <= rank else {
            throw ChainruleError(.attribute, "unsqueeze's dim", expected: "\(-rank - 1) to \(rank)", got: "\(dimension)")
        }
        let place = dimension < 0 ? dimension + rank + 1 : dimension
        guard place > 0 || !inputs[0].isBatched else {
            throw ChainruleError(.attribute, "unsqueeze's dim", expected: "1 or more, so that the batch stays first", got: "\(dimension)")
        }
        var sizes = inputs[0].dimensions
        sizes.insert(1, at: place)
        return [Shape(sizes)]
    }
}
