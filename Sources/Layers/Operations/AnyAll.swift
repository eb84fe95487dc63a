// Whether some or all elements differ from 0: the largest or smallest of the answers.

import Tensors

struct AnyOperation: CompositeLayer {
    static let kind = "any"
    static let documentation = "1 where some element over dimensions is not 0, 0 elsewhere; no gradient"
    static let attributes = ReducedAxes.attributes
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        [try graph.add("max", axes.text, [try graph.add("ne", "value=0", inputs)])]
    }
}

struct AllOperation: CompositeLayer {
    static let kind = "all"
    static let documentation = "1 where no element over dimensions is 0, 0 elsewhere; no gradient"
    static let attributes = ReducedAxes.attributes
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        [try graph.add("min", axes.text, [try graph.add("ne", "value=0", inputs)])]
    }
}
