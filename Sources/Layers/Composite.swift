// A layer that is made of others: it adds nodes to the graph and computes nothing itself. A transformer
// layer is one, and so is a model used as a layer.

import Tensors

public protocol CompositeLayer: LayerDescription {
    /// Adds its nodes; returns those of its outputs, as many as `outputRoles`.
    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int]
}

/// A composite's view of the model while it adds its nodes.
public protocol GraphBuilding: AnyObject {
    /// Adds a node and returns the nodes of its outputs. Its name, and the first part of its parameters'
    /// names, is that of the composite, a dot, and `name`; without a name it must have no parameters.
    func add(_ kind: String, _ attributes: String, _ inputs: [Int], name: String?) throws(ChainruleError) -> [Int]
    /// A node's shape, with the open batch.
    func shape(_ node: Int) -> Shape
}

extension GraphBuilding {
    public func add(_ kind: String, _ attributes: String = "", _ inputs: [Int]) throws(ChainruleError) -> Int {
        try add(kind, attributes, inputs, name: nil)[0]
    }
    public func add(_ kind: String, _ attributes: String = "", _ input: Int, name: String) throws(ChainruleError) -> Int {
        try add(kind, attributes, [input], name: name)[0]
    }
}
