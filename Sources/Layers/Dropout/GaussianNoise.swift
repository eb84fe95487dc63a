// Normal noise in training, as in Keras: added (GaussianNoise), or multiplied as a kind of dropout
// (GaussianDropout, Srivastava et al. 2014, section 10).

import KernelInterface
import Tensors

struct GaussianNoise: Layer {
    static let kind = "gaussian_noise"
    static let className: String? = "GaussianNoise"
    static let documentation = "in training, x + n with n normal, mean 0 and standard deviation stddev (Keras)"
    static let attributes = [AttributeSpecification("stddev", .real(.notNegative), "standard deviation of the noise")]

    let deviation: Double

    init(_ attributes: Attributes) throws(ChainruleError) { deviation = attributes.real("stddev") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { inputs }

    func forward(_ emit: Emitter) {
        guard emit.isTraining && deviation > 0 else { return emit.setOutput(as: emit.input()) }
        let count = emit.inputShapes[0].elementCount
        emit.program.addFlat(
            emit.input(), emit.normalNumbers(mean: 0, deviation: deviation, count: count), into: emit.output(), count: count)
    }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { emit.setInputGradient(as: emit.outputGradient()) }
    }
}

struct GaussianDropout: Layer {
    static let kind = "gaussian_dropout"
    static let className: String? = "GaussianDropout"
    static let documentation = "in training, x * n with n normal, mean 1 and variance rate/(1-rate) (Keras)"
    static let attributes = [
        AttributeSpecification("rate", .real(0...Double(1).nextDown), "the rate of the dropout with noise of this variance")
    ]

    let rate: Double

    init(_ attributes: Attributes) throws(ChainruleError) { rate = attributes.real("rate") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { inputs }

    func forward(_ emit: Emitter) {
        guard emit.isTraining && rate > 0 else { return emit.setOutput(as: emit.input()) }
        let count = emit.inputShapes[0].elementCount
        let noise = emit.normalNumbers(mean: 1, deviation: (rate / (1 - rate)).squareRoot(), count: count)
        emit.save("noise", noise)
        emit.program.binaryFlat(.multiply, emit.input(), noise, into: emit.output(), count: count)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        guard let noise = emit.saved("noise") else { return emit.setInputGradient(as: emit.outputGradient()) }
        emit.program.binaryFlat(
            .multiply, emit.outputGradient(), noise, into: emit.inputGradient(), count: emit.inputShapes[0].elementCount)
    }
}

extension Emitter {
    /// New numbers in each step.
    func normalNumbers(mean: Double, deviation: Double, count: Int) -> Value {
        let numbers = workspace(elements: count)
        program.call(
            .randomNormal, [Operand(0, numbers, .write), Operand(1, randomState, .read)], pieces: flatPieces(count),
            cost: Double(count) * 2
        ) {
            $0.integers[0] = count
            $0.integers[1] = node
            $0.scalars[0] = mean
            $0.scalars[1] = deviation
        }
        return numbers
    }
}
