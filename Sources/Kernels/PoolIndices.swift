// Where the largest element of each window is: its place in its plane of the image, as PyTorch counts.
//
// poolIndices: indices[plane, positions].  Pieces: integer 1 planes each.
//   pointers  0 image [planes, image]  1 indices  2 PoolSpace  3 as in poolForward
//   integers  as in poolForward
//   Indices are Int64 in a call of doubles, else Int32.

import KernelInterface

let poolIndicesKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        poolIndices(Double.self, Int64.self, arguments, begin, end)
    } else {
        poolIndices(Float.self, Int32.self, arguments, begin, end)
    }
}

@inline(__always)
private func poolIndices<T: BinaryFloatingPoint, I: FixedWidthInteger>(_: T.Type, _: I.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    let perPiece = call.integer(1)
    let g = call.input(2, PoolSpace.self).pointee
    for plane in begin * perPiece..<min(end * perPiece, call.integer(0)) {
        let indices = call.output(1, I.self) + plane * g.positionCount
        forEachMaximum(g, call.input(3, Int.self), call.input(0, T.self) + plane * g.imageCount) { position, place in
            indices[position] = I(truncatingIfNeeded: max(place, 0))
        }
    }
}
