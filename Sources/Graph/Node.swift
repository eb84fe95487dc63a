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
    public let outputShape: Shape
    /// Indices into the model's parameters.
    public let parameters: [Int]
    /// Which of the model's inputs this is.
    public let inputIndex: Int?
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
