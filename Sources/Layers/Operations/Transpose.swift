// Two dimensions change places.

import Tensors

struct Transpose: Layer {
    static let kind = "transpose"
    static let passesIntegers = true
    static let documentation = "dimensions dim0 and dim1 change places; the batch (dimension 0) stays"
    static let attributes = [
        AttributeSpecification("dim0", .integer(.any), default: "-2", "one dimension"),
        AttributeSpecification("dim1", .integer(.any), default: "-1", "the other"),
    ]

    let first: Int
    let second: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        first = attributes.integer("dim0")
        second = attributes.integer("dim1")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let a = try inputs[0].axis(first, what: "transpose's dim0")
        let b = try inputs[0].axis(second, what: "transpose's dim1")
        guard !inputs[0].isBatched || a == b || (a > 0 && b > 0) else {
            throw ChainruleError(.attribute, "transpose's dimensions", expected: "the batch (0) to stay first", got: "\(a) and \(b)")
        }
        var sizes = inputs[0].dimensions
        sizes.swapAt(a, b)
        return [Shape(sizes)]
    }

    func forward(_ emit: Emitter) { copy(emit, from: emit.input(), emit.inputShapes[0], into: emit.output()) }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        copy(emit, from: emit.outputGradient(), emit.outputShapes[0], into: emit.inputGradient())
    }

    private func copy(_ emit: Emitter, from x: Value, _ shape: Shape, into y: Value) {
        guard let a = try? shape.axis(first), let b = try? shape.axis(second) else { return }
        var strides = shape.strides
        strides.swapAt(a, b)
        var sizes = shape.dimensions
        sizes.swapAt(a, b)
        emit.program.copyStrided(x, strides: strides, into: y, strides: Shape(sizes).strides, sizes: sizes)
    }
}
