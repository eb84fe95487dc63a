// x / (k + alpha / size * sum of x^2 over size neighbouring channels)^beta (Krizhevsky et al. 2012).

import KernelInterface
import Tensors

struct LocalResponseNorm: Layer {
    static let kind = "local_response_norm"
    static let className: String? = "LocalResponseNorm"
    static let documentation = "x / (k + alpha / size * s)^beta, s the sum of squares over size channels around each, dimension 1"
    static let attributes = [
        AttributeSpecification("size", .integer(.sizes), "how many channels are summed over"),
        AttributeSpecification("alpha", .real(.finite), default: "0.0001", "factor of the mean of the squares"),
        AttributeSpecification("beta", .real(.finite), default: "0.75", "exponent"),
        AttributeSpecification("k", .real(.finite), default: "1", "added to the mean"),
    ]

    let size: Int
    let alpha: Double
    let beta: Double
    let k: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        size = attributes.integer("size")
        alpha = attributes.real("alpha")
        beta = attributes.real("beta")
        k = attributes.real("k")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard inputs[0].rank >= 3 else {
            throw ChainruleError(
                .shape, "local_response_norm's input", expected: "3 dimensions or more: batch, channels, ...", got: "\(inputs[0])")
        }
        return inputs
    }

    func forward(_ emit: Emitter) {
        let count = emit.inputShapes[0].elementCount
        let squares = emit.workspace(elements: count)
        let sums = emit.workspace(elements: count)
        let base = emit.workspace(elements: count)
        let power = emit.workspace(elements: count)
        emit.program.unary(.square, (0, 0), from: emit.input(), into: squares, count: count)
        window(emit, squares, into: sums, before: size / 2, after: (size - 1) / 2)
        emit.program.unary(.affine, (alpha / Double(size), k), from: sums, into: base, count: count)
        emit.program.unary(.power, (-beta, 0), from: base, into: power, count: count)
        emit.program.binaryFlat(.multiply, emit.input(), power, into: emit.output(), count: count)
        emit.save("base", base)
        emit.save("power", power)
    }

    // With y = x p, p = b^-beta: dx = dy p - 2 alpha beta / size x (sum over those who summed x of dy x p / b).
    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let base = emit.saved("base"), let power = emit.saved("power") else { return }
        let count = emit.inputShapes[0].elementCount
        func make(_ function: BinaryFunction, _ a: Value, _ b: Value) -> Value {
            let result = emit.workspace(elements: count)
            emit.program.binaryFlat(function, a, b, into: result, count: count)
            return result
        }
        let direct = make(.multiply, emit.outputGradient(), power)
        let shares = make(.divide, make(.multiply, direct, emit.input()), base)
        let sums = emit.workspace(elements: count)
        window(emit, shares, into: sums, before: (size - 1) / 2, after: size / 2)
        let through = make(.multiply, sums, emit.input())
        let scaled = emit.workspace(elements: count)
        emit.program.unary(.affine, (-2 * alpha * beta / Double(size), 0), from: through, into: scaled, count: count)
        emit.program.addFlat(direct, scaled, into: emit.inputGradient(), count: count)
    }

    private func window(_ emit: Emitter, _ x: Value, into y: Value, before: Int, after: Int) {
        let (samples, channels, inner) = channelSizes(emit.inputShapes[0])
        guard samples * channels * inner > 0 else { return }
        let perPiece = StridedSpace.rowsPerPiece(columns: inner)
        emit.program.call(
            .channelWindow, [Operand(0, x, .read), Operand(1, y, .write)], pieces: (samples * channels + perPiece - 1) / perPiece,
            cost: Double(samples * channels * inner) * 0.2 * Double(min(size, channels))
        ) {
            $0.integers[0] = samples
            $0.integers[1] = channels
            $0.integers[2] = inner
            $0.integers[3] = before
            $0.integers[4] = after
            $0.integers[5] = perPiece
        }
    }
}
