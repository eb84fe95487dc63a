// Softmax of the negative input, and softmax over the channels of images.

import Tensors

struct Softmin: CompositeLayer {
    static let kind = "softmin"
    static let className: String? = "Softmin"
    static let documentation = "exp(-x) / sum(exp(-x)) along dim"
    static let attributes = [AttributeSpecification("dim", .integer(.any), default: "-1", "the dimension summed over; the batch is 0")]
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        [try graph.add("softmax", "dim=\(dimension)", [try graph.add("neg", "", inputs)])]
    }
}

struct Softmax2d: CompositeLayer {
    static let kind = "softmax2d"
    static let className: String? = "Softmax2d"
    static let documentation = "softmax over the channels of [batch, channels, height, width]"
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let shape = graph.shape(inputs[0])
        guard shape.rank == 4 || (shape.rank == 3 && !shape.isBatched) else {
            throw ChainruleError(.shape, "softmax2d's input", expected: "[batch, channels, height, width]", got: "\(shape)")
        }
        return [try graph.add("softmax", "dim=-3", inputs)]
    }
}
