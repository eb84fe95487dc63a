// Parts of matrices: what lies on one side of a diagonal, and the diagonal itself.

import KernelInterface
import Tensors

struct Triu: TriangleLayer {
    static let kind = "triu"
    static let documentation = "matrices (the last two dimensions) with zeros below a diagonal"
    static let isUpper = true
    let diagonal: Int
    init(_ attributes: Attributes) throws(ChainruleError) { diagonal = attributes.integer("diagonal") }
}

struct Tril: TriangleLayer {
    static let kind = "tril"
    static let documentation = "matrices (the last two dimensions) with zeros above a diagonal"
    static let isUpper = false
    let diagonal: Int
    init(_ attributes: Attributes) throws(ChainruleError) { diagonal = attributes.integer("diagonal") }
}

protocol TriangleLayer: Layer {
    static var isUpper: Bool { get }
    var diagonal: Int { get }
}

extension TriangleLayer {
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("diagonal", .integer(-(1 << 40)...(1 << 40)), default: "0", "which one: 0 the main one, positive ones above it")]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        // Larger sizes are not whole numbers in float32.
        guard inputs[0].rank >= 2, inputs[0].dimensions.suffix(2).allSatisfy({ $0 != Shape.batch && $0 <= 1 << 24 }) else {
            throw ChainruleError(
                .shape, "\(Self.kind)'s input", expected: "matrices in the last two dimensions, with sizes up to 2^24", got: "\(inputs[0])")
        }
        return inputs
    }

    func forward(_ emit: Emitter) { cut(emit, emit.input(), into: emit.output()) }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { cut(emit, emit.outputGradient(), into: emit.inputGradient()) }
    }

    private func cut(_ emit: Emitter, _ x: Value, into y: Value) {
        let shape = emit.inputShapes[0]
        let rows = shape[shape.rank - 2]
        let columns = shape[shape.rank - 1]
        guard shape.elementCount > 0 else { return }
        // Column numbers against row numbers.
        let program = emit.program
        let far = Double(min(max(diagonal, -columns - rows), columns + rows))
        let down = program.constant((0..<rows).map { Double($0) + far })
        let across = program.constant((0..<columns).map { Double($0) })
        let mask = emit.workspace(elements: rows * columns)
        program.binary(
            Self.isUpper ? .greaterOrEqual : .lessOrEqual, across, strides: [0, 1], down, strides: [1, 0], into: mask,
            sizes: [rows, columns])
        let sizes = [shape.elementCount / (rows * columns), rows * columns]
        program.select((mask, [0, 1]), (x, [rows * columns, 1]), nil, number: 0, into: y, sizes: sizes)
    }
}

struct Diagonal: Layer {
    static let kind = "diagonal"
    static let passesIntegers = true
    static let documentation = "the diagonal of dimensions dim1 and dim2, as a new last dimension; offset is counted along dim2"
    static let attributes = [
        AttributeSpecification("offset", .integer(-(1 << 40)...(1 << 40)), default: "0", "which one: 0 the main one, positive ones above it"),
        AttributeSpecification("dim1", .integer(.any), default: "-2", "the rows' dimension; not the batch"),
        AttributeSpecification("dim2", .integer(.any), default: "-1", "the columns' dimension; not the batch"),
    ]

    let offset: Int
    let dimensions: (Int, Int)

    init(_ attributes: Attributes) throws(ChainruleError) {
        offset = attributes.integer("offset")
        dimensions = (attributes.integer("dim1"), attributes.integer("dim2"))
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let first = try inputs[0].axis(dimensions.0, what: "diagonal's dim1")
        let second = try inputs[0].axis(dimensions.1, what: "diagonal's dim2")
        guard first != second, !inputs[0].isBatched || min(first, second) > 0 else {
            throw ChainruleError(
                .attribute, "diagonal's dim1 and dim2", expected: "two dimensions, not the batch", got: "\(dimensions.0) and \(dimensions.1)")
        }
        let rows = inputs[0][first] + min(offset, 0)
        let columns = inputs[0][second] - max(offset, 0)
        let kept = inputs[0].dimensions.indices.filter { $0 != first && $0 != second }.map { inputs[0][$0] }
        return [Shape(kept + [max(min(rows, columns), 0)])]
    }

    func forward(_ emit: Emitter) {
        let (strides, start) = walk(emit.inputShapes[0])
        let shape = emit.outputShapes[0]
        emit.program.copyStrided(
            emit.input(), strides: strides, offset: start, into: emit.output(), strides: shape.strides, sizes: shape.dimensions)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let (strides, start) = walk(emit.inputShapes[0])
        let shape = emit.outputShapes[0]
        let gradient = emit.inputGradient()
        emit.program.fill(gradient, with: 0, count: emit.inputShapes[0].elementCount)
        emit.program.copyStrided(
            emit.outputGradient(), strides: shape.strides, into: gradient, strides: strides, toOffset: start, sizes: shape.dimensions)
    }

    private func walk(_ shape: Shape) -> (strides: [Int], start: Int) {
        guard let first = try? shape.axis(dimensions.0), let second = try? shape.axis(dimensions.1) else { return ([], 0) }
        let own = shape.strides
        let kept = shape.dimensions.indices.filter { $0 != first && $0 != second }.map { own[$0] }
        let start = max(offset, 0) * own[second] - min(offset, 0) * own[first]
        return (kept + [own[first] + own[second]], start)
    }
}
