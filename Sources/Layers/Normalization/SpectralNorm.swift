// A weight divided by its largest singular value (Miyato et al. 2018), which power iteration follows from step
// to step: u = W v, v = W^T u, each divided by its norm; sigma = u . W v. Like weight_norm a node that gives a
// layer its weight, with the names of torch.nn.utils.parametrizations.spectral_norm.

import KernelInterface
import Tensors

struct SpectralNorm: Layer {
    static let kind = "spectral_norm"
    static let documentation =
        "a weight divided by its largest singular value, as a matrix with dimension dim in front; original is the weight, "
        + "0._u and 0._v the singular vectors, which n_power_iterations steps improve in training"
    static let attributes = [
        AttributeSpecification("shape", .integers, "sizes of the weight"),
        AttributeSpecification("n_power_iterations", .integer(1...1000), default: "1", "steps of power iteration in a training step"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-12", "the least norm that vectors are divided by"),
        AttributeSpecification("dim", .integer(0...7), default: "0", "the dimension that counts the matrix's rows"),
        AttributeSpecification("init", .text, default: "default", "initializer of original, as of a layer's weight"),
    ]
    static let inputCount = 0...0
    static let parameterShapes = [
        (name: "original", shape: "[shape]"), (name: "0._u", shape: "[size of dim]"), (name: "0._v", shape: "[product of the others]"),
    ]

    let weight: WeightTensor
    let iterations: Int
    let eps: Double
    let dimension: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        weight = try WeightTensor(attributes, kind: Self.kind)
        iterations = attributes.integer("n_power_iterations")
        eps = attributes.real("eps")
        dimension = attributes.integer("dim")
        guard weight.shape.rank >= 2 else {
            throw ChainruleError(.attribute, "spectral_norm's shape", expected: "two sizes or more", got: "\(weight.shape.dimensions)")
        }
        guard dimension < weight.shape.rank else {
            throw ChainruleError(.attribute, "spectral_norm's dim", expected: "0 to \(weight.shape.rank - 1)", got: "\(dimension)")
        }
    }

