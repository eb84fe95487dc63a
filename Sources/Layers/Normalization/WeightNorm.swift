// A weight by direction and length (Salimans and Kingma 2016): a node without inputs whose output is the weight
// of a layer that takes one (linear's second input). Named "0.parametrizations.weight" for layer "0", it reads
// the state of torch.nn.utils.parametrizations.weight_norm.

import KernelInterface
import Tensors

struct WeightNorm: Layer {
    static let kind = "weight_norm"
    static let documentation =
        "a weight g v / |v|, the norm taken over all dimensions but dim; original0 is g, original1 is v, and g is first |v|"
    static let attributes = [
        AttributeSpecification("shape", .integers, "sizes of the weight"),
        AttributeSpecification("dim", .integer(-1...7), default: "0", "the dimension with a norm for each index; -1: one norm of all"),
        AttributeSpecification("init", .text, default: "default", "initializer of original1, as of a layer's weight"),
    ]
    static let inputCount = 0...0
    static let parameterShapes = [(name: "original0", shape: "[1, ..., size of dim, ..., 1]"), (name: "original1", shape: "[shape]")]

    let weight: WeightTensor
    let dimension: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        weight = try WeightTensor(attributes, kind: Self.kind)
        dimension = attributes.integer("dim")
        guard dimension < weight.shape.rank else {
            throw ChainruleError(.attribute, "weight_norm's dim", expected: "-1 to \(weight.shape.rank - 1)", got: "\(dimension)")
        }
    }

    /// Outer, slices, inner.
    private var sizes: (Int, Int, Int) { dimension < 0 ? (1, 1, weight.shape.elementCount) : weight.sizes(around: dimension) }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [weight.shape] }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        var lengths = ParameterSpecification(
            "original0", dimension < 0 ? [] : Shape((0..<weight.shape.rank).map { $0 == dimension ? weight.shape[$0] : 1 }), .zeros)
        let (outer, slices, inner) = sizes
        lengths.derivation = .init(from: "original1") { values, lengths in
            for o in 0..<outer {
                for s in 0..<slices {
                    for i in 0..<inner {
                        let value = values[(o * slices + s) * inner + i]
                        lengths[s] += value * value
                    }
                }
            }
            for s in 0..<slices { lengths[s] = lengths[s].squareRoot() }
        }
        return [lengths, ParameterSpecification("original1", weight.shape, weight.initializer)]
    }

    func forward(_ emit: Emitter) {
        guard let length = emit.parameter("original0"), let direction = emit.parameter("original1") else { return }
        emit.save("norms", emit.program.normalizeSlices(direction, length, sizes, into: emit.output()))
    }

    func backward(_ emit: Emitter) {
        guard let length = emit.parameter("original0"), let direction = emit.parameter("original1"), let norms = emit.saved("norms")
        else { return }
        var operands = [
            Operand(0, direction, .read), Operand(1, length, .read), Operand(2, norms, .read), Operand(3, emit.outputGradient(), .read),
        ]
        if let gradient = emit.parameterGradient("original1") { operands.append(Operand(4, gradient, .write)) }
        if let gradient = emit.parameterGradient("original0") { operands.append(Operand(5, gradient, .write)) }
        let (outer, slices, inner) = sizes
        let perPiece = StridedSpace.rowsPerPiece(columns: outer * inner)
        emit.program.call(
            .weightNormBackward, operands, pieces: (slices + perPiece - 1) / perPiece, cost: Double(outer * slices * inner) * 0.5
        ) {
            $0.integers[0] = outer
            $0.integers[1] = slices
            $0.integers[2] = inner
            $0.integers[3] = perPiece
        }
    }
}

/// The attributes shape and init of a weight that is a node.
struct WeightTensor {
    let shape: Shape
    let initializer: Initializer

    init(_ attributes: Attributes, kind: String) throws(ChainruleError) {
        let sizes = attributes.integers("shape")
        guard !sizes.isEmpty, sizes.allSatisfy({ $0 > 0 }) else {
            throw ChainruleError(.attribute, "\(kind)'s shape", expected: "one size of 1 or more, or several", got: "\(sizes)")
        }
        shape = try Shape(sizes).validated(what: kind)
        let field = sizes.dropFirst(2).reduce(1, *)
        initializer = try Initializer(
            attributes.text("init"), fanIn: sizes.dropFirst().reduce(1, *), fanOut: sizes[0] * field, what: "\(kind)'s init")
    }

    func sizes(around dimension: Int) -> (Int, Int, Int) {
        (shape.dimensions[..<dimension].reduce(1, *), shape[dimension], shape.dimensions[(dimension + 1)...].reduce(1, *))
    }
}

extension Program {
    /// w = g v / max(|v|, eps) by slices of [outer, slices, inner]; without lengths g is 1. Returns the norms.
    func normalizeSlices(
        _ v: Value, _ lengths: Value?, _ sizes: (outer: Int, slices: Int, inner: Int), eps: Double = 0, into w: Value
    ) -> Value {
        let norms = value(elements: sizes.slices)
        var operands = [Operand(0, v, .read), Operand(2, w, .write), Operand(3, norms, .write)]
        if let lengths { operands.append(Operand(1, lengths, .read)) }
        let perPiece = StridedSpace.rowsPerPiece(columns: sizes.outer * sizes.inner)
        call(
            .weightNormForward, operands, pieces: (sizes.slices + perPiece - 1) / perPiece,
            cost: Double(sizes.outer * sizes.slices * sizes.inner) * 0.5
        ) {
            $0.integers[0] = sizes.outer
            $0.integers[1] = sizes.slices
            $0.integers[2] = sizes.inner
            $0.integers[3] = perPiece
            $0.scalars[0] = eps
        }
        return norms
    }
}
