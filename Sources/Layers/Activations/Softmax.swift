// exp(x) / sum(exp(x)) along one dimension, and its logarithm.

import KernelInterface
import Tensors

struct Softmax: SoftmaxLayer {
    static let kind = "softmax"
    static let className: String? = "Softmax"
    static let documentation = "exp(x) / sum(exp(x)) along dim"
    let dimension: Int
    let isLogarithm = false
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct LogSoftmax: SoftmaxLayer {
    static let kind = "log_softmax"
    static let className: String? = "LogSoftmax"
    static let documentation = "log(exp(x) / sum(exp(x))) along dim"
    let dimension: Int
    let isLogarithm = true
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

protocol SoftmaxLayer: Layer {
    var dimension: Int { get }
    var isLogarithm: Bool { get }
}

extension SoftmaxLayer {
    static var keepsShape: Bool { true }
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("dim", .integer(.any), default: "-1", "the dimension summed over; the batch is 0")]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        _ = try inputs[0].axis(dimension, what: "\(Self.kind)'s dim")
        return inputs
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { dimension == 0 || dimension == -inputs[0].rank }

    func forward(_ emit: Emitter) {
        emit.program.softmax(.softmaxForward, emit.outputShapes[0], dimension, isLogarithm, [
            Operand(0, emit.input(), .read), Operand(1, emit.output(), .write),
        ])
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        emit.program.softmax(.softmaxBackward, emit.outputShapes[0], dimension, isLogarithm, [
            Operand(0, emit.output(), .read), Operand(1, emit.outputGradient(), .read),
            Operand(2, emit.inputGradient(), .write),
        ])
    }
}

extension Program {
    fileprivate func softmax(_ kernel: KernelName, _ shape: Shape, _ dimension: Int, _ isLogarithm: Bool, _ operands: [Operand]) {
        let axis = dimension < 0 ? dimension + shape.rank : dimension
        let outer = shape.dimensions[..<axis].reduce(1, *)
        let columns = shape[axis]
        let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
        guard shape.elementCount > 0 else { return }
        let units = outer * (inner == 1 ? 1 : (inner + 15) / 16)
        let perPiece = StridedSpace.rowsPerPiece(columns: columns * min(inner, 16))
        call(kernel, operands, pieces: (units + perPiece - 1) / perPiece, cost: Double(shape.elementCount)) {
            $0.integers[0] = outer
            $0.integers[1] = columns
            $0.integers[2] = inner
            $0.integers[3] = isLogarithm ? 1 : 0
            $0.integers[4] = perPiece
        }
    }
}
