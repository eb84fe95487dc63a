// Reductions over dimensions that are no sums: the largest and smallest element, the product, logsumexp.

import KernelInterface
import Tensors

struct MaxOperation: FoldReduction {
    static let kind = "max"
    static let documentation = "the largest element over dimensions; equal ones share the gradient, as in PyTorch's amax; NaN if there is one"
    static let fold = RowFold.largest
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }
}

struct MinOperation: FoldReduction {
    static let kind = "min"
    static let documentation = "the smallest element over dimensions; equal ones share the gradient, as in PyTorch's amin; NaN if there is one"
    static let fold = RowFold.smallest
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }
}

struct ProductOperation: FoldReduction {
    static let kind = "prod"
    static let documentation = "the product over dimensions"
    static let fold = RowFold.product
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }
}

struct LogSumExp: FoldReduction {
    static let kind = "logsumexp"
    static let documentation = "log(sum(exp(x))) over dimensions, without overflow on the way"
    static let fold = RowFold.logSumExp
    let axes: ReducedAxes
    init(_ attributes: Attributes) throws(ChainruleError) { axes = ReducedAxes(attributes) }
}

protocol FoldReduction: Layer {
    static var fold: RowFold { get }
    var axes: ReducedAxes { get }
}

extension FoldReduction {
    static var attributes: [AttributeSpecification] { ReducedAxes.attributes }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        if Self.fold == .largest || Self.fold == .smallest { try axes.requireElements(inputs[0], Self.kind) }
        return [try axes.outputShape(inputs[0], Self.kind)]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { axes.containsBatch(inputs[0]) }

    func forward(_ emit: Emitter) {
        guard let axes = try? axes.axes(emit.inputShapes[0], Self.kind) else { return }
        let form = FoldForm(emit.inputShapes[0], axes)
        let x = form.arranged(emit.program, emit.input())
        emit.save("arranged", x)
        form.call(
            emit.program, .foldRows, [Operand(0, x, .read), Operand(1, emit.output(), .write)], Self.fold.rawValue,
            cost: Self.fold == .logSumExp ? 1 : 0.3)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let axes = try? axes.axes(emit.inputShapes[0], Self.kind),
            let x = emit.saved("arranged")
        else { return }
        let form = FoldForm(emit.inputShapes[0], axes)
        let gradient = emit.inputGradient()
        let arranged = form.permutation == nil ? gradient : emit.workspace(elements: emit.inputShapes[0].elementCount)
        form.call(
            emit.program, .foldRowsBackward,
            [
                Operand(0, x, .read), Operand(1, emit.output(), .read), Operand(2, emit.outputGradient(), .read),
                Operand(3, arranged, .write),
            ], Self.fold.rawValue)
        form.restore(emit.program, arranged, into: gradient)
    }
}
