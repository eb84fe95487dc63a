// The same elements under another shape; a batch stays.

import Tensors

struct Reshape: ViewLayer {
    static let kind = "reshape"
    static let className: String? = "Reshape"
    static let documentation = "the same elements in a new shape, given without the batch; one size may be -1"
    static let attributes = [
        AttributeSpecification("shape", .integers, "new sizes of a sample (of the whole if there is no batch)")
    ]

    let sizes: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        sizes = attributes.integers("shape")
        guard sizes.allSatisfy({ $0 >= -1 }), sizes.count(where: { $0 == -1 }) <= 1 else {
            throw ChainruleError(.attribute, "reshape's shape", expected: "sizes of 0 or more, at most one -1", got: "\(sizes)")
        }
        _ = try Shape([1] + sizes.map { max($0, 1) }).validated(what: "reshape's shape")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        let leading = input.isBatched ? Array(input.dimensions.prefix(1)) : []
        let count = Shape(Array(input.dimensions.dropFirst(leading.count))).elementCount
        let known = Shape(sizes.filter { $0 != -1 }).elementCount
        var sizes = sizes
        if let open = sizes.firstIndex(of: -1), known > 0, count % known == 0 { sizes[open] = count / known }
        guard !sizes.contains(-1), Shape(sizes).elementCount == count else {
            throw ChainruleError(.shape, "reshape's shape", expected: "\(count) elements, as in \(input)", got: "\(self.sizes)")
        }
        return [Shape(leading + sizes)]
    }
}
