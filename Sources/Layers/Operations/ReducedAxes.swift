// The dimensions that a reduction goes over, as attributes name them, and how kernels see them.

import KernelInterface
import Tensors

struct ReducedAxes {
    /// Empty: all.
    let dimensions: [Int]
    let keepsDimensions: Bool

    static let attributes = [
        AttributeSpecification("dim", .integers, default: "", "the dimensions; empty: all; the batch is 0"),
        AttributeSpecification("keepdim", .boolean, default: "false", "leaves them as dimensions of size 1"),
    ]

    init(_ attributes: Attributes) {
        dimensions = attributes.integers("dim")
        keepsDimensions = attributes.boolean("keepdim")
    }

    /// As they were written, for the parts of a composite.
    var text: String {
        (dimensions.isEmpty ? "" : "dim=\(dimensions.map(String.init).joined(separator: ",")) ") + "keepdim=\(keepsDimensions)"
    }

    func axes(_ shape: Shape, _ kind: String) throws(ChainruleError) -> [Int] {
        if dimensions.isEmpty { return Array(0..<shape.rank) }
        var list: [Int] = []
        for dimension in dimensions {
            let axis = try shape.axis(dimension, what: "\(kind)'s dim")
            guard !list.contains(axis) else {
                throw ChainruleError(.attribute, "\(kind)'s dim", expected: "each dimension once", got: "\(dimension) again")
            }
            list.append(axis)
        }
        return list.sorted()
    }

    func outputShape(_ shape: Shape, _ kind: String) throws(ChainruleError) -> Shape {
        let axes = try axes(shape, kind)
        var sizes: [Int] = []
        for (index, size) in shape.dimensions.enumerated() {
            if !axes.contains(index) { sizes.append(size) } else if keepsDimensions { sizes.append(1) }
        }
        return Shape(sizes)
    }

    /// Refuses to reduce nothing, where that has no value.
    func requireElements(_ shape: Shape, _ kind: String) throws(ChainruleError) {
        let axes = try axes(shape, kind)
        guard !axes.contains(where: { shape[$0] == 0 }) else {
            throw ChainruleError(.shape, "\(kind)'s input", expected: "1 element or more along dim", got: "\(shape)")
        }
    }

    func containsBatch(_ shape: Shape) -> Bool { (try? axes(shape, "").contains(0)) ?? true }

    /// How many elements become one.
    func count(_ shape: Shape) -> Int { ((try? axes(shape, "")) ?? []).reduce(1) { $0 * shape[$1] } }

    /// The input's shape with sizes of 1 in place of the reduced ones.
    func keptShape(_ shape: Shape) -> Shape {
        let axes = (try? axes(shape, "")) ?? []
        return Shape(shape.dimensions.enumerated().map { axes.contains($0.offset) ? 1 : $0.element })
    }
}

/// An array as [outer, columns, inner], the columns being what is reduced; copied first when the reduced
/// dimensions don't lie side by side.
struct FoldForm {
    var outer = 1, columns = 1, inner = 1
    /// The order of dimensions of the copy.
    var permutation: [Int]?
    let shape: Shape

    init(_ shape: Shape, _ axes: [Int]) {
        self.shape = shape
        let own = axes.filter { shape[$0] != 1 }
        columns = own.reduce(1) { $0 * shape[$1] }
        let first = own.first ?? shape.rank
        let last = own.last ?? shape.rank - 1
        if (own.isEmpty || last - first + 1 == own.count) {
            outer = shape.dimensions[..<first].reduce(1, *)
            inner = own.isEmpty ? 1 : shape.dimensions[(last + 1)...].reduce(1, *)
        } else if (first...last).allSatisfy({ own.contains($0) || shape[$0] == 1 }) {
            outer = shape.dimensions[..<first].reduce(1, *)
            inner = shape.dimensions[(last + 1)...].reduce(1, *)
        } else {
            let kept = (0..<shape.rank).filter { !own.contains($0) }
            permutation = kept + own
            outer = kept.reduce(1) { $0 * shape[$1] }
        }
    }

    init(_ shape: Shape, axis: Int) {
        self.shape = shape
        outer = shape.dimensions[..<axis].reduce(1, *)
        columns = shape[axis]
        inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    }

    /// The array in this form.
    func arranged(_ program: Program, _ x: Value) -> Value {
        guard let permutation else { return x }
        let copy = program.value(elements: shape.elementCount)
        program.copyStrided(
            x, strides: permutation.map { shape.strides[$0] }, into: copy,
            strides: Shape(permutation.map { shape[$0] }).strides, sizes: permutation.map { shape[$0] })
        return copy
    }

    /// Back into the array's own order.
    func restore(_ program: Program, _ arranged: Value, into x: Value) {
        guard let permutation else { return }
        program.copyStrided(
            arranged, strides: Shape(permutation.map { shape[$0] }).strides, into: x,
            strides: permutation.map { shape.strides[$0] }, sizes: permutation.map { shape[$0] })
    }

    /// A kernel over rows, or over blocks of 16 inner positions.
    func call(
        _ program: Program, _ kernel: KernelName, _ operands: [Operand], _ code: Int, cost: Double = 1
    ) {
        let units = outer * ((inner + 15) / 16)
        guard units > 0 else { return }
        let perPiece = StridedSpace.rowsPerPiece(columns: columns * min(inner, 16))
        program.call(kernel, operands, pieces: (units + perPiece - 1) / perPiece, cost: Double(outer * columns * inner) * cost) {
            $0.integers[0] = outer
            $0.integers[1] = columns
            $0.integers[2] = inner
            $0.integers[3] = perPiece
            $0.integers[4] = code
        }
    }
}
