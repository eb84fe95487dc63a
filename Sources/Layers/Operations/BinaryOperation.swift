// Operations of two arrays with NumPy's broadcasting, or of an array and a number.

import KernelInterface
import Tensors

struct AddOperation: BinaryOperation {
    static let kind = "add"
    static let documentation = "x + y, or x + value"
    static let function = BinaryFunction.add
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct SubtractOperation: BinaryOperation {
    static let kind = "sub"
    static let documentation = "x - y, or x - value"
    static let function = BinaryFunction.subtract
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct MultiplyOperation: BinaryOperation {
    static let kind = "mul"
    static let documentation = "x * y, or x * value, element by element"
    static let function = BinaryFunction.multiply
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct DivideOperation: BinaryOperation {
    static let kind = "div"
    static let documentation = "x / y, or x / value, element by element"
    static let function = BinaryFunction.divide
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct PowerOperation: BinaryOperation {
    static let kind = "pow"
    static let documentation = "x ** y, or x ** value, element by element"
    static let function = BinaryFunction.power
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }

    // A number as the exponent makes a function of one variable, which knows the exponents that need no logarithm.

    func forward(_ emit: Emitter) {
        guard let number else { return combineForward(emit) }
        emit.program.unary(.power, (number, 0), from: emit.input(), into: emit.output(), count: emit.inputShapes[0].elementCount)
    }

    func backward(_ emit: Emitter) {
        guard let number else { return combineBackward(emit) }
        guard emit.needsInputGradient() else { return }
        emit.program.unaryBackward(
            .power, (number, 0), outputGradient: emit.outputGradient(), saved: emit.input(), into: emit.inputGradient(),
            count: emit.inputShapes[0].elementCount)
    }
}

struct MaximumOperation: BinaryOperation {
    static let kind = "maximum"
    static let documentation = "the larger of x and y (or value); at equality the gradient goes half to each"
    static let function = BinaryFunction.maximum
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

protocol BinaryOperation: Layer {
    static var function: BinaryFunction { get }
    /// The second operand, where it is a number.
    var number: Double? { get }
}

extension BinaryOperation {
    static var inputCount: ClosedRange<Int> { 1...2 }
    static var attributes: [AttributeSpecification] {
        [AttributeSpecification("value", .real(.finite), optional: true, "a number in place of the second input")]
    }
    static func number(_ attributes: Attributes) -> Double? {
        attributes.has("value") ? attributes.real("value") : nil
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard (inputs.count == 1) == (number != nil) else {
            throw ChainruleError(
                .invalidArgument, "\(Self.kind)'s operands", expected: "two inputs, or one and value=",
                got: number == nil ? "one input without value=" : "two inputs and value=")
        }
        return inputs.count == 1 ? inputs : [try Shape.broadcast(inputs[0], inputs[1])]
    }

    func forward(_ emit: Emitter) { combineForward(emit) }
    func backward(_ emit: Emitter) { combineBackward(emit) }

    func combineForward(_ emit: Emitter) {
        let walk = BinaryWalk(emit, number)
        var operands = [Operand(0, emit.input(0), .read), Operand(2, emit.output(), .write)]
        if number == nil { operands.append(Operand(1, emit.input(1), .read)) }
        if walk.space == nil {
            emit.program.call(.binaryFlat, operands, pieces: walk.pieces, cost: walk.cost) { walk.fill(&$0, Self.function) }
        } else if let space = walk.space {
            operands.append(Operand(3, emit.program.table(space), .read))
            emit.program.call(.binaryStrided, operands, pieces: walk.pieces, cost: walk.cost) { walk.fill(&$0, Self.function) }
        }
    }

    func combineBackward(_ emit: Emitter) {
        for side in 0..<emit.inputShapes.count where emit.needsInputGradient(side) {
            let shape = emit.outputShapes[0]
            let needsSum = emit.inputShapes[side] != shape
            if !needsSum, Self.function == .add || (Self.function == .subtract && side == 0) {
                emit.setInputGradient(side, as: emit.outputGradient())
                continue
            }
            let full = needsSum ? emit.workspace(elements: shape.elementCount) : emit.inputGradient(side)
            appendGradient(emit, side: side, into: full)
            if needsSum { emit.program.sumTo(emit.inputShapes[side], full, shape, into: emit.inputGradient(side)) }
        }
    }

    private func appendGradient(_ emit: Emitter, side: Int, into gradient: Value) {
        let walk = BinaryWalk(emit, number)
        var operands = [
            Operand(0, emit.input(0), .read), Operand(2, emit.output(), .read),
            Operand(3, emit.outputGradient(), .read), Operand(4, gradient, .write),
        ]
        if number == nil { operands.append(Operand(1, emit.input(1), .read)) }
        if let space = walk.space { operands.append(Operand(5, emit.program.table(space), .read)) }
        emit.program.call(
            walk.space == nil ? .binaryBackwardFlat : .binaryBackwardStrided, operands, pieces: walk.pieces,
            cost: walk.cost
        ) {
            walk.fill(&$0, Self.function)
            $0.integers[4] = side
        }
    }
}

/// How both operands are walked: flat where shapes are equal or one is a single element.
private struct BinaryWalk {
    var space: StridedSpace?
    var count: Int
    var steps = (1, 1)
    var number = 0.0
    var pieces: Int
    var cost: Double

    init(_ emit: Emitter, _ number: Double?) {
        let shape = emit.outputShapes[0]
        count = shape.elementCount
        pieces = flatPieces(count)
        cost = Double(count) * 0.5
        let x = emit.inputShapes[0]
        if let number {
            self.number = number
            steps = (1, 0)
            return
        }
        let y = emit.inputShapes[1]
        let flatX = x.elementCount == count || x.elementCount == 1
        let flatY = y.elementCount == count || y.elementCount == 1
        if flatX && flatY {
            steps = (x.elementCount == count ? 1 : 0, y.elementCount == count ? 1 : 0)
            return
        }
        space = StridedSpace(
            sizes: shape.dimensions, strides: [x.broadcastStrides(to: shape), y.broadcastStrides(to: shape)])
        if let space { pieces = max((space.rows + space.rowsPerPiece - 1) / space.rowsPerPiece, 1) }
    }

    func fill(_ call: inout KernelCall, _ function: BinaryFunction) {
        call.integers[0] = space?.rowsPerPiece ?? count
        call.integers[1] = function.rawValue
        call.integers[2] = steps.0
        call.integers[3] = steps.1
        call.scalars[0] = number
    }
}

extension Shape {
    /// Element strides under which this shape is walked as a larger one it broadcasts to.
    public func broadcastStrides(to shape: Shape) -> [Int] {
        let own = strides
        let missing = shape.rank - rank
        return (0..<shape.rank).map { index in
            index < missing || self[index - missing] == 1 ? 0 : own[index - missing]
        }
    }
}

extension Program {
    /// Sums a gradient of a broadcast result back to an operand's shape.
    func sumTo(_ small: Shape, _ x: Value, _ shape: Shape, into result: Value) {
        let missing = shape.rank - small.rank
        let over = (0..<shape.rank).filter { $0 < missing || (small[$0 - missing] == 1 && shape[$0] != 1) }
        sum(x, shape, over: over, into: result)
    }
}