    private var rows: Int { weight.shape[dimension] }
    private var columns: Int { weight.shape.elementCount / weight.shape[dimension] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [weight.shape] }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        var u = ParameterSpecification("0._u", [rows], .zeros, isTrainable: false)
        var v = ParameterSpecification("0._v", [columns], .zeros, isTrainable: false)
        let sizes = weight.sizes(around: dimension)
        let eps = eps
        u.derivation = .init(from: "original") { _ = $1.update(fromContentsOf: singularVectors($0, sizes, eps).u) }
        v.derivation = .init(from: "original") { _ = $1.update(fromContentsOf: singularVectors($0, sizes, eps).v) }
        return [ParameterSpecification("original", weight.shape, weight.initializer), u, v]
    }

    func forward(_ emit: Emitter) {
        guard let original = emit.parameter("original"), var u = emit.parameter("0._u"), var v = emit.parameter("0._v") else { return }
        let program = emit.program
        var matrix = original
        if dimension > 0 {
            matrix = emit.workspace(elements: rows * columns)
            turn(program, original, into: matrix, isBack: false)
        }
        let image = emit.workspace(elements: rows)
        if emit.isTraining {
            for _ in 0..<iterations {
                let left = emit.workspace(elements: rows)
                program.matrixProduct(m: rows, n: 1, k: columns, a: matrix, b: v, into: left)
                u = normalized(program, left, rows)
                let right = emit.workspace(elements: columns)
                program.matrixProduct(m: 1, n: columns, k: rows, a: u, b: matrix, into: right)
                v = normalized(program, right, columns)
            }
            if let ownU = emit.parameter("0._u"), let ownV = emit.parameter("0._v") {
                let (newU, newV) = (u, v)
                let (rows, columns) = (rows, columns)
                emit.atCommit { program in
                    program.copyFlat(newU, into: ownU, count: rows)
                    program.copyFlat(newV, into: ownV, count: columns)
                }
            }
        }
        let sigma = emit.workspace(elements: 1)
        program.matrixProduct(m: rows, n: 1, k: columns, a: matrix, b: v, into: image)
        program.matrixProduct(m: 1, n: 1, k: rows, a: u, b: image, into: sigma)
        program.binaryFlat(.divide, original, sigma, isNumber: true, into: emit.output(), count: rows * columns)
        emit.save("u", u)
        emit.save("v", v)
        emit.save("sigma", sigma)
    }

    // u and v count as constants: dW = (dy - (sum(dy W) / sigma) u v^T) / sigma
    func backward(_ emit: Emitter) {
        guard let gradient = emit.parameterGradient("original"), let u = emit.saved("u"), let v = emit.saved("v"),
            let sigma = emit.saved("sigma")
        else { return }
        let program = emit.program
        let count = rows * columns
        let dy = emit.outputGradient()
        // The output holds W / sigma.
        let share = emit.workspace(elements: 1)
        program.matrixProduct(m: 1, n: 1, k: count, a: dy, b: emit.output(), into: share)
        let scaled = emit.workspace(elements: rows)
        program.binaryFlat(.multiply, u, share, isNumber: true, into: scaled, count: rows)
        var direction = emit.workspace(elements: count)
        program.matrixProduct(m: rows, n: columns, k: 1, a: scaled, b: v, into: direction)
        if dimension > 0 {
            let back = emit.workspace(elements: count)
            turn(program, direction, into: back, isBack: true)
            direction = back
        }
        let rest = emit.workspace(elements: count)
        program.binaryFlat(.subtract, dy, direction, into: rest, count: count)
        program.binaryFlat(.divide, rest, sigma, isNumber: true, into: gradient, count: count)
    }

    private func normalized(_ program: Program, _ x: Value, _ count: Int) -> Value {
        let result = program.value(elements: count)
        _ = program.normalizeSlices(x, nil, (1, 1, count), eps: eps, into: result)
        return result
    }

    /// From [outer, rows, inner] to [rows, outer, inner], or back.
    private func turn(_ program: Program, _ x: Value, into y: Value, isBack: Bool) {
        let (outer, rows, inner) = weight.sizes(around: dimension)
        let tensor = [inner, rows * inner, 1]
        let matrix = [outer * inner, inner, 1]
        program.copyStrided(x, strides: isBack ? matrix : tensor, into: y, strides: isBack ? tensor : matrix, sizes: [rows, outer, inner])
    }
}

/// Fifteen steps of power iteration from a vector that is always the same, as PyTorch begins.
private func singularVectors(
    _ values: UnsafeBufferPointer<Double>, _ sizes: (outer: Int, rows: Int, inner: Int), _ eps: Double
) -> (u: [Double], v: [Double]) {
    let (outer, rows, inner) = sizes
    let random = Philox(seed: 0, stream: 0)
    var u = [Double](repeating: 0, count: rows)
    var v = (0..<outer * inner).map { random.normal(UInt64($0)) }
    func normalize(_ x: inout [Double]) {
        let norm = max(x.reduce(0) { $0 + $1 * $1 }.squareRoot(), eps)
        for index in x.indices { x[index] /= norm }
    }
    normalize(&v)
    for _ in 0..<15 {
        for row in 0..<rows { u[row] = 0 }
        for o in 0..<outer {
            for row in 0..<rows {
                for i in 0..<inner { u[row] += values[(o * rows + row) * inner + i] * v[o * inner + i] }
            }
        }
        normalize(&u)
        for column in v.indices { v[column] = 0 }
        for o in 0..<outer {
            for row in 0..<rows {
                for i in 0..<inner { v[o * inner + i] += values[(o * rows + row) * inner + i] * u[row] }
            }
        }
        normalize(&v)
    }
    return (u, v)
}
