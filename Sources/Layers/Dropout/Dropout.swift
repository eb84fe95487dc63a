// In training each element is dropped with probability p and the others are scaled by 1 / (1 - p)
// (Srivastava et al. 2014). No mask is kept: the backward pass draws the same random numbers again.

import KernelInterface
import Tensors

struct Dropout: Layer {
    static let kind = "dropout"
    static let className: String? = "Dropout"
    static let keepsShape = true
    static let documentation = "in training, drops each element with probability p and scales the others by 1/(1-p)"
    static let attributes = [
        AttributeSpecification("p", .real(.probability), default: "0.5", "probability of dropping an element")
    ]

    let probability: Double

    init(_ attributes: Attributes) throws(ChainruleError) { probability = attributes.real("p") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { inputs }

    func forward(_ emit: Emitter) {
        guard isActive(emit) else { return emit.setOutput(as: emit.input()) }
        drop(emit, from: emit.input(), into: emit.output())
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        guard isActive(emit) else { return emit.setInputGradient(as: emit.outputGradient()) }
        drop(emit, from: emit.outputGradient(), into: emit.inputGradient())
    }

    private func isActive(_ emit: Emitter) -> Bool { emit.isTraining && probability > 0 }

    private func drop(_ emit: Emitter, from x: Value, into y: Value) {
        emit.program.dropout(
            x, into: y, count: emit.inputShapes[0].elementCount, probability: probability, state: emit.randomState,
            channel: emit.node)
    }
}

extension Program {
    /// y = x / (1 - p) where kept, 0 where dropped. The same state and channel make the same choice.
    func dropout(_ x: Value, into y: Value, count: Int, probability: Double, state: Value, channel: Int) {
        call(
            .dropout, [Operand(0, x, .read), Operand(1, state, .read), Operand(2, y, .write)],
            pieces: flatPieces(count), cost: Double(count), inPlace: (x, y)
        ) {
            $0.integers[0] = count
            $0.integers[1] = channel
            $0.scalars[0] = probability
        }
    }
}
