// x for x > 0, otherwise x times a slope drawn for each element in training, the slopes' mean outside (Xu et al. 2015)

import KernelInterface
import Tensors

struct RReLU: Layer {
    static let kind = "rrelu"
    static let className: String? = "RReLU"
    static let documentation = "x for x > 0, otherwise x times a number between lower and upper, drawn for each element in training and their mean outside (Xu et al. 2015)"
    static let attributes = [
        AttributeSpecification("lower", .real(.finite), default: "0.125", "the smallest slope"),
        AttributeSpecification("upper", .real(.finite), default: "0.3333333333333333", "the largest slope"),
    ]

    let lower: Double
    let upper: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        lower = attributes.real("lower")
        upper = attributes.real("upper")
        guard lower <= upper, (upper - lower).isFinite else {
            throw ChainruleError(.attribute, "rrelu's lower and upper", expected: "lower <= upper", got: "\(lower) and \(upper)")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { inputs }

    func forward(_ emit: Emitter) {
        let count = emit.inputShapes[0].elementCount
        var slopes: Value?
        if emit.isTraining {
            let drawn = emit.workspace(elements: count)
            emit.program.call(
                .randomUniform, [Operand(0, drawn, .write), Operand(1, emit.randomState, .read)], pieces: flatPieces(count),
                cost: Double(count)
            ) {
                $0.integers[0] = count
                $0.integers[1] = emit.node
                $0.scalars[0] = lower
                $0.scalars[1] = upper
            }
            emit.save("slopes", drawn)
            slopes = drawn
        }
        emit.program.binary(
            .prelu, emit.input(), strides: [1], slopes, strides: [1], number: mean, into: emit.output(), sizes: [count])
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        emit.program.binaryBackward(
            .prelu, operand: 0, emit.input(), strides: [1], emit.saved("slopes"), strides: [1], number: mean,
            outputGradient: emit.outputGradient(), into: emit.inputGradient(), sizes: [emit.inputShapes[0].elementCount])
    }

    private var mean: Double { lower + (upper - lower) / 2 }
}
