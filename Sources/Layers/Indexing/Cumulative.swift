// Running sums, products, and largest and smallest elements along a dimension.

import KernelInterface
import Tensors

struct CumSum: CumulativeLayer {
    static let kind = "cumsum"
    static let documentation = "along dim, the sum of each element and those before it"
    static let cumulation = RowCumulation.sum
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct CumProd: CumulativeLayer {
    static let kind = "cumprod"
    static let documentation = "along dim, the product of each element and those before it"
    static let cumulation = RowCumulation.product
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct CumMax: CumulativeLayer {
    static let kind = "cummax"
    static let documentation = "along dim, the largest of each element and those before it, and its index (of equal ones the last)"
    static let outputRoles = ["values", "indices"]
    static let cumulation = RowCumulation.largest
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

struct CumMin: CumulativeLayer {
    static let kind = "cummin"
    static let documentation = "along dim, the smallest of each element and those before it, and its index (of equal ones the last)"
    static let outputRoles = ["values", "indices"]
    static let cumulation = RowCumulation.smallest
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) { dimension = attributes.integer("dim") }
}

protocol CumulativeLayer: Layer {
    static var cumulation: RowCumulation { get }
    var dimension: Int { get }
}

extension CumulativeLayer {
    static var attributes: [AttributeSpecification] { [AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0")] }
    func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] { Self.outputRoles.count == 2 ? [.real, .integer] : [.real] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        _ = try inputs[0].axis(dimension, what: "\(Self.kind)'s dim")
        return Array(repeating: inputs[0], count: Self.outputRoles.count)
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { ((try? inputs[0].axis(dimension)) ?? 0) == 0 }

    private func call(_ emit: Emitter, _ kernel: KernelName, _ operands: [Operand], fromEnd: Bool = false) {
        let shape = emit.inputShapes[0]
        guard let axis = try? shape.axis(dimension), shape.elementCount > 0 else { return }
        let form = FoldForm(shape, axis: axis)
        let rows = form.outer * form.inner
        let perPiece = StridedSpace.rowsPerPiece(columns: form.columns)
        emit.program.call(kernel, operands, pieces: (rows + perPiece - 1) / perPiece, cost: Double(shape.elementCount) * 2) {
            $0.integers[0] = form.outer
            $0.integers[1] = form.columns
            $0.integers[2] = form.inner
            $0.integers[3] = perPiece
            $0.integers[4] = Self.cumulation.rawValue
            $0.integers[5] = fromEnd ? 1 : 0
        }
    }

    func forward(_ emit: Emitter) {
        var operands = [Operand(0, emit.input(), .read), Operand(1, emit.output(), .write)]
        if Self.outputRoles.count == 2 { operands.append(Operand(2, emit.output(1), .write)) }
        call(emit, .cumulateRows, operands)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let dy = emit.outputGradient()
        let gradient = emit.inputGradient()
        switch Self.cumulation {
        case .sum: call(emit, .cumulateRows, [Operand(0, dy, .read), Operand(1, gradient, .write)], fromEnd: true)
        case .product:
            call(
                emit, .cumulateProductBackward,
                [Operand(0, emit.input(), .read), Operand(1, emit.output(), .read), Operand(2, dy, .read), Operand(3, gradient, .write)])
        case .largest, .smallest:
            guard let axis = try? emit.inputShapes[0].axis(dimension) else { return }
            emit.program.fill(gradient, with: 0, count: emit.inputShapes[0].elementCount)
            emit.program.scatter(
                IndexWalk(emit.inputShapes[0], axis: axis, index: emit.outputShapes[0]), dy, indices: emit.output(1),
                into: gradient, adds: true)
        }
    }
}
