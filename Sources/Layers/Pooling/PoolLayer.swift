// What all pools have in common: an image of one to three dimensions of space in, one number for each window out.

import KernelInterface
import Tensors

protocol PoolLayer: Layer {
    static var rank: Int { get }
    static var function: PoolFunction { get }
    func positions(_ image: [Int]) throws(ChainruleError) -> [Int]
    func tables(image: [Int], positions: [Int]) -> (space: PoolSpace, intervals: [Int])
}

extension PoolLayer {
    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [try outputShape(inputs[0])] }

    func outputShape(_ input: Shape) throws(ChainruleError) -> Shape {
        try checkImage(input, rank: Self.rank, kind: Self.kind)
        let positions = try positions(Array(input.dimensions.suffix(Self.rank)))
        guard positions.allSatisfy({ $0 <= PoolWindow.most }) else {
            throw ChainruleError(
                .shape, "\(Self.kind)'s output", expected: "at most \(PoolWindow.most) windows along a dimension", got: "\(positions)")
        }
        return Shape(input.dimensions.dropLast(Self.rank) + positions)
    }

    func forward(_ emit: Emitter) { work(emit)?.forward() }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let dx = emit.inputGradient()
        work(emit)?.backward(into: dx)
    }

    func work(_ emit: Emitter) -> PoolWork? {
        PoolWork(emit, Self.function, tables(image: emit.inputShapes[0].last(Self.rank), positions: emit.outputShapes[0].last(Self.rank)))
    }
}

extension Shape {
    fileprivate func last(_ count: Int) -> [Int] { Array(dimensions.suffix(count)) }
}

/// One call's tables and pieces; written once for all pools.
struct PoolWork {
    let emit: Emitter
    let space: Value
    let intervals: Value
    let planes: Int
    let perPiece: Int
    let cost: Double
    let function: PoolFunction
    /// Where a plane is one window: what an average divides by. Planes then are rows, which reductions take a vector at
    /// a time.
    let wholeDivisor: Int?
    private let form: FoldForm

    var pieces: Int { (planes + perPiece - 1) / perPiece }

    @inline(never)
    fileprivate init?(_ emit: Emitter, _ function: PoolFunction, _ tables: (space: PoolSpace, intervals: [Int])) {
        let size = tables.space.imageCount
        planes = emit.inputShapes[0].elementCount / size
        guard planes > 0, emit.outputShapes[0].elementCount > 0 else { return nil }
        self.emit = emit
        self.function = function
        perPiece = max(1, elementsPerPiece / size)
        cost = Double(planes * size) * 0.7
        form = FoldForm(Shape([planes, size]), axis: 1)
        wholeDivisor = size <= Int(Int32.max) ? tables.space.wholeDivisor(tables.intervals) : nil
        if let space = emit.saved("space"), let intervals = emit.saved("intervals") {
            (self.space, self.intervals) = (space, intervals)
        } else {
            space = emit.program.table(tables.space)
            intervals = emit.program.table(of: tables.intervals)
            emit.save("space", space)
            emit.save("intervals", intervals)
        }
    }

    @inline(never)
    func forward() {
        let program = emit.program
        if let wholeDivisor, function == .average {
            return program.sum(emit.input(), form.shape, over: [1], into: emit.output(), factor: 1 / Double(wholeDivisor))
        }
        if wholeDivisor != nil {
            let operands = [Operand(0, emit.input(), .read), Operand(1, emit.output(), .write)]
            return form.call(program, .foldRows, operands, RowFold.largest.rawValue)
        }
        program.call(
            .poolForward,
            [
                Operand(0, emit.input(), .read), Operand(1, emit.output(), .write), Operand(2, space, .read),
                Operand(3, intervals, .read),
            ], pieces: pieces, cost: cost, fill)
    }

    @inline(never)
    func backward(into dx: Value) {
        let program = emit.program
        let dy = emit.outputGradient()
        if let wholeDivisor {
            if function == .average {
                return program.copyStrided(
                    dy, strides: [1, 0], into: dx, strides: form.shape.strides, sizes: form.shape.dimensions,
                    factor: 1 / Double(wholeDivisor))
            }
            // Indices are as long as elements.
            let places = emit.workspace(elements: planes)
            let operands = [Operand(0, emit.input(), .read), Operand(1, places, .write)]
            form.call(program, .foldPosition, operands, positionOfLastNaN)
            return program.place(.put, dy, indices: places, into: dx, planes: Planes(Shape([planes, 1]), form.shape, 1))
        }
        var operands = [Operand(1, dy, .read), Operand(2, space, .read), Operand(3, intervals, .read), Operand(4, dx, .write)]
        if function == .maximum { operands.append(Operand(0, emit.input(), .read)) }
        program.call(.poolBackward, operands, pieces: pieces, cost: 2 * cost, fill)
    }

    func fill(_ call: inout KernelCall) {
        call.integers[0] = planes
        call.integers[1] = perPiece
        call.integers[2] = function.rawValue
    }
}

extension PoolSpace {
    /// What an average divides by if there is one window and it is the whole plane.
    fileprivate func wholeDivisor(_ intervals: [Int]) -> Int? {
        guard positionCount == 1 else { return nil }
        var count = 1
        for axis in 0..<3 {
            guard intervals[3 * axis] == 0, intervals[3 * axis + 1] == image[axis], step[axis] == 1 else { return nil }
            count *= intervals[3 * axis + 2]
        }
        return divisor == 0 ? count : divisor
    }
}

/// Images with or without a batch, none of their own sizes 0.
func checkImage(_ input: Shape, rank: Int, kind: String) throws(ChainruleError) {
    guard input.rank == rank + 2 || (input.rank == rank + 1 && !input.isBatched),
        input.dimensions.suffix(rank).allSatisfy({ $0 > 0 })
    else {
        let names = rank == 1 ? "length" : rank == 2 ? "height, width" : "depth, height, width"
        throw ChainruleError(
            .shape, "\(kind)'s input", expected: "\(rank + 2) dimensions (batch, channels, \(names)), sizes of 1 or more", got: "\(input)")
    }
}
