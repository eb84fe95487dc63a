// Part of a dimension: start, end and step as in Python; or one element of it, by its index. As in NumPy a range
// is cut at the dimension's ends, while an index beyond them is an error.

import Tensors

struct Slice: Layer {
    static let kind = "slice"
    static let passesIntegers = true
    static let documentation = "elements start, start+step, ... before end of dimension dim, or its one element index without the dimension; negative numbers count from the end; a negative step goes backwards, from the last element to the first"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), default: "1", "the dimension; the batch is 0"),
        AttributeSpecification("start", .integer(.any), optional: true, "first index; without it where the step begins"),
        AttributeSpecification("end", .integer(.any), optional: true, "one past the last index; without it where the step ends"),
        AttributeSpecification("step", .integer(-(1 << 40)...(1 << 40)), default: "1", "distance; not 0"),
        AttributeSpecification("index", .integer(.any), optional: true, "instead of the others: the one element"),
    ]

    let dimension: Int
    let start: Int?
    let end: Int?
    let step: Int
    let index: Int?

    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        start = attributes.has("start") ? attributes.integer("start") : nil
        end = attributes.has("end") ? attributes.integer("end") : nil
        step = attributes.integer("step")
        index = attributes.has("index") ? attributes.integer("index") : nil
        guard step != 0 else { throw ChainruleError(.attribute, "slice's step", expected: "a number that is not 0", got: "0") }
        guard index == nil || (start == nil && end == nil && step == 1) else {
            throw ChainruleError(
                .attribute, "slice's index", expected: "index alone, or start, end and step", got: "\"\(attributes.text)\"")
        }
    }

    /// First index and number of elements.
    private func range(_ size: Int) -> (first: Int, count: Int) {
        if let index { return (index < 0 ? index + size : index, 1) }
        // Backwards the ends are the last element and the place before the first.
        let (least, most) = step > 0 ? (0, size) : (-1, size - 1)
        func place(_ index: Int) -> Int {
            if index >= 0 { return min(index, most) }
            return index < -size ? least : index + size
        }
        let first = start.map(place) ?? (step > 0 ? least : most)
        let last = end.map(place) ?? (step > 0 ? most : least)
        let distance = step > 0 ? last - first : first - last
        return (distance > 0 ? first : 0, distance > 0 ? (distance - 1) / abs(step) + 1 : 0)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "slice's dim")
        var sizes = inputs[0].dimensions
        guard sizes[axis] != Shape.batch else {
            throw ChainruleError(.attribute, "slice's dim", expected: "1 or more, so that the batch stays", got: "\(dimension)")
        }
        if let index {
            let size = sizes.remove(at: axis)
            guard index >= -size, index < size else {
                throw ChainruleError(
                    .attribute, "slice's index", expected: size == 0 ? "a dimension with elements" : "\(-size) to \(size - 1)",
                    got: "\(index) in \(inputs[0])")
            }
            return [Shape(sizes)]
        }
        sizes[axis] = range(sizes[axis]).count
        return [Shape(sizes)]
    }

    func forward(_ emit: Emitter) {
        let (strides, offset) = walk(emit)
        emit.program.copyStrided(
            emit.input(), strides: strides, offset: offset, into: emit.output(), strides: emit.outputShapes[0].strides,
            sizes: emit.outputShapes[0].dimensions)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let (strides, offset) = walk(emit)
        let gradient = emit.inputGradient()
        let count = emit.inputShapes[0].elementCount
        if emit.outputShapes[0].elementCount != count { emit.program.fill(gradient, with: 0, count: count) }
        emit.program.copyStrided(
            emit.outputGradient(), strides: emit.outputShapes[0].strides, into: gradient, strides: strides,
            toOffset: offset, sizes: emit.outputShapes[0].dimensions)
    }

    /// Where the elements lie in the input: a stride for each dimension of the output, and the first one's place.
    private func walk(_ emit: Emitter) -> (strides: [Int], offset: Int) {
        let shape = emit.inputShapes[0]
        guard let axis = try? shape.axis(dimension) else { return (shape.strides, 0) }
        var strides = shape.strides
        let offset = range(shape[axis]).first * strides[axis]
        strides[axis] *= max(-max(shape[axis], 1), min(step, max(shape[axis], 1)))
        if index != nil { strides.remove(at: axis) }
        return (strides, offset)
    }
}
