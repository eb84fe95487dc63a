// Adds to each row a fixed pattern of its position: sines and cosines of wavelengths from 2 pi to 10000 2 pi
// (Vaswani et al. 2017, section 3.5).

import Glibc
import KernelInterface
import Tensors

struct SinusoidalPositions: Layer {
    static let kind = "sinusoidal_positions"
    static let className: String? = "SinusoidalPositions"
    static let keepsShape = true
    static let documentation =
        "x + table over [..., time, size]: table[t, 2i] = sin(t / 10000^(2i/size)), table[t, 2i+1] = cos(t / 10000^(2i/size)) "
        + "(Vaswani et al. 2017); learned positions are an embedding or a parameter"
    static let attributes = [
        AttributeSpecification("max_len", .integer(1...(1 << 30)), default: "5000", "the longest time accepted")
    ]

    let longest: Int

    init(_ attributes: Attributes) throws(ChainruleError) { longest = attributes.integer("max_len") }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard input.rank >= 2, input[input.rank - 2] != Shape.batch, input[input.rank - 2] <= longest, input[input.rank - 1] > 0 else {
            throw ChainruleError(
                .shape, "\(Self.kind)'s input", expected: "[..., time, size], time at most \(longest) (max_len), size 1 or more", got: "\(input)")
        }
        try checkPositions(input, Self.kind)
        return inputs
    }

    func forward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        guard shape.elementCount > 0 else { return }
        let (time, size) = (shape[shape.rank - 2], shape[shape.rank - 1])
        let table = emit.program.constant(Self.table(time: time, size: size))
        let own = Shape([time, size])
        guard let space = StridedSpace(sizes: shape.dimensions, strides: [shape.strides, own.broadcastStrides(to: shape)]) else { return }
        emit.program.call(
            .binaryStrided,
            [
                Operand(0, emit.input(), .read), Operand(1, table, .read), Operand(2, emit.output(), .write),
                Operand(3, emit.program.table(space), .read),
            ], pieces: (space.rows + space.rowsPerPiece - 1) / space.rowsPerPiece, cost: Double(shape.elementCount) * 0.5
        ) {
            $0.integers[0] = space.rowsPerPiece
            $0.integers[1] = BinaryFunction.add.rawValue
            $0.integers[2] = 1
            $0.integers[3] = 1
        }
    }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { emit.setInputGradient(as: emit.outputGradient()) }
    }

    private static func table(time: Int, size: Int) -> [Double] {
        var table = [Double](repeating: 0, count: time * size)
        for column in 0..<size {
            let frequency = 1 / pow(10000, Double(column / 2 * 2) / Double(size))
            for position in 0..<time {
                let angle = Double(position) * frequency
                table[position * size + column] = column % 2 == 0 ? sin(angle) : cos(angle)
            }
        }
        return table
    }
}

/// Tables of positions are made with the plan, in numbers that a step doesn't count.
func checkPositions(_ input: Shape, _ kind: String) throws(ChainruleError) {
    let (count, overflow) = input[input.rank - 2].multipliedReportingOverflow(by: input[input.rank - 1])
    guard !overflow, count <= 1 << 25 else {
        throw ChainruleError(.shape, "\(kind)'s input", expected: "time times size at most 2^25", got: "\(input)")
    }
}
