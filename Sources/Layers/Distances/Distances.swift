// How near two vectors are: the cosine of their angle, and the p-norm of their difference.

import Tensors

struct CosineSimilarity: CompositeLayer {
    static let kind = "cosine_similarity"
    static let className: String? = "CosineSimilarity"
    static let documentation = "sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) along dim"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), default: "1", "the dimension of the vectors; the batch is 0"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-08", "lengths count as no less"),
    ]
    static let inputCount = 2...2
    static let inputRoles = ["x1", "x2"]

    let dimension: Int
    let eps: Double
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        eps = attributes.real("eps")
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let shape = try Shape.broadcast(graph.shape(inputs[0]), graph.shape(inputs[1]))
        let axis = try shape.axis(dimension, what: "cosine_similarity's dim") - shape.rank
        var unit: [Int] = []
        for input in inputs {
            let own = graph.shape(input)
            guard own.rank >= -axis, own[own.rank + axis] == shape[shape.rank + axis] else {
                throw ChainruleError(
                    .shape, "cosine_similarity's inputs", expected: "equal sizes along dim",
                    got: "\(graph.shape(inputs[0])) and \(graph.shape(inputs[1]))")
            }
            let length = try graph.add("clip", "min=\(eps)", [try graph.add("norm", "dim=\(axis) keepdim=true", [input])])
            unit.append(try graph.add("div", "", [input, length]))
        }
        return [try graph.add("sum", "dim=\(axis)", [try graph.add("mul", "", unit)])]
    }
}

struct PairwiseDistance: CompositeLayer {
    static let kind = "pairwise_distance"
    static let className: String? = "PairwiseDistance"
    static let documentation = "the p-norm of x1 - x2 + eps over the last dimension"
    static let attributes = [
        AttributeSpecification("p", .text, default: "2", "a number, inf or -inf"),
        AttributeSpecification("eps", .real(.finite), default: "1e-06", "added to the difference, so that it is not 0"),
        AttributeSpecification("keepdim", .boolean, default: "false", "leaves the last dimension with size 1"),
    ]
    static let inputCount = 2...2
    static let inputRoles = ["x1", "x2"]

    let power: String
    let eps: Double
    let keepsDimension: Bool
    init(_ attributes: Attributes) throws(ChainruleError) {
        power = attributes.text("p")
        _ = try Norm.power(power, "pairwise_distance's p")
        eps = attributes.real("eps")
        keepsDimension = attributes.boolean("keepdim")
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let difference = try graph.add("add", "value=\(eps)", [try graph.add("sub", "", inputs)])
        return [try graph.add("norm", "p=\(power) dim=-1 keepdim=\(keepsDimension)", [difference])]
    }
}
