// Arrays one behind the other along a dimension.

import Tensors

struct Concat: Layer {
    static let kind = "concat"
    static let passesIntegers = true
    static let documentation = "the inputs one behind the other along dim; other sizes are equal"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), default: "0", "the dimension; the batch is 0")
    ]
    static let inputCount = 1...Int.max

    let dimension: Int

    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "concat's dim")
        var sizes = inputs[0].dimensions
        guard sizes[axis] != Shape.batch else {
            throw ChainruleError(.attribute, "concat's dim", expected: "1 or more, so that the batch stays", got: "\(dimension)")
        }
        for input in inputs.dropFirst() {
            guard input.rank == sizes.count,
                (0..<sizes.count).allSatisfy({ $0 == axis ? input[$0] != Shape.batch : input[$0] == sizes[$0] })
            else {
                throw ChainruleError(
                    .shape, "concat's inputs", expected: "shapes equal to \(inputs[0]) but for dimension \(axis)", got: "\(input)")
            }
            let (sum, overflow) = sizes[axis].addingReportingOverflow(input[axis])
            guard !overflow else {
                throw ChainruleError(.shape, "concat's sizes", expected: "a sum that fits memory", got: "an overflow")
            }
            sizes[axis] = sum
        }
        return [Shape(sizes)]
    }

    func forward(_ emit: Emitter) {
        forEachPart(emit) { index, offset, strides in
            let shape = emit.inputShapes[index]
            emit.program.copyStrided(
                emit.input(index), strides: shape.strides, into: emit.output(), strides: strides, toOffset: offset,
                sizes: shape.dimensions)
        }
    }

    func backward(_ emit: Emitter) {
        forEachPart(emit) { index, offset, strides in
            guard emit.needsInputGradient(index) else { return }
            let shape = emit.inputShapes[index]
            emit.program.copyStrided(
                emit.outputGradient(), strides: strides, offset: offset, into: emit.inputGradient(index),
                strides: shape.strides, sizes: shape.dimensions)
        }
    }

    private func forEachPart(_ emit: Emitter, _ body: (_ index: Int, _ offset: Int, _ strides: [Int]) -> Void) {
        guard let axis = try? emit.outputShapes[0].axis(dimension) else { return }
        let strides = emit.outputShapes[0].strides
        var offset = 0
        for index in emit.inputShapes.indices {
            body(index, offset, strides)
            offset += emit.inputShapes[index][axis] * strides[axis]
        }
    }
}
