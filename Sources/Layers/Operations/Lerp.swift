// Between two arrays: start + weight (end - start).

import Tensors

struct Lerp: CompositeLayer {
    static let kind = "lerp"
    static let documentation = "input + weight * (end - input), with weight an array or a number"
    static let attributes = [AttributeSpecification("value", .real(.finite), optional: true, "the weight, if it is a number")]
    static let inputCount = 2...3
    static let inputRoles = ["input", "end", "weight"]

    let number: Double?
    let places: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        number = attributes.has("value") ? attributes.real("value") : nil
        places = ["input", "end", "weight"].compactMap { attributes.input($0) }
        guard (places.count == 2) == (number != nil) else {
            throw ChainruleError(
                .invalidArgument, "lerp's weight", expected: "a third input or value=",
                got: number == nil ? "two inputs without value=" : "three inputs and value=")
        }
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let start = inputs[places[0]]
        let way = try graph.add("sub", "", [inputs[places[1]], start])
        let part: Int
        if let number {
            part = try graph.add("mul", "value=\(number)", [way])
        } else {
            part = try graph.add("mul", "", [way, inputs[places[2]]])
        }
        return [try graph.add("add", "", [start, part])]
    }
}
