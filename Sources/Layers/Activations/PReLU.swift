// x for x > 0, weight * x otherwise, with a weight for each channel that is learnt (He et al. 2015)

import KernelInterface
import Tensors

struct PReLU: Layer {
    static let kind = "prelu"
    static let className: String? = "PReLU"
    static let documentation = "x for x > 0, weight * x otherwise; one weight for all, or one for each channel (dimension 1) (He et al. 2015)"
    static let attributes = [
        AttributeSpecification("num_parameters", .integer(.sizes), default: "1", "1, or the number of channels"),
        AttributeSpecification("init", .real(.finite), default: "0.25", "first value of the weights"),
    ]
    static let parameterShapes = [(name: "weight", shape: "[num_parameters]")]

    let count: Int
    let initial: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        count = attributes.integer("num_parameters")
        initial = attributes.real("init")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        // An array of one dimension has one channel.
        let channels = inputs[0].rank > 1 ? inputs[0][1] : 1
        guard count == 1 || count == channels else {
            throw ChainruleError(.shape, "prelu's num_parameters", expected: "1, or \(channels), the size of dimension 1", got: "\(count)")
        }
        return inputs
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        [ParameterSpecification("weight", [count], try Initializer("constant(\(initial))", fanIn: 1, fanOut: 1, what: "prelu's init"))]
    }

    /// [outer, channels, inner], and the weight's strides in it.
    private func form(_ shape: Shape) -> (sizes: [Int], weight: [Int]) {
        if count == 1 { return ([1, 1, shape.elementCount], [0, 0, 0]) }
        return ([shape[0], shape[1], shape.dimensions[2...].reduce(1, *)], [0, 1, 0])
    }

    func forward(_ emit: Emitter) {
        guard let weight = emit.parameter("weight") else { return }
        let (sizes, strides) = form(emit.inputShapes[0])
        emit.program.binary(
            .prelu, emit.input(), strides: Shape(sizes).strides, weight, strides: strides, into: emit.output(), sizes: sizes)
    }

    func backward(_ emit: Emitter) {
        guard let weight = emit.parameter("weight") else { return }
        let (sizes, strides) = form(emit.inputShapes[0])
        func gradient(_ operand: Int, into value: Value) {
            emit.program.binaryBackward(
                .prelu, operand: operand, emit.input(), strides: Shape(sizes).strides, weight, strides: strides,
                outputGradient: emit.outputGradient(), into: value, sizes: sizes)
        }
        if emit.needsInputGradient() { gradient(0, into: emit.inputGradient()) }
        if let result = emit.parameterGradient("weight") {
            let full = emit.workspace(elements: emit.inputShapes[0].elementCount)
            gradient(1, into: full)
            emit.program.sum(full, Shape(sizes), over: count == 1 ? [0, 1, 2] : [0, 2], into: result)
        }
    }
}
