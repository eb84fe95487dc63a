// Elements in order along a dimension, all or the first few, and where they were. NaN counts as larger than all
// numbers; equal elements stay in their order.

import KernelInterface
import Tensors

struct Sort: SortLayer {
    static let kind = "sort"
    static let documentation = "the elements along dim in order, and their indices; stable, NaN as the largest"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), default: "-1", "the dimension; the batch is 0"),
        AttributeSpecification("descending", .boolean, default: "false", "the largest first"),
    ]
    static let outputRoles = ["values", "indices"]
    let dimension: Int
    let isDescending: Bool
    let kept: Int? = nil
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        isDescending = attributes.boolean("descending")
    }
}

struct ArgSort: SortLayer {
    static let kind = "argsort"
    static let documentation = "the indices that put the elements along dim in order; stable, NaN as the largest"
    static let attributes = Sort.attributes
    let dimension: Int
    let isDescending: Bool
    let kept: Int? = nil
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        isDescending = attributes.boolean("descending")
    }
}

struct TopK: SortLayer {
    static let kind = "topk"
    static let documentation = "the k largest (or smallest) elements along dim in order, and their indices; NaN as the largest"
    static let attributes = [
        AttributeSpecification("k", .integer(0...(1 << 40)), "how many"),
        AttributeSpecification("dim", .integer(.any), default: "-1", "the dimension; not the batch"),
        AttributeSpecification("largest", .boolean, default: "true", "whether the largest, not the smallest"),
        AttributeSpecification("sorted", .boolean, default: "true", "they are in order either way"),
    ]
    static let outputRoles = ["values", "indices"]
    let dimension: Int
    let isDescending: Bool
    let kept: Int?
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        isDescending = attributes.boolean("largest")
        kept = attributes.integer("k")
    }
}

protocol SortLayer: Layer {
    var dimension: Int { get }
    var isDescending: Bool { get }
    /// How many of the first elements; nil: all.
    var kept: Int? { get }
}

extension SortLayer {
    private static var hasValues: Bool { outputRoles.count == 2 }

    func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] { Self.hasValues ? [.real, .integer] : [.integer] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try inputs[0].axis(dimension, what: "\(Self.kind)'s dim")
        var shape = inputs[0]
        if let kept {
            guard shape[axis] != Shape.batch, kept <= shape[axis] else {
                throw ChainruleError(
                    .attribute, "\(Self.kind)'s k", expected: shape[axis] == Shape.batch ? "a dimension that is not the batch" : "at most \(shape[axis])",
                    got: shape[axis] == Shape.batch ? "dim=\(dimension)" : "\(kept)")
            }
            shape.dimensions[axis] = kept
        }
        return Array(repeating: shape, count: Self.outputRoles.count)
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { ((try? inputs[0].axis(dimension)) ?? 0) == 0 }

    func forward(_ emit: Emitter) {
        let program = emit.program
        guard let axis = try? emit.inputShapes[0].axis(dimension), emit.outputShapes[0].elementCount > 0 else { return }
        let form = FoldForm(emit.inputShapes[0], axis: axis)
        let (outer, columns, inner) = (form.outer, form.columns, form.inner)
        let length = emit.outputShapes[0][axis]
        let rows = outer * inner
        let isLast = inner == 1
        var x = emit.input()
        if !isLast {
            x = emit.workspace(elements: rows * columns)
            program.copyStrided(
                emit.input(), strides: [columns * inner, 1, inner], into: x, strides: [inner * columns, columns, 1],
                sizes: [outer, inner, columns])
        }
        let outputs = emit.outputShapes.indices.map { isLast ? emit.output($0) : emit.workspace(elements: rows * length) }
        var operands = [Operand(0, x, .read), Operand(3, emit.workspace(elements: 2 * rows * columns), .write)]
        if Self.hasValues { operands.append(Operand(1, outputs[0], .write)) }
        operands.append(Operand(2, outputs[outputs.count - 1], .write))
        let perPiece = StridedSpace.rowsPerPiece(columns: columns * 8)
        program.call(.sortRows, operands, pieces: (rows + perPiece - 1) / perPiece, cost: Double(rows * columns) * 30) {
            $0.integers[0] = rows
            $0.integers[1] = columns
            $0.integers[2] = perPiece
            $0.integers[3] = isDescending ? 1 : 0
            $0.integers[4] = length
        }
        guard !isLast else { return }
        for (index, output) in outputs.enumerated() {
            program.copyStrided(
                output, strides: [inner * length, length, 1], into: emit.output(index), strides: [length * inner, 1, inner],
                sizes: [outer, inner, length])
        }
    }

    // Each value's gradient goes to where the value came from.
    func backward(_ emit: Emitter) {
        guard Self.hasValues, emit.needsInputGradient(), let axis = try? emit.inputShapes[0].axis(dimension) else { return }
        let gradient = emit.inputGradient()
        // All of them have a place if none is left out.
        if kept != nil { emit.program.fill(gradient, with: 0, count: emit.inputShapes[0].elementCount) }
        emit.program.scatter(
            IndexWalk(emit.inputShapes[0], axis: axis, index: emit.outputShapes[0]), emit.outputGradient(), indices: emit.output(1),
            into: gradient, adds: false)
    }
}
