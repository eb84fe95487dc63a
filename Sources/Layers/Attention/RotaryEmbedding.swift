// Rotary positions: queries and keys turned, pair by pair, by angles that grow with their position, so that
// their products depend on distances (Su et al. 2021).

import Glibc
import KernelInterface
import Tensors

struct RotaryEmbedding: Layer {
    static let kind = "rotary_embedding"
    static let className: String? = "RotaryEmbedding"
    static let keepsShape = true
    static let documentation =
        "turns pairs of the last dimension of [..., time, size] by the angles t / base^(2i/size) (Su et al. 2021): elements i and "
        + "i + size/2, or neighbours 2i and 2i+1 if interleaved"
    static let attributes = [
        AttributeSpecification("base", .real(.positive), default: "10000", "of the wavelengths"),
        AttributeSpecification("interleaved", .boolean, default: "false", "whether pairs are neighbours"),
    ]

    let base: Double
    let isInterleaved: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        base = attributes.real("base")
        isInterleaved = attributes.boolean("interleaved")
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard input.rank >= 2, input[input.rank - 2] != Shape.batch, input[input.rank - 1] > 0, input[input.rank - 1] % 2 == 0 else {
            throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "[..., time, size] with an even size", got: "\(input)")
        }
        try checkPositions(input, Self.kind)
        return inputs
    }

    func forward(_ emit: Emitter) { turn(emit, emit.input(), into: emit.output(), backwards: false) }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { turn(emit, emit.outputGradient(), into: emit.inputGradient(), backwards: true) }
    }

    private func turn(_ emit: Emitter, _ x: Value, into y: Value, backwards: Bool) {
        let shape = emit.inputShapes[0]
        guard shape.elementCount > 0 else { return }
        let (time, size) = (shape[shape.rank - 2], shape[shape.rank - 1])
        let rows = shape.elementCount / size
        let perPiece = StridedSpace.rowsPerPiece(columns: size)
        var sines = [Double](repeating: 0, count: time * size / 2)
        var cosines = sines
        for pair in 0..<size / 2 {
            let frequency = pow(base, -Double(2 * pair) / Double(size))
            for position in 0..<time {
                sines[position * size / 2 + pair] = sin(Double(position) * frequency)
                cosines[position * size / 2 + pair] = cos(Double(position) * frequency)
            }
        }
        emit.program.call(
            .rotatePairs,
            [
                Operand(0, x, .read), Operand(1, y, .write), Operand(2, emit.program.constant(cosines), .read),
                Operand(3, emit.program.constant(sines), .read),
            ], pieces: (rows + perPiece - 1) / perPiece, cost: Double(shape.elementCount)
        ) {
            $0.integers[0] = rows
            $0.integers[1] = size
            $0.integers[2] = time
            $0.integers[3] = isInterleaved ? 1 : 0
            $0.integers[4] = backwards ? 1 : 0
            $0.integers[5] = perPiece
        }
    }
}
