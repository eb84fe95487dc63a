// Copies of matrices rounded to bfloat16, as floats, for products of rounded operands where the CPU has no
// instruction for pairs of them: the ordinary matrix product of such copies gives the same bits.
//
// roundMatrix: pointers 0 = source, 1 = target (dense); integers 0 = lines, 1 = elements of a line, 2 = elements from
//              one line of the source to the next, 3 = from one matrix to the next, 4 = lines in a piece; pieces are
//              lines of one matrix, matrix after matrix
// multiplyRounded: matrixMultiply on such copies, denormal numbers counting as zeros as they do in that instruction

import CPUFeatures
import KernelInterface

let multiplyRoundedKernel: Kernel = { call, begin, end, scratch in
    let before = cr_begin_flushing()
    matrixMultiplyKernel(call, begin, end, scratch)
    cr_end_flushing(before)
}

#if !AVX512
let roundMatrixKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let source: UnsafePointer<Float> = arguments.input(0)
    let target: UnsafeMutablePointer<Float> = arguments.output(1)
    let lines = arguments.integer(0)
    let length = arguments.integer(1)
    let perPiece = arguments.integer(4)
    let pieces = (lines + perPiece - 1) / perPiece
    for piece in begin..<end {
        let matrix = piece / pieces
        let first = (piece - matrix * pieces) * perPiece
        for line in first..<(first + perPiece < lines ? first + perPiece : lines) {
            let from = source + matrix * arguments.integer(3) + line * arguments.integer(2)
            let to = target + (matrix * lines + line) * length
            var i = 0
            while i < length {
                let count = length - i < FloatVector.lanes ? length - i : FloatVector.lanes
                cr_round_bfloat16(FloatVector.load(from + i, count)).store(to + i, count)
                i += FloatVector.lanes
            }
        }
    }
}
#endif
