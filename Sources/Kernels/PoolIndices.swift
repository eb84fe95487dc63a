// The largest element of each window of an image, and where it is: its place in its plane, as PyTorch counts. And
// planes whose elements are put, or fetched, by such places.
//
// poolIndices: result[plane, positions], indices[plane, positions].  Pieces: integer 1 planes each.
//   pointers  0 image [planes, image]  1 result  2 PoolSpace  3 as in poolForward  4 indices
//   integers  as in poolForward
// placeInPlanes: Pieces: integer 1 planes each.
//   pointers  0 source  1 indices [planes, small]  2 target
//   integers  0 planes  1 planes per piece  2 small: elements with a place  3 large: elements of the other plane
//             4 PlacedFunction
//   Indices are Int64 in a call of doubles, else Int32.

import KernelInterface

let poolIndicesKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        poolIndices(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        poolIndices(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

let placeInPlanesKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        placeInPlanes(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        placeInPlanes(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

@inline(__always)
private func poolIndices<V: KernelMath, I: FixedWidthInteger>(_: V.Type, _: I.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    let perPiece = call.integer(1)
    let g = call.input(2, PoolSpace.self).pointee
    for plane in begin * perPiece..<min(end * perPiece, call.integer(0)) {
        let image = call.input(0, V.Scalar.self) + plane * g.imageCount
        let result = call.output(1, V.Scalar.self) + plane * g.positionCount
        let indices = call.output(4, I.self) + plane * g.positionCount
        forEachMaximum(V.self, g, call.input(3, Int.self), image) { position, place in
            // A window without elements: none of PyTorch's has.
            result[position] = place < 0 ? -V.Scalar.infinity : image[place]
            indices[position] = I(truncatingIfNeeded: max(place, 0))
        }
    }
}

@inline(__always)
private func placeInPlanes<V: KernelMath, I: FixedWidthInteger>(_: V.Type, _: I.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    typealias T = V.Scalar
    let perPiece = call.integer(1)
    let small = call.integer(2)
    let large = call.integer(3)
    let function = PlacedFunction(rawValue: call.integer(4)) ?? .fetch
    let planes = begin * perPiece..<min(end * perPiece, call.integer(0))
    if function != .fetch {
        let zeros = RowOperand<V>(nil, step: 0, constant: 0)
        copyContiguous(zeros, call.output(2, T.self) + planes.lowerBound * large, planes.count * large)
    }
    for plane in planes {
        let indices = call.input(1, I.self) + plane * small
        if function == .fetch {
            let source = call.input(0, T.self) + plane * large
            let target = call.output(2, T.self) + plane * small
            for i in 0..<small { target[i] = source[Int(truncatingIfNeeded: indices[i])] }
            continue
        }
        let source = call.input(0, T.self) + plane * small
        let target = call.output(2, T.self) + plane * large
        if function == .put {
            for i in 0..<small { target[Int(truncatingIfNeeded: indices[i])] = source[i] }
        } else {
            for i in 0..<small { target[Int(truncatingIfNeeded: indices[i])] += source[i] }
        }
    }
}
