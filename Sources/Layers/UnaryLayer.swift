// Layers that are one function of one variable, applied to every element.

import KernelInterface
import Tensors

protocol UnaryLayer: Layer {
    var function: UnaryFunction { get }
    /// The function's constants a and b.
    var constants: (Double, Double) { get }
}

extension UnaryLayer {
    static var keepsShape: Bool { true }
    var constants: (Double, Double) { (0, 0) }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [inputs[0]] }

    func forward(_ emit: Emitter) {
        emit.program.unary(function, constants, from: emit.input(), into: emit.output(), count: emit.inputShapes[0].elementCount)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        emit.program.unaryBackward(
            function, constants, outputGradient: emit.outputGradient(),
            saved: function.derivativeFromValue ? emit.output() : emit.input(), into: emit.inputGradient(),
            count: emit.inputShapes[0].elementCount)
    }
}

extension Program {
    public func unary(_ function: UnaryFunction, _ constants: (Double, Double), from x: Value, into y: Value, count: Int) {
        call(
            .unaryForward, [Operand(0, x, .read), Operand(1, y, .write)], pieces: flatPieces(count),
            cost: Double(count) * 0.3, inPlace: (x, y)
        ) {
            $0.integers[0] = function.rawValue
            $0.integers[1] = count
            $0.scalars[0] = constants.0
            $0.scalars[1] = constants.1
        }
    }

    func unaryBackward(
        _ function: UnaryFunction, _ constants: (Double, Double), outputGradient dy: Value, saved: Value,
        into dx: Value, count: Int
    ) {
        call(
            .unaryBackward, [Operand(0, dy, .read), Operand(1, saved, .read), Operand(2, dx, .write)],
            pieces: flatPieces(count), cost: Double(count) * 0.3, inPlace: (dy, dx)
        ) {
            $0.integers[0] = function.rawValue
            $0.integers[1] = count
            $0.scalars[0] = constants.0
            $0.scalars[1] = constants.1
        }
    }
}

/// How many pieces a flat array of `count` elements is cut into.
public func flatPieces(_ count: Int, _ perPiece: Int = elementsPerPiece) -> Int { max((count + perPiece - 1) / perPiece, 1) }
