// One of two arrays, element by element, by a condition.

import KernelInterface
import Tensors

struct Where: Layer {
    static let kind = "where"
    static let documentation = "input where condition is not 0, other (or value) elsewhere, with broadcasting; what is not chosen gets no gradient"
    static let attributes = [AttributeSpecification("value", .real(.finite), optional: true, "a number in place of other")]
    static let inputCount = 2...3
    static let inputRoles = ["condition", "input", "other"]

    let number: Double?
    let places: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        number = attributes.has("value") ? attributes.real("value") : nil
        places = ["condition", "input", "other"].compactMap { attributes.input($0) }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard (inputs.count == 2) == (number != nil) else {
            throw ChainruleError(
                .invalidArgument, "where's inputs", expected: "condition, input and other, or the first two and value=",
                got: number == nil ? "two inputs without value=" : "three inputs and value=")
        }
        var shape = inputs[0]
        for input in inputs.dropFirst() { shape = try Shape.broadcast(shape, input) }
        return [shape]
    }

    func forward(_ emit: Emitter) {
        let shape = emit.outputShapes[0]
        func operand(_ role: Int) -> (Value, [Int])? {
            guard role < places.count else { return nil }
            return (emit.input(places[role]), emit.inputShapes[places[role]].broadcastStrides(to: shape))
        }
        emit.program.select(operand(0), operand(1), operand(2), number: number ?? 0, into: emit.output(), sizes: shape.dimensions)
    }

    func backward(_ emit: Emitter) {
        let shape = emit.outputShapes[0]
        let condition = (emit.input(places[0]), emit.inputShapes[places[0]].broadcastStrides(to: shape))
        for role in 1..<places.count where emit.needsInputGradient(places[role]) {
            let own = emit.inputShapes[places[role]]
            let gradient = (emit.outputGradient(), shape.strides)
            let full = own == shape ? emit.inputGradient(places[role]) : emit.workspace(elements: shape.elementCount)
            emit.program.select(
                condition, role == 1 ? gradient : nil, role == 1 ? nil : gradient, number: 0, into: full, sizes: shape.dimensions)
            if own != shape { emit.program.sumTo(own, full, shape, into: emit.inputGradient(places[role])) }
        }
    }
}

extension Program {
    /// z = x where the condition is not 0, y elsewhere; operands with their strides, nil is the number.
    func select(
        _ condition: (Value, [Int])?, _ x: (Value, [Int])?, _ y: (Value, [Int])?, number: Double, into z: Value, sizes: [Int]
    ) {
        let count = sizes.reduce(1, *)
        guard count > 0 else { return }
        let none = sizes.map { _ in 0 }
        let strides = [condition, x, y].map { $0?.1 ?? none }
        var operands = [Operand(3, z, .write)]
        for (slot, operand) in [condition, x, y].enumerated() {
            if let operand { operands.append(Operand(slot, operand.0, .read)) }
        }
        let steps = strides.map { flatStep($0, sizes) }
        var pieces = flatPieces(count)
        var first = count
        if steps.contains(nil), let space = StridedSpace(sizes: sizes, strides: strides) {
            operands.append(Operand(4, table(space), .read))
            first = space.rowsPerPiece
            pieces = (space.rows + first - 1) / first
        }
        call(.select, operands, pieces: pieces, cost: Double(count) * 0.4) {
            $0.integers[0] = first
            for slot in 0..<3 { $0.integers[1 + slot] = steps[slot] ?? 0 }
            $0.scalars[0] = number
        }
    }
}
