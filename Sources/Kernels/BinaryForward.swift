// z = operation(x, y) with broadcasting.
//
// binaryFlat: equal shapes, or one operand a single element. Pieces: elementsPerPiece of z.
//   pointers  0 x (nil: scalar 0)  1 y (nil: scalar 0)  2 z
//   integers  0 count  1 BinaryFunction  2 step of x (1, or 0 for a single element)  3 step of y
//   scalars   0 the constant operand, where a pointer is nil
// binaryStrided: any broadcast. Pieces: integer 0 rows of the space.
//   pointers  0 x  1 y  2 z (contiguous)  3 StridedSpace (operands x, y)
//   integers  0 rows per piece  1 BinaryFunction
// accumulate: z = a * x + b * z; z is not read where b = 0. Pieces: elementsPerPiece.
//   pointers  0 x  1 z      integers  0 count      scalars  0 a  1 b

import KernelInterface

let binaryFlatKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    withBinaryOperation(
        arguments.integer(1), isDouble: arguments.isDouble,
        FlatForward(arguments: arguments, range: flatRange(begin, end, arguments.integer(0))))
}

let binaryStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    withBinaryOperation(
        arguments.integer(1), isDouble: arguments.isDouble,
        StridedForward(arguments: arguments, begin: begin, end: end))
}

let accumulateKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        accumulate(DoubleVector.self, arguments, range)
    } else {
        accumulate(FloatVector.self, arguments, range)
    }
}

/// An operand of a row: an array with a step, or one value for all.
struct RowOperand<V: KernelMath> {
    let base: UnsafePointer<V.Scalar>?
    let step: Int
    let value: V

    /// A nil `base` means the constant.
    @inline(__always) init(_ base: UnsafePointer<V.Scalar>?, step: Int, constant: V.Scalar) {
        self.base = base
        if let base {
            self.step = step
            value = V(repeating: step == 0 ? base[0] : 0)
        } else {
            self.step = 0
            value = V(repeating: constant)
        }
    }

    @inline(__always) func load(_ index: Int) -> V {
        if step == 1 { return V.load(base.unsafelyUnwrapped + index) }
        if step == 0 { return value }
        return V.loadStrided(base.unsafelyUnwrapped + index * step, step, V.lanes)
    }

    @inline(__always) func load(_ index: Int, _ count: Int) -> V {
        if step == 1 { return V.load(base.unsafelyUnwrapped + index, count) }
        if step == 0 { return value }
        return V.loadStrided(base.unsafelyUnwrapped + index * step, step, count)
    }
}

extension Arguments {
    /// Slot `slot` as an operand of flat work; nil pointers give the constant in scalar 0.
    @inline(__always) func operand<V: KernelMath>(_ slot: Int, step: Int, offset: Int, _: V.Type) -> RowOperand<V> {
        RowOperand(
            has(slot) ? input(slot, V.Scalar.self) + offset * step : nil, step: step, constant: scalar(0))
    }
}

@inline(__always) private func forwardRow<Operation: BinaryOperation, V: KernelMath>(
    _: Operation.Type, _ x: RowOperand<V>, _ y: RowOperand<V>, _ z: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    var i = 0
    while i + V.lanes <= count {
        Operation.value(x.load(i), y.load(i)).store(z + i)
        i += V.lanes
    }
    if i < count {
        Operation.value(x.load(i, count - i), y.load(i, count - i)).store(z + i, count - i)
    }
}

private struct FlatForward: BinaryBody {
    let arguments: Arguments
    let range: Range<Int>

    @inline(never) func run<Operation: BinaryOperation, V: KernelMath>(_: Operation.Type, _: V.Type) {
        forwardRow(
            Operation.self,
            arguments.operand(0, step: arguments.integer(2), offset: range.lowerBound, V.self),
            arguments.operand(1, step: arguments.integer(3), offset: range.lowerBound, V.self),
            arguments.output(2) + range.lowerBound, range.count)
    }
}

private struct StridedForward: BinaryBody {
    let arguments: Arguments
    let begin: Int
    let end: Int

    @inline(never) func run<Operation: BinaryOperation, V: KernelMath>(_: Operation.Type, _: V.Type) {
        let x = arguments.input(0, V.Scalar.self)
        let y = arguments.input(1, V.Scalar.self)
        let z = arguments.output(2, V.Scalar.self)
        let space = arguments.input(3, StridedSpace.self)
        let rowsPerPiece = arguments.integer(0)
        let columns = space.pointee.columns
        let stepX = space.pointee.columnStrides[0]
        let stepY = space.pointee.columnStrides[1]
        var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
        let nextX = runs.step(0)
        let nextY = runs.step(1)
        while runs.next() {
            var rowX = x + runs.offset0
            var rowY = y + runs.offset1
            for row in runs.first..<(runs.first + runs.count) {
                forwardRow(
                    Operation.self, RowOperand<V>(rowX, step: stepX, constant: 0),
                    RowOperand<V>(rowY, step: stepY, constant: 0), z + row * columns, columns)
                rowX += nextX
                rowY += nextY
            }
        }
    }
}

private func accumulate<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let x = arguments.input(0, V.Scalar.self) + range.lowerBound
    let z = arguments.output(1, V.Scalar.self) + range.lowerBound
    let count = range.count
    let a = V(repeating: arguments.scalar(0))
    let b = V(repeating: arguments.scalar(1))
    var i = 0
    if b[0] == 0 {
        while i + V.lanes <= count {
            (a * V.load(x + i)).store(z + i)
            i += V.lanes
        }
        if i < count { (a * V.load(x + i, count - i)).store(z + i, count - i) }
    } else {
        while i + V.lanes <= count {
            V.fma(a, V.load(x + i), b * V.load(z + i)).store(z + i)
            i += V.lanes
        }
        if i < count {
            V.fma(a, V.load(x + i, count - i), b * V.load(z + i, count - i)).store(z + i, count - i)
        }
    }
}
