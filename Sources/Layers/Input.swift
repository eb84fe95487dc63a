// Where the caller's data comes in.

import Tensors

public struct Input: Layer {
    public static let kind = "input"
    public static let documentation = "the caller's array; shape without the batch, or the whole shape with batched=false"
    public static let attributes = [
        AttributeSpecification("shape", .integers, "sizes of one sample, such as 3,28,28; empty: one number"),
        AttributeSpecification("batched", .boolean, default: "true", "whether a batch dimension comes before"),
    ]
    public static let inputCount = 0...0

    let shape: Shape

    public init(_ attributes: Attributes) throws(ChainruleError) {
        let sizes = attributes.integers("shape")
        guard sizes.allSatisfy({ $0 >= 0 }) else {
            throw ChainruleError(.attribute, "input's shape", expected: "sizes of 0 or more", got: "\(sizes)")
        }
        shape = Shape(attributes.boolean("batched") ? [Shape.batch] + sizes : sizes)
    }

    public func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [shape] }
    public func forward(_ emit: Emitter) {}
    public func backward(_ emit: Emitter) {}
}
