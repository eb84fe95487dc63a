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
//   pointers  0 x  1 z  2 (b is not 0) nil or an Int32, which becomes 1 if an element of z is beyond the
//             limit (KernelInterface/UpdateLimits.swift)
//   integers  0 count      scalars  0 a  1 b

import CPUFeatures
import KernelInterface

let binaryFlatKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        forwardFlat(DoubleVector.self, arguments, range)
    } else {
        forwardFlat(FloatVector.self, arguments, range)
    }
}

let binaryStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        forwardStrided(DoubleVector.self, arguments, begin, end)
    } else {
        forwardStrided(FloatVector.self, arguments, begin, end)
    }
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

/// z, the rows of which follow each other.
private struct Forward<Vector: KernelMath>: BinaryBody {
    typealias V = Vector
    let operands: BinaryRows<V>
    let z: UnsafeMutablePointer<V.Scalar>

    @inline(never) func run<Operation: BinaryOperation>(_: Operation.Type) {
        let atOnce = operands.columnsAtOnce
        let rows = operands.rows, columns = operands.columns
        let operandX = operands.x, operandY = operands.y
        var z = z
        for row in 0..<rows {
            var first = 0
            while first < columns {
                let count = min(atOnce, columns &- first)
                let x = operandX.run(row, first, count)
                let y = operandY.run(row, first, count)
                var i = 0
                while i < count {
                    let rest = count &- i
                    let whole = rest >= V.lanes
                    let value = Operation.value(
                        whole ? x.load(i) : x.load(i, rest), whole ? y.load(i) : y.load(i, rest))
                    if whole { value.store(z + i) } else { value.store(z + i, rest) }
                    i &+= V.lanes
                }
                first &+= count
                z += count
            }
        }
    }
}

private func forwardFlat<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    arguments.withFlatRows(range, V.self) { operands, _ in
        withBinaryOperation(
            arguments.integer(1), Forward(operands: operands, z: arguments.output(2) + range.lowerBound))
    }
}

private func forwardStrided<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    arguments.forEachRun(arguments.input(3), begin, end, V.self) { operands, firstRow, _ in
        withBinaryOperation(
            arguments.integer(1), Forward(operands: operands, z: arguments.output(2) + firstRow * operands.columns))
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
        var finiteness = Finiteness(V(repeating: V.Scalar(UpdateLimits(isDouble: arguments.isDouble).scale)))
        while i + V.lanes <= count {
            let sum = V.fma(a, V.load(x + i), b * V.load(z + i))
            sum.store(z + i)
            finiteness.look(sum)
            i += V.lanes
        }
        if i < count {
            let sum = V.fma(a, V.load(x + i, count - i), b * V.load(z + i, count - i))
            sum.store(z + i, count - i)
            finiteness.look(sum)
        }
        if arguments.has(2) && !finiteness.holds { cr_store_release_32(arguments.output(2, UInt32.self), 1) }
    }
}
