// The gradient's norm, and whether an element is infinite, NaN or very large.
//
// gradientStatistics. Pieces: elementsPerPiece.
//   pointers  0 gradient  1 partials: one Double per piece (nil where no norm is asked)
//             2 flags: one Int32 per piece (1: something is not finite, or is not after scaling)
//   integers  0 count      scalars  0 scale, a power of two (0: none)
// gradientStatisticsFinish. One piece.
//   pointers  0 partials or nil  1 flags  2 norm (Double) or nil  3 scale (one element) or nil
//             4 any flag (Int32)
//   integers  0 pieces      scalars  0 the largest norm allowed (infinity: scale is 1)
// scale = min(1, largest / (norm + 1e-6)), as PyTorch's clip_grad_norm_.

import KernelInterface

let gradientStatisticsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        gradientStatistics(DoubleVector.self, arguments, begin, end)
    } else {
        gradientStatistics(FloatVector.self, arguments, begin, end)
    }
}

let gradientStatisticsFinishKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    let pieces = arguments.integer(0)
    let flags = arguments.input(1, Int32.self)
    var any: Int32 = 0
    for i in 0..<pieces { any |= flags[i] }
    arguments.output(4, Int32.self)[0] = any
    guard arguments.has(0) else { return }
    let partials = arguments.input(0, Double.self)
    var total = 0.0
    for i in 0..<pieces { total += partials[i] }
    let norm = total.squareRoot()
    if arguments.has(2) { arguments.output(2, Double.self)[0] = norm }
    guard arguments.has(3) else { return }
    let largest: Double = arguments.scalar(0)
    // A NaN norm gives a NaN scale: the comparison is false.
    var scale = largest < Double.infinity ? largest / (norm + 1e-6) : 1
    if scale > 1 { scale = 1 }
    if arguments.isDouble {
        arguments.output(3, Double.self)[0] = scale
    } else {
        arguments.output(3, Float.self)[0] = Float(scale)
    }
}

private func gradientStatistics<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let gradient = arguments.input(0, V.Scalar.self)
    let flags = arguments.output(2, Int32.self)
    let scale = V(repeating: arguments.scalar(0))
    let limit = Double(V.Scalar.greatestFiniteMagnitude) / arguments.scalar(0, Double.self)
    for piece in begin..<end {
        let range = flatRange(piece, piece + 1, arguments.integer(0))
        let x = gradient + range.lowerBound
        if arguments.has(1) {
            var total = Double(sumOfSquares(x, range.count, V.self))
            if !total.isFinite {
                // Either something is not finite, or float32 squares overflowed.
                total = 0
                for i in 0..<range.count { total += Double(x[i]) * Double(x[i]) }
            }
            arguments.output(1, Double.self)[piece] = total
            flags[piece] = 0
            // No element is larger than the norm.
            if total < limit * limit { continue }
        }
        flags[piece] = allFinite(x, range.count, scale) ? 0 : 1
    }
}

@inline(__always) func sumOfSquares<V: KernelMath>(
    _ x: UnsafePointer<V.Scalar>, _ count: Int, _: V.Type
) -> V.Scalar {
    var a = V(repeating: 0)
    var b = a
    var c = a
    var d = a
    var i = 0
    while i + 4 * V.lanes <= count {
        let p = V.load(x + i)
        let q = V.load(x + i + V.lanes)
        let r = V.load(x + i + 2 * V.lanes)
        let s = V.load(x + i + 3 * V.lanes)
        a = V.fma(p, p, a)
        b = V.fma(q, q, b)
        c = V.fma(r, r, c)
        d = V.fma(s, s, d)
        i += 4 * V.lanes
    }
    while i < count {
        let p = V.load(x + i, min(V.lanes, count - i))
        a = V.fma(p, p, a)
        i += V.lanes
    }
    return ((a + b) + (c + d)).laneSum
}

/// Whether numbers are finite, also times a scale. 0 times an infinity or NaN is NaN, which then stays in the sum. A scale
/// of 0 does no harm: times an infinity it is NaN too.
struct Finiteness<V: KernelMath> {
    let scale: V
    private var zeros = V.zero

    @inline(__always) init(_ scale: V) { self.scale = scale }
    @inline(__always) mutating func look(_ x: V) { zeros = V.fma(x * scale, V.zero, zeros) }
    @inline(__always) mutating func join(_ other: Self) { zeros += other.zeros }
    @inline(__always) var holds: Bool { V.firstLane(zeros .!= V.zero) == V.lanes }
}

@inline(__always) func allFinite<V: KernelMath>(
    _ x: UnsafePointer<V.Scalar>, _ count: Int, _ scale: V
) -> Bool {
    var a = Finiteness(scale)
    var b = Finiteness(scale)
    var i = 0
    while i + 2 * V.lanes <= count {
        a.look(V.load(x + i))
        b.look(V.load(x + i + V.lanes))
        i += 2 * V.lanes
    }
    while i < count {
        a.look(V.load(x + i, min(V.lanes, count - i)))
        i += V.lanes
    }
    a.join(b)
    return a.holds
}
