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

    func forward(_ emit: Emitter) {
        guard let work = PoolWork(self, emit) else { return }
        emit.save("space", work.space)
        emit.save("intervals", work.intervals)
        emit.program.call(
            .poolForward,
            [
                Operand(0, emit.input(), .read), Operand(1, emit.output(), .write), Operand(2, work.space, .read),
                Operand(3, work.intervals, .read),
            ], pieces: work.pieces, cost: work.cost, work.fill)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let dx = emit.inputGradient()
        guard let work = PoolWork(self, emit) else { return }
        var operands = [
            Operand(1, emit.outputGradient(), .read), Operand(2, work.space, .read), Operand(3, work.intervals, .read),
            Operand(4, dx, .write),
        ]
        if Self.function == .maximum { operands.append(Operand(0, emit.input(), .read)) }
        emit.program.call(.poolBackward, operands, pieces: work.pieces, cost: 2 * work.cost, work.fill)
    }
}

/// One call's tables and pieces.
struct PoolWork {
    let space: Value
    let intervals: Value
    let planes: Int
    let perPiece: Int
    let cost: Double
    let function: PoolFunction
    var pieces: Int { (planes + perPiece - 1) / perPiece }

    init?<L: PoolLayer>(_ layer: L, _ emit: Emitter) {
        let image = Array(emit.inputShapes[0].dimensions.suffix(L.rank))
        let positions = Array(emit.outputShapes[0].dimensions.suffix(L.rank))
        let size = image.reduce(1, *)
        planes = emit.inputShapes[0].elementCount / size
        guard planes > 0, emit.outputShapes[0].elementCount > 0 else { return nil }
        perPiece = max(1, elementsPerPiece / size)
        cost = Double(planes * size) * 0.7
        function = L.function
        if let space = emit.saved("space"), let intervals = emit.saved("intervals") {
            (self.space, self.intervals) = (space, intervals)
        } else {
            let tables = layer.tables(image: image, positions: positions)
            space = emit.program.table(tables.space)
            intervals = emit.program.table(of: tables.intervals)
        }
    }

    func fill(_ call: inout KernelCall) {
        call.integers[0] = planes
        call.integers[1] = perPiece
        call.integers[2] = function.rawValue
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
