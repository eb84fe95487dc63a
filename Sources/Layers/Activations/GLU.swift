// Gated linear units: the first half along a dimension times a function of the second (Dauphin et al. 2017; the kin:
// Shazeer 2020). As in PyTorch's GLU it is the second half that goes through the function.

import Tensors

struct GLU: GatedUnit {
    static let kind = "glu"
    static let className: String? = "GLU"
    static let documentation = "the first half along dim times sigmoid of the second half (Dauphin et al. 2017)"
    static let gate = "sigmoid"
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct ReGLU: GatedUnit {
    static let kind = "reglu"
    static let className: String? = "ReGLU"
    static let documentation = "the first half along dim times relu of the second half (Shazeer 2020)"
    static let gate = "relu"
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct GEGLU: GatedUnit {
    static let kind = "geglu"
    static let className: String? = "GEGLU"
    static let documentation = "the first half along dim times gelu of the second half (Shazeer 2020)"
    static let gate = "gelu"
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct SwiGLU: GatedUnit {
    static let kind = "swiglu"
    static let className: String? = "SwiGLU"
    static let documentation = "the first half along dim times silu of the second half (Shazeer 2020)"
    static let gate = "silu"
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

protocol GatedUnit: CompositeLayer {
    /// The kind of the second half's function.
    static var gate: String { get }
    var dimension: Int { get }
}

extension GatedUnit {
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("dim", .integer(.any), default: "-1", "the dimension that is halved; its size is even")]
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let shape = graph.shape(inputs[0])
        let axis = try shape.axis(dimension, what: "\(Self.kind)'s dim")
        guard shape[axis] != Shape.batch, shape[axis] % 2 == 0 else {
            throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "an even size of dimension \(axis)", got: "\(shape)")
        }
        let first = try graph.add("slice", "dim=\(axis) end=\(shape[axis] / 2)", inputs)
        let second = try graph.add("slice", "dim=\(axis) start=\(shape[axis] / 2)", inputs)
        return [try graph.add("mul", "", [first, try graph.add(Self.gate, "", [second])])]
    }
}
