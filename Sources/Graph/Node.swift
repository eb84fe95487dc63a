// A node of a model: a layer with its inputs, shapes and parameters.

import Layers
import Tensors

public struct Node: Sendable {
    public let name: String
    public let kind: String
    /// As written, for saving.
    public let attributeText: String
    public let layer: any Layer
    public let inputs: [Int]
    public let inputShapes: [Shape]
    public let outputShapes: [Shape]
    public let outputKinds: [ElementKind]
    /// Indices into the model's parameters.
    public let parameters: [Int]
    /// Which of the model's inputs this is.
    public let inputIndex: Int?
    /// This node is nothing but its input's output of this number.
    public let selectedOutput: Int?

    public var outputShape: Shape { outputShapes[0] }
    public var isInteger: Bool { outputKinds[0] == .integer }
}

/// What a caller added: one node, or the nodes of a composite.
public struct Entry: Sendable {
    public let name: String
    public let kind: String
    /// As written, for saving.
    public let attributeText: String
    /// The caller's numbers of its inputs.
    public let inputs: [Int]
    public let nodes: Range<Int>
    /// The caller's number of its first output.
    public let first: Int
    public let outputShapes: [Shape]
}

/// A tensor that the model owns: trainable or constant.
public struct Parameter: Sendable {
    /// "0.weight"
    public let name: String
    /// The layer's own name for it: "weight".
    public let localName: String
    public let node: Int
    public let specification: ParameterSpecification
    /// Bytes from the start of the model's block.
    public internal(set) var offset = 0
    /// Of a sparse one: bytes from the start of the block of rows.
    public internal(set) var rowsOffset = 0

    public var isTrainable: Bool { specification.isTrainable }
    public var shape: Shape { specification.shape }
    public var elementCount: Int { specification.shape.elementCount }

    /// How the stored elements look from outside: for a transposed matrix, the strides are swapped.
    public func view(_ base: UnsafeMutableRawPointer, _ type: DataType) -> ArrayView {
        var view = ArrayView(base + offset, type, specification.shape.dimensions)
        if specification.isTransposed && view.rank == 2 {
            view.strides[0] = type.size
            view.strides[1] = type.size * view.shape[0]
        }
        return view
    }
}
