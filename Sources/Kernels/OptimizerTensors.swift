// Optimizers that look at a whole parameter before they change it. Each makes a direction u in workspace
// and sums over it; updateScale makes one number of the sums; updateApply takes the step. Slots that all
// share: OptimizerKernels.swift. Pieces: elementsPerPiece.
//
// lamb  m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;
//       u = m / (sqrt(v) root + eps) + decay p;  sums of p p and u u
//   pointers  2 m  3 v  6 u  7 sums: two Double per piece
//   scalars   1 beta1  2 beta2  3 eps  4 decay  6 root
// muon  b += (1 - momentum)(g - b);  nesterov: u = g + momentum (b - g), else u = b;  sum of u u
//   pointers  2 b  6 u  7 sums: two Double per piece, the first 0      integers  1 bit 0: nesterov
//   scalars   1 momentum
// updateScale: one number from the sums P of p p and U of u u over `count` elements. One piece.
//   lamb (0)       sqrt(P) / sqrt(U), 1 where one of them is 0
//   adafactor (1)  max(eps2, sqrt(P / count)) rate / max(1, sqrt(U / count) / d)
//   muon (2)       1 / max(sqrt(U), eps)
//   pointers  0 sums  1 result (one element)
//   integers  0 pieces  1 which  3 count      scalars  1 eps2 or eps  2 rate  3 d
// updateApply: p = keep p + factor scale u. Pieces: parametersPerPiece.
//   pointers  0 p  1 u  2 scale (one element)      integers  0 count
//   scalars   0 keep (0: p is not read)  5 factor

import CPUFeatures
import KernelInterface

let lambKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let before = cr_begin_flushing() // as in runPass
    if arguments.isDouble {
        lamb(DoubleVector.self, arguments, begin, end)
    } else {
        lamb(FloatVector.self, arguments, begin, end)
    }
    cr_end_flushing(before)
}

let muonKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let before = cr_begin_flushing() // as in runPass
    if arguments.isDouble {
        muon(DoubleVector.self, arguments, begin, end)
    } else {
        muon(FloatVector.self, arguments, begin, end)
    }
    cr_end_flushing(before)
}

let updateScaleKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    let sums = arguments.input(0, Double.self)
    var parameters = 0.0
    var direction = 0.0
    for piece in 0..<arguments.integer(0) {
        parameters += sums[2 &* piece]
        direction += sums[2 &* piece &+ 1]
    }
    let count = Double(arguments.integer(3))
    let floor: Double = arguments.scalar(1)
    var result: Double
    switch arguments.integer(1) {
    case 0:
        let own = parameters.squareRoot()
        let other = direction.squareRoot()
        result = own > 0 && other > 0 ? own / other : 1
    case 1:
        let size = (parameters / count).squareRoot()
        let excess = (direction / count).squareRoot() / arguments.scalar(3)
        result = (size > floor ? size : floor) * arguments.scalar(2) / (excess > 1 ? excess : 1)
    default:
        let size = direction.squareRoot()
        result = 1 / (size > floor ? size : floor)
    }
    if arguments.isDouble {
        arguments.output(1, Double.self)[0] = result
    } else {
        let largest = Double(Float.greatestFiniteMagnitude)
        arguments.output(1, Float.self)[0] = Float(result > largest ? largest : result)
    }
}

let updateApplyKernel: Kernel = { call, begin, end, _ in
    runPass(Apply<FloatVector>.self, Apply<DoubleVector>.self, Arguments(call), begin, end)
}

private struct Apply<V: KernelMath>: OptimizerPass {
    let parameters: UnsafeMutablePointer<V.Scalar>
    let direction: UnsafePointer<V.Scalar>
    let keep, factor: V
    let replaces: Bool

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        direction = arguments.input(1)
        let scale = Double(arguments.input(2, V.Scalar.self)[0])
        factor = V(repeating: V.Scalar(arguments.scalar(5, Double.self) * scale))
        keep = V(repeating: arguments.scalar(0))
        replaces = keep[0] == 0
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let u: V = read(direction + i, n)
        if replaces {
            write(factor * u, parameters + i, n)
        } else {
            write(V.fma(factor, u, keep * read(parameters + i, n)), parameters + i, n)
        }
    }
}

/// A sum of squares as a Double; one that overflows in float32 is taken the slow way.
@inline(__always) func wideSumOfSquares<V: KernelMath>(_ x: UnsafePointer<V.Scalar>, _ count: Int, _: V.Type) -> Double {
    let sum = Double(sumOfSquares(x, count, V.self))
    if sum.isFinite { return sum }
    var total = 0.0
    for i in 0..<count { total += Double(x[i]) * Double(x[i]) }
    return total
}

private func lamb<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let parameters = arguments.input(0, V.Scalar.self)
    let gradient = arguments.input(1, V.Scalar.self)
    let first = arguments.output(2, V.Scalar.self)
    let second = arguments.output(3, V.Scalar.self)
    let direction = arguments.output(6, V.Scalar.self)
    let sums = arguments.output(7, Double.self)
    let limits = GradientLimits<V>(arguments)
    let share1 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
    let beta2 = V(repeating: arguments.scalar(2))
    let share2 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
    let eps = V(repeating: arguments.scalar(3))
    let decay = V(repeating: arguments.scalar(4))
    let root = V(repeating: arguments.scalar(6))
    for piece in begin..<end {
        let range = flatRange(piece, piece &+ 1, arguments.integer(0))
        var i = range.lowerBound
        while i < range.upperBound {
            let n = range.upperBound &- i < V.lanes ? range.upperBound &- i : V.lanes
            let p: V = read(parameters + i, n)
            let g = limits.apply(read(gradient + i, n))
            var m: V = read(first + i, n)
            m = V.fma(share1, g - m, m)
            let v = V.fma(share2 * g, g, beta2 * read(second + i, n))
            write(m, first + i, n)
            write(v, second + i, n)
            // Lanes behind the end are not stored.
            write(V.fma(decay, p, m / V.fma(v.root, root, eps)), direction + i, n)
            i &+= V.lanes
        }
        sums[2 &* piece] = wideSumOfSquares(parameters + range.lowerBound, range.count, V.self)
        sums[2 &* piece &+ 1] = wideSumOfSquares(direction + range.lowerBound, range.count, V.self)
    }
}

private func muon<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let gradient = arguments.input(1, V.Scalar.self)
    let buffer = arguments.output(2, V.Scalar.self)
    let direction = arguments.output(6, V.Scalar.self)
    let sums = arguments.output(7, Double.self)
    let limits = GradientLimits<V>(arguments)
    let momentum = V(repeating: arguments.scalar(1))
    let share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
    let nesterov = arguments.integer(1) & 1 != 0
    for piece in begin..<end {
        let range = flatRange(piece, piece &+ 1, arguments.integer(0))
        var i = range.lowerBound
        while i < range.upperBound {
            let n = range.upperBound &- i < V.lanes ? range.upperBound &- i : V.lanes
            let g = limits.apply(read(gradient + i, n))
            var b: V = read(buffer + i, n)
            b = V.fma(share, g - b, b)
            write(b, buffer + i, n)
            write(nesterov ? V.fma(momentum, b - g, g) : b, direction + i, n)
            i &+= V.lanes
        }
        sums[2 &* piece] = 0
        sums[2 &* piece &+ 1] = wideSumOfSquares(direction + range.lowerBound, range.count, V.self)
    }
}
