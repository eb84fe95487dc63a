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
    withBinaryOperation(
        arguments.integer(1), isDouble: arguments.isDouble,
        FlatBackward(arguments: arguments, range: flatRange(begin, end, arguments.integer(0))))
}

let binaryBackwardStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    withBinaryOperation(
        arguments.integer(1), isDouble: arguments.isDouble,
        StridedBackward(arguments: arguments, begin: begin, end: end))
}

@inline(__always) private func backwardRow<Operation: BinaryOperation, V: KernelMath>(
    _: Operation.Type, operand: Int, adds: Bool, _ dz: UnsafePointer<V.Scalar>,
    _ x: RowOperand<V>, _ y: RowOperand<V>, _ z: RowOperand<V>,
    _ gradient: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    var i = 0
    while i < count {
        let n = min(V.lanes, count - i)
        let whole = n == V.lanes
        let dzv = whole ? V.load(dz + i) : V.load(dz + i, n)
        let xv = whole ? x.load(i) : x.load(i, n)
        let yv = whole ? y.load(i) : y.load(i, n)
        let zv = whole ? z.load(i) : z.load(i, n)
        var result =
            operand == 0 ? Operation.gradientX(dzv, xv, yv, zv) : Operation.gradientY(dzv, xv, yv, zv)
        if whole {
            if adds { result += V.load(gradient + i) }
            result.store(gradient + i)
        } else {
            if adds { result += V.load(gradient + i, n) }
            result.store(gradient + i, n)
        }
        i += n
    }
}

private struct FlatBackward: BinaryBody {
    let arguments: Arguments
    let range: Range<Int>

    @inline(never) func run<Operation: BinaryOperation, V: KernelMath>(_: Operation.Type, _: V.Type) {
        let low = range.lowerBound
        let x = arguments.operand(0, step: arguments.integer(2), offset: low, V.self)
        let y = arguments.operand(1, step: arguments.integer(3), offset: low, V.self)
        let z = arguments.operand(2, step: 1, offset: low, V.self)
        let dz = arguments.input(3, V.Scalar.self) + low
        let gradient = arguments.output(4, V.Scalar.self) + low
        let adds = arguments.integer(5) != 0
        if arguments.integer(4) == 0 {
            backwardRow(Operation.self, operand: 0, adds: adds, dz, x, y, z, gradient, range.count)
        } else {
            backwardRow(Operation.self, operand: 1, adds: adds, dz, x, y, z, gradient, range.count)
        }
    }
}

private struct StridedBackward: BinaryBody {
    let arguments: Arguments
    let begin: Int
    let end: Int

    @inline(never) func run<Operation: BinaryOperation, V: KernelMath>(_: Operation.Type, _: V.Type) {
        if arguments.integer(4) == 0 {
            run(Operation.self, V.self, operand: 0)
        } else {
            run(Operation.self, V.self, operand: 1)
        }
    }

    @inline(__always) private func run<Operation: BinaryOperation, V: KernelMath>(
        _: Operation.Type, _: V.Type, operand: Int
    ) {
        let x = arguments.has(0) ? arguments.input(0, V.Scalar.self) : nil
        let y = arguments.has(1) ? arguments.input(1, V.Scalar.self) : nil
        let z = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
        let dz = arguments.input(3, V.Scalar.self)
        let gradient = arguments.output(4, V.Scalar.self)
        let space = arguments.input(5, StridedSpace.self)
        let rowsPerPiece = arguments.integer(0)
        let adds = arguments.integer(5) != 0
        let columns = space.pointee.columns
        let stepX = space.pointee.columnStrides[0]
        let stepY = space.pointee.columnStrides[1]
        var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
        let nextX = runs.step(0)
        let nextY = runs.step(1)
        while runs.next() {
            var offsetX = runs.offset0
            var offsetY = runs.offset1
            for row in runs.first..<(runs.first + runs.count) {
                let start = row * columns
                backwardRow(
                    Operation.self, operand: operand, adds: adds, dz + start,
                    RowOperand<V>(x.map { $0 + offsetX }, step: stepX, constant: 0),
                    RowOperand<V>(y.map { $0 + offsetY }, step: stepY, constant: 0),
                    RowOperand<V>(z.map { $0 + start }, step: 1, constant: 0), gradient + start, columns)
                offsetX += nextX
                offsetY += nextY
            }
        }
    }
}
