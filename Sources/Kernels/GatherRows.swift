// Brings a batch into the library's memory: rows of the caller's array, picked by index or in
// order, converted to the model's element type.
//
// gatherRows: destination [rows, columns] contiguous, isDouble its type. Pieces: integer 4 rows.
//   pointers  0 source  1 destination  2 indices (nil: row i is source row i)
//   integers  0 rows  1 columns  2 source row stride  3 source type: 1 float32, 2 float64,
//             3 int32, 4 int64 (the C ABI's numbers)  4 rows per piece
//             5 whether indices are Int64 (else Int32)  6 source column stride
//   Strides count elements and may be negative.
// gatherLabels: destination [count] of Int32 from an Int32 or Int64 source. The smallest and
//   largest label of each piece are written out for the check of their range; a label outside
//   Int32 is clamped. Pieces: elementsPerPiece.
//   pointers  0 source  1 destination  2 indices or nil  3 two Int64 per piece: minimum, maximum
//   integers  0 count  1 source stride  2 whether the source is Int64  3 whether indices are Int64

import KernelInterface

let gatherRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let isFloat = arguments.integer(3) == 1
    let isDouble = arguments.integer(3) == 2
    // Rows of the same type are copied by vectors.
    if arguments.isDouble {
        if isDouble && arguments.integer(6) == 1 {
            gatherSame(DoubleVector.self, arguments, begin, end)
        } else {
            gatherConverting(Double.self, arguments, begin, end)
        }
    } else {
        if isFloat && arguments.integer(6) == 1 {
            gatherSame(FloatVector.self, arguments, begin, end)
        } else {
            gatherConverting(Float.self, arguments, begin, end)
        }
    }
}

let gatherLabelsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.integer(2) != 0 {
        gatherLabels(Int64.self, arguments, begin, end)
    } else {
        gatherLabels(Int32.self, arguments, begin, end)
    }
}

/// Which source row destination row `i` comes from.
private struct RowIndices {
    let base: UnsafeRawPointer?
    let isWide: Bool

    @inline(__always) init(_ arguments: Arguments, isWide: Bool) {
        base = arguments.has(2) ? UnsafeRawPointer(arguments.input(2, UInt8.self)) : nil
        self.isWide = isWide
    }

    @inline(__always) subscript(_ i: Int) -> Int {
        guard let base else { return i }
        return isWide
            ? Int(base.assumingMemoryBound(to: Int64.self)[i]) : Int(base.assumingMemoryBound(to: Int32.self)[i])
    }
}

private func gatherSame<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let source = arguments.input(0, V.Scalar.self)
    let destination = arguments.output(1, V.Scalar.self)
    let indices = RowIndices(arguments, isWide: arguments.integer(5) != 0)
    let columns = arguments.integer(1)
    let stride = arguments.integer(2)
    let perPiece = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    for row in (begin * perPiece)..<high {
        copyContiguous(
            RowOperand<V>(source + indices[row] * stride, step: 1, constant: 0),
            destination + row * columns, columns)
    }
}

private func gatherConverting<T: KernelElement>(_: T.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    switch arguments.integer(3) {
    case 1: gatherConverting(from: Float.self, T.self, arguments, begin, end)
    case 2: gatherConverting(from: Double.self, T.self, arguments, begin, end)
    case 3: gatherConverting(from: Int32.self, T.self, arguments, begin, end)
    default: gatherConverting(from: Int64.self, T.self, arguments, begin, end)
    }
}

@inline(__always) private func gatherConverting<S: KernelElement, T: KernelElement>(
    from _: S.Type, _: T.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let source = arguments.input(0, S.self)
    let destination = arguments.output(1, T.self)
    let indices = RowIndices(arguments, isWide: arguments.integer(5) != 0)
    let columns = arguments.integer(1)
    let stride = arguments.integer(2)
    let columnStride = arguments.integer(6)
    let perPiece = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    for row in (begin * perPiece)..<high {
        let s = source + indices[row] * stride
        let d = destination + row * columns
        if columnStride == 1 {
            for i in 0..<columns { d[i] = T(converting: s[i]) }
        } else {
            for i in 0..<columns { d[i] = T(converting: s[i * columnStride]) }
        }
    }
}

/// Element types that convert into one another (the standard library's generic conversions are
/// not compiled to single instructions everywhere, these are).
private protocol KernelElement {
    var asFloat: Float { get }
    var asDouble: Double { get }
    init<S: KernelElement>(converting: S)
}

extension Float: KernelElement {
    @inline(__always) fileprivate var asFloat: Float { self }
    @inline(__always) fileprivate var asDouble: Double { Double(self) }
    @inline(__always) fileprivate init<S: KernelElement>(converting s: S) { self = s.asFloat }
}

extension Double: KernelElement {
    @inline(__always) fileprivate var asFloat: Float { Float(self) }
    @inline(__always) fileprivate var asDouble: Double { self }
    @inline(__always) fileprivate init<S: KernelElement>(converting s: S) { self = s.asDouble }
}

extension Int32: KernelElement {
    @inline(__always) fileprivate var asFloat: Float { Float(self) }
    @inline(__always) fileprivate var asDouble: Double { Double(self) }
    @inline(__always) fileprivate init<S: KernelElement>(converting s: S) { self = 0 }
}

extension Int64: KernelElement {
    @inline(__always) fileprivate var asFloat: Float { Float(self) }
    @inline(__always) fileprivate var asDouble: Double { Double(self) }
    @inline(__always) fileprivate init<S: KernelElement>(converting s: S) { self = 0 }
}

@inline(__always) private func gatherLabels<S: FixedWidthInteger & SignedInteger>(
    _: S.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let source = arguments.input(0, S.self)
    let destination = arguments.output(1, Int32.self)
    let indices = RowIndices(arguments, isWide: arguments.integer(3) != 0)
    let ranges = arguments.output(3, Int64.self)
    let stride = arguments.integer(1)
    for piece in begin..<end {
        var low = Int64.max
        var high = Int64.min
        for i in flatRange(piece, piece + 1, arguments.integer(0)) {
            let label = Int64(truncatingIfNeeded: source[indices[i] * stride])
            if label < low { low = label }
            if label > high { high = label }
            let clamped = max(Int64(Int32.min), min(Int64(Int32.max), label))
            destination[i] = Int32(truncatingIfNeeded: clamped)
        }
        ranges[2 * piece] = low
        ranges[2 * piece + 1] = high
    }
}
