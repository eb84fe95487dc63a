// Whole numbers as rows of zeros with a one at the number's place.

import KernelInterface
import Tensors

struct OneHot: Layer {
    static let kind = "one_hot"
    static let documentation = "for each whole number num_classes real numbers, 1 at its place and 0 elsewhere"
    static let attributes = [AttributeSpecification("num_classes", .integer(.sizes), "how many there are; the numbers are less")]
    static let integerInputs: Set<String> = ["input"]

    let classes: Int
    init(_ attributes: Attributes) throws(ChainruleError) { classes = attributes.integer("num_classes") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [Shape(inputs[0].dimensions + [classes])] }

    func forward(_ emit: Emitter) {
        let count = emit.inputShapes[0].elementCount
        let indices = emit.indices(0, limit: classes)
        var walk = IndexWalk([count, classes], axis: 1, index: [count, 1])
        walk.other = [0, 0]
        emit.program.fill(emit.output(), with: 0, count: count * classes)
        emit.program.scatter(walk, nil, number: 1, indices: indices, into: emit.output(), adds: false)
    }

    func backward(_ emit: Emitter) {}
}
