// A function of two arrays under any strides, for layers that are not just that function.

import KernelInterface
import Tensors

extension Program {
    /// z = f(x, y) over contiguous z of these sizes; a nil y is the number.
    public func binary(
        _ function: BinaryFunction, _ x: Value, strides xStrides: [Int], _ y: Value?, strides yStrides: [Int] = [],
        number: Double = 0, into z: Value, sizes: [Int]
    ) {
        var operands = [Operand(0, x, .read), Operand(2, z, .write)]
        if let y { operands.append(Operand(1, y, .read)) }
        let walk = PairWalk(xStrides, y == nil ? sizes.map { _ in 0 } : yStrides, sizes)
        guard walk.count > 0 else { return }
        if let space = walk.space { operands.append(Operand(3, table(space), .read)) }
        call(walk.space == nil ? .binaryFlat : .binaryStrided, operands, pieces: walk.pieces, cost: Double(walk.count) * 0.5) {
            walk.fill(&$0, function, number)
        }
    }

    /// The gradient in x (operand 0) or y (operand 1), of z's sizes.
    func binaryBackward(
        _ function: BinaryFunction, operand: Int, _ x: Value, strides xStrides: [Int], _ y: Value?,
        strides yStrides: [Int] = [], number: Double = 0, outputGradient dz: Value, into gradient: Value, sizes: [Int]
    ) {
        var operands = [Operand(0, x, .read), Operand(3, dz, .read), Operand(4, gradient, .write)]
        if let y { operands.append(Operand(1, y, .read)) }
        let walk = PairWalk(xStrides, y == nil ? sizes.map { _ in 0 } : yStrides, sizes)
        guard walk.count > 0 else { return }
        if let space = walk.space { operands.append(Operand(5, table(space), .read)) }
        call(
            walk.space == nil ? .binaryBackwardFlat : .binaryBackwardStrided, operands, pieces: walk.pieces,
            cost: Double(walk.count) * 0.5
        ) {
            walk.fill(&$0, function, number)
            $0.integers[4] = operand
        }
    }
}

/// Flat where each operand is contiguous or a single element.
private struct PairWalk {
    let count: Int
    var steps = (1, 1)
    var space: StridedSpace?
    let pieces: Int

    init(_ x: [Int], _ y: [Int], _ sizes: [Int]) {
        count = sizes.reduce(1, *)
        if let stepX = flatStep(x, sizes), let stepY = flatStep(y, sizes) {
            steps = (stepX, stepY)
            pieces = flatPieces(count)
            return
        }
        let space = StridedSpace(sizes: sizes, strides: [x, y])
        self.space = space
        pieces = space.map { max(($0.rows + $0.rowsPerPiece - 1) / $0.rowsPerPiece, 1) } ?? 1
    }

    func fill(_ call: inout KernelCall, _ function: BinaryFunction, _ number: Double) {
        call.integers[0] = space?.rowsPerPiece ?? count
        call.integers[1] = function.rawValue
        call.integers[2] = steps.0
        call.integers[3] = steps.1
        call.scalars[0] = number
    }
}

/// 1 for a contiguous operand, 0 for one element for all; nil for others.
func flatStep(_ strides: [Int], _ sizes: [Int]) -> Int? {
    let contiguous = Shape(sizes).strides
    let real = sizes.indices.filter { sizes[$0] != 1 }
    if real.allSatisfy({ strides[$0] == contiguous[$0] }) { return 1 }
    return real.allSatisfy({ strides[$0] == 0 }) ? 0 : nil
}
