// Where the caller's data comes in.

import Tensors

public struct Input: Layer {
    public static let kind = "input"
    public static let documentation = "the caller's array; shape without the batch, or the whole shape with batched=false"
    public static let attributes = [
        AttributeSpecification("shape", .integers, "sizes of one sample, such as 3,28,28; empty: one number"),
        AttributeSpecification("batched", .boolean, default: "true", "whether a batch dimension comes before"),
        AttributeSpecification(
            "dtype", .word(["real", "integer"]), default: "real", "real numbers of the model's type, or whole numbers (int32, int64)"),
    ]
    public static let inputCount = 0...0

    let shape: Shape
    let kind: ElementKind

    public init(_ attributes: Attributes) throws(ChainruleError) {
        let sizes = attributes.integers("shape")
        guard sizes.allSatisfy({ $0 >= 0 }) else {
            throw ChainruleError(.attribute, "input's shape", expected: "sizes of 0 or more", got: "\(sizes)")
        }
        kind = attributes.text("dtype") == "integer" ? .integer : .real
        shape = Shape(attributes.boolean("batched") ? [Shape.batch] + sizes : sizes)
    }

    public func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [shape] }
    public func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] { [kind] }
    public func forward(_ emit: Emitter) {}
    public func backward(_ emit: Emitter) {}
}
