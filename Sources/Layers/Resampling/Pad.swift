// Elements around an array: a number, its own reflection, its edges repeated, or its other end.

import KernelInterface
import Tensors

struct Pad: AxisLayer {
    static let kind = "pad"
    static let documentation =
        "elements around an array (PyTorch's F.pad): of the last dimension first, for each dimension how many before and how many behind; "
        + "negative numbers cut off"
    static let attributes = [
        AttributeSpecification("padding", .integers, "before and behind the last dimension, then those of the one before, ...; not the batch"),
        AttributeSpecification("mode", .word(["constant", "reflect", "replicate", "circular"]), default: "constant", "what the elements are"),
        AttributeSpecification("value", .real(.finite), default: "0", "the elements, in mode constant"),
    ]

    let padding: [Int]
    let mode: ConvolutionPadding
    let filling: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        padding = attributes.integers("padding")
        filling = attributes.real("value")
        switch attributes.text("mode") {
        case "reflect": mode = .reflect
        case "replicate": mode = .replicate
        case "circular": mode = .circular
        default: mode = .zeros
        }
        guard padding.count % 2 == 0, padding.allSatisfy({ abs($0 == .min ? .max : $0) <= AxisTable.most }) else {
            throw ChainruleError(
                .attribute, "pad's padding", expected: "two numbers for each dimension, of at most \(AxisTable.most)", got: "\(padding)")
        }
        guard filling == 0 || mode == .zeros else {
            throw ChainruleError(.attribute, "pad's value", expected: "none but in mode constant", got: "\(filling)")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        var shape = inputs[0]
        let most = shape.rank - (shape.isBatched ? 1 : 0)
        guard padding.count <= 2 * most else {
            throw ChainruleError(
                .attribute, "pad's padding", expected: "at most \(2 * most) numbers for \(shape)\(shape.isBatched ? "; the batch stays" : "")",
                got: "\(padding.count)")
        }
        for number in 0..<padding.count / 2 {
            let axis = shape.rank - 1 - number
            let (before, behind) = (padding[2 * number], padding[2 * number + 1])
            if before == 0 && behind == 0 { continue }
            let size = shape[axis]
            // How far each mode reaches.
            let reach = mode == .zeros || (mode == .replicate && size > 0) ? Int.max : mode == .circular ? size : size - 1
            guard before <= reach, behind <= reach else {
                throw ChainruleError(
                    .shape, "pad's padding", expected: "at most \(max(reach, 0)) in dimension \(axis) of \(size) elements", got: "\(max(before, behind))")
            }
            let result = size + before + behind
            guard size + min(before, 0) + min(behind, 0) >= 0, result > 0, size <= AxisTable.most, result <= AxisTable.most else {
                throw ChainruleError(
                    .shape, "pad's output", expected: "1 to \(AxisTable.most) elements in dimension \(axis), some of the input's or all cut off",
                    got: "\(size) and \(before) and \(behind)")
            }
            shape.dimensions[axis] = result
        }
        return [shape]
    }

    func forward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        if emit.program.move(emit.input(), shape, moves(shape), into: emit.output(), filling: filling) { return }
        combineForward(emit)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let shape = emit.inputShapes[0]
        if emit.program.move(emit.outputGradient(), shape, moves(shape), isBack: true, into: emit.inputGradient()) { return }
        combineBackward(emit)
    }

    private func moves(_ shape: Shape) -> [LineMove] {
        (0..<padding.count / 2).filter { padding[2 * $0] != 0 || padding[2 * $0 + 1] != 0 }.map { number in
            let axis = shape.rank - 1 - number
            let (before, behind) = (padding[2 * number], padding[2 * number + 1])
            return LineMove(
                axis: axis, sources: (-before..<shape[axis] + behind).map { source($0, shape[axis]) }, before: before)
        }
    }

    /// Large blocks go one dimension after another.
    func steps(_ shape: Shape) -> [(axis: Int, table: AxisTable)] {
        moves(shape).reversed().map { move in
            var table = AxisTable(size: shape[move.axis])
            for source in move.sources { table.append(source < 0 ? [] : [(source, 1)]) }
            return (move.axis, table)
        }
    }

    private func source(_ i: Int, _ size: Int) -> Int {
        if i >= 0 && i < size { return i }
        switch mode {
        case .zeros: return -1
        case .reflect: return i < 0 ? -i : 2 * (size - 1) - i
        case .replicate: return i < 0 ? 0 : size - 1
        case .circular: return i < 0 ? i + size : i - size
        }
    }
}
