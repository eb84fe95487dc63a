// Dimensions start_dim to end_dim become one.

import Tensors

struct Flatten: ViewLayer {
    static let kind = "flatten"
    static let className: String? = "Flatten"
    static let documentation = "dimensions start_dim to end_dim as one; the batch is dimension 0"
    static let attributes = [
        AttributeSpecification("start_dim", .integer(.any), default: "1", "first of the dimensions"),
        AttributeSpecification("end_dim", .integer(.any), default: "-1", "last of the dimensions"),
    ]

    let start: Int
    let end: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        start = attributes.integer("start_dim")
        end = attributes.integer("end_dim")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        // A batch of single numbers is flat already.
        if input.rank == 1 && start == 1 { return [input] }
        let first = try input.axis(start, what: "flatten's start_dim")
        let last = try input.axis(end, what: "flatten's end_dim")
        guard first <= last else {
            throw ChainruleError(.attribute, "flatten's dimensions", expected: "start_dim <= end_dim", got: "\(first) and \(last)")
        }
        guard !(first == 0 && last > 0 && input.isBatched) else {
            throw ChainruleError(.attribute, "flatten's start_dim", expected: "1 or more, so that the batch stays", got: "\(start)")
        }
        let middle = Shape(Array(input.dimensions[first...last])).elementCount
        let joined = first == last ? input.dimensions[first] : middle
        return [Shape(input.dimensions[..<first] + [joined] + input.dimensions[(last + 1)...])]
    }
}
