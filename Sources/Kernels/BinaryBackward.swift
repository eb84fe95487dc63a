// The gradient of z = operation(x, y) in one operand, with z's shape: summing over broadcast
// dimensions is the reduction's work (Reduce.swift).
//
// binaryBackwardFlat. Pieces: elementsPerPiece of z.
//   pointers  0 x (nil: scalar 0)  1 y (nil: scalar 0)  2 z  3 dz  4 gradient
//   integers  0 count  1 BinaryFunction  2 step of x  3 step of y  4 operand (0: x, 1: y)
//             5 whether the gradient is added to what is there
//   scalars   0 the constant operand
// binaryBackwardStrided. Pieces: integer 0 rows of the space.
//   pointers  as above, 5 StridedSpace (operands x, y); z, dz and gradient are contiguous
//   integers  0 rows per piece  1 BinaryFunction  4 operand  5 whether to add
// x, y and z may be nil where the derivative does not read them: add and subtract none, multiply
// the other operand, divide y (and z for the second operand), power x and y (and z for the
// second), maximum x and y.

import KernelInterface

let binaryBackwardFlatKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        backwardFlat(DoubleVector.self, arguments, range)
    } else {
        backwardFlat(FloatVector.self, arguments, range)
    }
}

let binaryBackwardStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        backwardStrided(DoubleVector.self, arguments, begin, end)
    } else {
        backwardStrided(FloatVector.self, arguments, begin, end)
    }
}

/// What a long derivative reads; dz becomes the gradient. Vectors go to it by way of memory: in registers they would be
/// cut into four.
private struct BackwardVectors<V: KernelMath> {
    var dz: V
    let x: V
    let y: V
    let z: V

    @inline(never) mutating func setGradientX<Operation: BinaryOperation>(_: Operation.Type) {
        dz = Operation.gradientX(dz, x, y, z)
    }
    @inline(never) mutating func setGradientY<Operation: BinaryOperation>(_: Operation.Type) {
        dz = Operation.gradientY(dz, x, y, z)
    }
}

/// z, dz and the gradient, the rows of which follow each other.
private struct Backward<Vector: KernelMath>: BinaryBody {
    typealias V = Vector
    let operands: BinaryRows<V>
    let z: ElementRun<V>
    let dz: UnsafePointer<V.Scalar>
    let gradient: UnsafeMutablePointer<V.Scalar>
    let isOfX: Bool
    let adds: Bool

    @inline(never) func run<Operation: BinaryOperation>(_: Operation.Type) {
        if isOfX {
            run { dz, x, y, z in
                if !Operation.isLong { return Operation.gradientX(dz, x, y, z) }
                var vectors = BackwardVectors(dz: dz, x: x, y: y, z: z)
                vectors.setGradientX(Operation.self)
                return vectors.dz
            }
        } else {
            run { dz, x, y, z in
                if !Operation.isLong { return Operation.gradientY(dz, x, y, z) }
                var vectors = BackwardVectors(dz: dz, x: x, y: y, z: z)
                vectors.setGradientY(Operation.self)
                return vectors.dz
            }
        }
    }

    @inline(__always) private func run(_ formula: (V, V, V, V) -> V) {
        let atOnce = operands.columnsAtOnce
        let rows = operands.rows, columns = operands.columns
        let operandX = operands.x, operandY = operands.y
        var start = 0
        for row in 0..<rows {
            var first = 0
            while first < columns {
                let count = min(atOnce, columns &- first)
                let x = operandX.run(row, first, count)
                let y = operandY.run(row, first, count)
                let dz = dz + start
                let gradient = gradient + start
                var i = 0
                while i < count {
                    let rest = count &- i
                    let whole = rest >= V.lanes
                    var result = formula(
                        whole ? V.load(dz + i) : V.load(dz + i, rest), whole ? x.load(i) : x.load(i, rest),
                        whole ? y.load(i) : y.load(i, rest), whole ? z.load(start + i) : z.load(start + i, rest))
                    if adds { result += whole ? V.load(gradient + i) : V.load(gradient + i, rest) }
                    if whole { result.store(gradient + i) } else { result.store(gradient + i, rest) }
                    i &+= V.lanes
                }
                first &+= count
                start &+= count
            }
        }
    }
}

private func backwardFlat<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    arguments.withFlatRows(range, V.self) { operands, z in
        withBinaryOperation(
            arguments.integer(1),
            Backward(
                operands: operands, z: z.run(0, 0, range.count), dz: arguments.input(3) + range.lowerBound,
                gradient: arguments.output(4) + range.lowerBound, isOfX: arguments.integer(4) == 0,
                adds: arguments.integer(5) != 0))
    }
}

private func backwardStrided<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    arguments.forEachRun(arguments.input(5), begin, end, V.self) { operands, firstRow, zeros in
        let start = firstRow * operands.columns
        let z = arguments.has(2) ? ElementRun<V>(base: arguments.input(2) + start, mask: -1)
            : ElementRun<V>(base: UnsafePointer(zeros), mask: 0)
        withBinaryOperation(
            arguments.integer(1),
            Backward(
                operands: operands, z: z, dz: arguments.input(3) + start, gradient: arguments.output(4) + start,
                isOfX: arguments.integer(4) == 0, adds: arguments.integer(5) != 0))
    }
}
