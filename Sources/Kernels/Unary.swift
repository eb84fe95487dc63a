// Elementwise functions of one variable over flat arrays.
//
// unaryForward:  pointers 0 = x, 1 = y (may be the same memory)
// unaryBackward: pointers 0 = dy, 1 = y or x (y where UnaryFunction.derivativeFromValue), 2 = dx
//                (may be the same memory as dy)
// both:          integers 0 = UnaryFunction.rawValue, 1 = count; scalars 0 = a, 1 = b;
//                pieces of `elementsPerPiece` elements
//
// The loops below also finish a matrix product's store.

import KernelInterface

let unaryForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(1))
    let function = arguments.integer(0)
    if arguments.isDouble {
        unaryForwardDouble(
            function, arguments.scalar(0), arguments.scalar(1), arguments.input(0) + range.lowerBound,
            arguments.output(1) + range.lowerBound, range.count)
    } else {
        unaryForwardFloat(
            function, arguments.scalar(0), arguments.scalar(1), arguments.input(0) + range.lowerBound,
            arguments.output(1) + range.lowerBound, range.count)
    }
}

let unaryBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(1))
    let function = arguments.integer(0)
    if arguments.isDouble {
        unaryBackwardDouble(
            function, arguments.scalar(0), arguments.scalar(1), arguments.input(0) + range.lowerBound,
            arguments.input(1) + range.lowerBound, arguments.output(2) + range.lowerBound, range.count)
    } else {
        unaryBackwardFloat(
            function, arguments.scalar(0), arguments.scalar(1), arguments.input(0) + range.lowerBound,
            arguments.input(1) + range.lowerBound, arguments.output(2) + range.lowerBound, range.count)
    }
}

/// y = f(x) over one contiguous run; x and y may be the same memory.
@inline(__always)
func unaryForwardLoop<V: KernelMath>(
    _: V.Type = V.self, _ function: Int, _ a: V.Scalar, _ b: V.Scalar, _ x: UnsafePointer<V.Scalar>,
    _ y: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    if V.self == FloatVector.self {
        unaryForwardFloat(
            function, unsafeBitCast(a, to: Float.self), unsafeBitCast(b, to: Float.self),
            UnsafeRawPointer(x).assumingMemoryBound(to: Float.self),
            UnsafeMutableRawPointer(y).assumingMemoryBound(to: Float.self), count)
    } else {
        unaryForwardDouble(
            function, unsafeBitCast(a, to: Double.self), unsafeBitCast(b, to: Double.self),
            UnsafeRawPointer(x).assumingMemoryBound(to: Double.self),
            UnsafeMutableRawPointer(y).assumingMemoryBound(to: Double.self), count)
    }
}

/// dx = dy f' over one contiguous run; `saved` is y or x, dx may be dy's memory.
@inline(__always)
func unaryBackwardLoop<V: KernelMath>(
    _: V.Type = V.self, _ function: Int, _ a: V.Scalar, _ b: V.Scalar, _ dy: UnsafePointer<V.Scalar>,
    _ saved: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>, _ count: Int
) {
    if V.self == FloatVector.self {
        unaryBackwardFloat(
            function, unsafeBitCast(a, to: Float.self), unsafeBitCast(b, to: Float.self),
            UnsafeRawPointer(dy).assumingMemoryBound(to: Float.self),
            UnsafeRawPointer(saved).assumingMemoryBound(to: Float.self),
            UnsafeMutableRawPointer(dx).assumingMemoryBound(to: Float.self), count)
    } else {
        unaryBackwardDouble(
            function, unsafeBitCast(a, to: Double.self), unsafeBitCast(b, to: Double.self),
            UnsafeRawPointer(dy).assumingMemoryBound(to: Double.self),
            UnsafeRawPointer(saved).assumingMemoryBound(to: Double.self),
            UnsafeMutableRawPointer(dx).assumingMemoryBound(to: Double.self), count)
    }
}

@inline(never)
func unaryForwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    let isDone = withUnaryFormula(function, a, ForwardRun(FloatVector.self, a: a, b: b, x: x, y: y, count: count))
    #if AVX512
    if !isDone { avx2ForwardFloat(function, a, b, x, y, count) }
    #endif
}

@inline(never)
func unaryForwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ count: Int
) {
    let isDone = withUnaryFormula(function, a, ForwardRun(DoubleVector.self, a: a, b: b, x: x, y: y, count: count))
    #if AVX512
    if !isDone { avx2ForwardDouble(function, a, b, x, y, count) }
    #endif
}

@inline(never)
func unaryBackwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ dy: UnsafePointer<Float>, _ saved: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>, _ count: Int
) {
    let isDone = withUnaryFormula(
        function, a, BackwardRun(FloatVector.self, a: a, b: b, dy: dy, saved: saved, dx: dx, count: count))
    #if AVX512
    if !isDone { avx2BackwardFloat(function, a, b, dy, saved, dx, count) }
    #endif
}

@inline(never)
func unaryBackwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ dy: UnsafePointer<Double>, _ saved: UnsafePointer<Double>,
    _ dx: UnsafeMutablePointer<Double>, _ count: Int
) {
    let isDone = withUnaryFormula(
        function, a, BackwardRun(DoubleVector.self, a: a, b: b, dy: dy, saved: saved, dx: dx, count: count))
    #if AVX512
    if !isDone { avx2BackwardDouble(function, a, b, dy, saved, dx, count) }
    #endif
}
