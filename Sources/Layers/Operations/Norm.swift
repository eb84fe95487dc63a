// The p-norm of vectors over dimensions: (sum |x|^p)^(1/p), and its limits. At the zero vector the gradient is 0.

import KernelInterface
import Tensors

struct Norm: Layer {
    static let kind = "norm"
    static let documentation = "the vector norm over dimensions: sum(|x|^p)^(1/p); p=inf: the largest |x|, p=-inf: the smallest, p=0: how many are not 0"
    static let attributes = [AttributeSpecification("p", .text, default: "2", "a number, inf or -inf")] + ReducedAxes.attributes

    let axes: ReducedAxes
    let power: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        axes = ReducedAxes(attributes)
        power = try Norm.power(attributes.text("p"), "norm's p")
    }

    static func power(_ text: String, _ what: String) throws(ChainruleError) -> Double {
        if text == "inf" { return .infinity }
        if text == "-inf" { return -.infinity }
        guard let number = Attributes.number(text) else {
            throw ChainruleError(.attribute, what, expected: "a number, inf or -inf", got: "\"\(text)\"")
        }
        return number
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        if power.isInfinite || power < 0 { try axes.requireElements(inputs[0], Self.kind) }
        return [try axes.outputShape(inputs[0], Self.kind)]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { axes.containsBatch(inputs[0]) }

    func forward(_ emit: Emitter) {
        let program = emit.program
        let shape = emit.inputShapes[0]
        let count = shape.elementCount
        guard let list = try? axes.axes(shape, Self.kind) else { return }
        let work = emit.workspace(elements: count)
        if power.isInfinite {
            program.unary(.abs, (0, 0), from: emit.input(), into: work, count: count)
            let form = FoldForm(shape, list)
            let arranged = form.arranged(program, work)
            emit.save("arranged", arranged)
            return form.call(
                program, .foldRows, [Operand(0, arranged, .read), Operand(1, emit.output(), .write)], fold.rawValue)
        }
        if power == 0 {
            program.binary(.notEqual, emit.input(), strides: shape.strides, nil, into: work, sizes: shape.dimensions)
            return program.sum(work, shape, over: list, into: emit.output())
        }
        program.unary(.powerOfMagnitude, (power, 0), from: emit.input(), into: work, count: count)
        let kept = emit.outputShapes[0].elementCount
        let sum = emit.workspace(elements: kept)
        program.sum(work, shape, over: list, into: sum)
        program.unary(.powerOfMagnitude, (1 / power, 0), from: sum, into: emit.output(), count: kept)
        emit.save("sum", sum)
    }

    private var fold: RowFold { power > 0 ? .largest : .smallest }

    func backward(_ emit: Emitter) {
        let program = emit.program
        let shape = emit.inputShapes[0]
        let count = shape.elementCount
        guard emit.needsInputGradient(), power != 0, let list = try? axes.axes(shape, Self.kind) else { return }
        let inner = emit.workspace(elements: count)
        if let arranged = emit.saved("arranged") {
            let form = FoldForm(shape, list)
            let gradient = form.permutation == nil ? inner : emit.workspace(elements: count)
            form.call(
                program, .foldRowsBackward,
                [
                    Operand(0, arranged, .read), Operand(1, emit.output(), .read), Operand(2, emit.outputGradient(), .read),
                    Operand(3, gradient, .write),
                ], fold.rawValue)
            form.restore(program, gradient, into: inner)
            return program.unaryBackward(
                .abs, (0, 0), outputGradient: inner, saved: emit.input(), into: emit.inputGradient(), count: count)
        }
        guard let sum = emit.saved("sum") else { return }
        let kept = axes.keptShape(shape)
        let outer = emit.workspace(elements: kept.elementCount)
        program.unaryBackward(
            .powerOfMagnitude, (1 / power, 0), outputGradient: emit.outputGradient(), saved: sum, into: outer,
            count: kept.elementCount)
        program.copyStrided(
            outer, strides: kept.broadcastStrides(to: shape), into: inner, strides: shape.strides, sizes: shape.dimensions)
        program.unaryBackward(
            .powerOfMagnitude, (power, 0), outputGradient: inner, saved: emit.input(), into: emit.inputGradient(), count: count)
    }
}
