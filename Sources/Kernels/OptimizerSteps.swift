// Optimizers with a step size for each element. Slots that all share: OptimizerKernels.swift. In all of
// them (but rprop) g += decay p first, decay being scalar 4.
//
// rmsprop  v = alpha v + (1 - alpha) g g;  centered: a += (1 - alpha)(g - a), v - a a takes the place of v;
//          g = g / (sqrt(v) + eps);  momentum: b = momentum b + g, g = b;  p -= lr g
//   pointers  2 v  3 b or nil  5 a or nil      scalars  0 lr  1 momentum  2 alpha  3 eps
// adagrad  s += g g (first step: s = start + g g);  p -= lr g / (sqrt(s) + eps)
//   pointers  2 s      scalars  0 lr, decayed  1 start  3 eps
// adadelta  v = rho v + (1 - rho) g g;  d = sqrt(a + eps) / sqrt(v + eps) g;
//           a = rho a + (1 - rho) d d;  p -= lr d
//   pointers  2 v  3 a      scalars  0 lr  1 rho  3 eps
// rprop  s *= up where g and the last g have the same sign, down where they differ (g = 0 there), within
//        limits (first step: s = lr);  p -= s sign(g)
//   pointers  2 last g  3 s      scalars  0 lr  1 down  2 up  3 smallest  5 largest
// asgd  p = keep p - lr g;  mean += share (p - mean)
//   pointers  2 mean      scalars  0 lr  1 keep  2 share

import KernelInterface

let rmspropKernel: Kernel = { call, begin, end, _ in
    runPass(RootMeanSquare<FloatVector>.self, RootMeanSquare<DoubleVector>.self, Arguments(call), begin, end)
}

let adagradKernel: Kernel = { call, begin, end, _ in
    runPass(Adagrad<FloatVector>.self, Adagrad<DoubleVector>.self, Arguments(call), begin, end)
}

let adadeltaKernel: Kernel = { call, begin, end, _ in
    runPass(Adadelta<FloatVector>.self, Adadelta<DoubleVector>.self, Arguments(call), begin, end)
}

let rpropKernel: Kernel = { call, begin, end, _ in
    runPass(ResilientSteps<FloatVector>.self, ResilientSteps<DoubleVector>.self, Arguments(call), begin, end)
}

let asgdKernel: Kernel = { call, begin, end, _ in
    runPass(AveragedDescent<FloatVector>.self, AveragedDescent<DoubleVector>.self, Arguments(call), begin, end)
}

/// Parameters and their gradients with the decay added.
private struct Decayed<V: KernelMath> {
    let parameters: UnsafeMutablePointer<V.Scalar>
    private let gradient: UnsafePointer<V.Scalar>
    private let limits: GradientLimits<V>
    private let decay: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        limits = GradientLimits(arguments)
        decay = V(repeating: arguments.scalar(4))
    }

    @inline(__always) func load(_ i: Int, _ n: Int) -> (p: V, g: V) {
        let p: V = read(parameters + i, n)
        return (p, V.fma(decay, p, limits.apply(read(gradient + i, n))))
    }
}

private struct RootMeanSquare<V: KernelMath>: OptimizerPass {
    let decayed: Decayed<V>
    let squares: UnsafeMutablePointer<V.Scalar>
    let buffer, mean: UnsafeMutablePointer<V.Scalar>?
    let minusRate, momentum, alpha, share, eps: V

    @inline(__always) init(_ arguments: Arguments) {
        decayed = Decayed(arguments)
        squares = arguments.output(2)
        buffer = arguments.has(3) ? arguments.output(3) : nil
        mean = arguments.has(5) ? arguments.output(5) : nil
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        momentum = V(repeating: arguments.scalar(1))
        alpha = V(repeating: arguments.scalar(2))
        share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
        eps = V(repeating: arguments.scalar(3))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let (p, g) = decayed.load(i, n)
        var v = V.fma(share * g, g, alpha * read(squares + i, n))
        write(v, squares + i, n)
        if let mean {
            var a: V = read(mean + i, n)
            a = V.fma(share, g - a, a)
            write(a, mean + i, n)
            // Rounding may take a little too much off.
            v = V.atLeast(V.fma(V.zero - a, a, v), V.zero)
        }
        var step = g / (v.root + eps)
        if let buffer {
            step = V.fma(momentum, read(buffer + i, n), step)
            write(step, buffer + i, n)
        }
        write(V.fma(minusRate, step, p), decayed.parameters + i, n)
    }
}

private struct Adagrad<V: KernelMath>: OptimizerPass {
    let decayed: Decayed<V>
    let sums: UnsafeMutablePointer<V.Scalar>
    let minusRate, start, eps: V
    let isFirst: Bool

    @inline(__always) init(_ arguments: Arguments) {
        decayed = Decayed(arguments)
        sums = arguments.output(2)
        isFirst = arguments.integer(2) != 0
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        start = V(repeating: arguments.scalar(1))
        eps = V(repeating: arguments.scalar(3))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let (p, g) = decayed.load(i, n)
        let s = V.fma(g, g, isFirst ? start : read(sums + i, n))
        write(s, sums + i, n)
        write(V.fma(minusRate, g / (s.root + eps), p), decayed.parameters + i, n)
    }
}

private struct Adadelta<V: KernelMath>: OptimizerPass {
    let decayed: Decayed<V>
    let squares, deltas: UnsafeMutablePointer<V.Scalar>
    let minusRate, rho, share, eps: V

    @inline(__always) init(_ arguments: Arguments) {
        decayed = Decayed(arguments)
        squares = arguments.output(2)
        deltas = arguments.output(3)
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        rho = V(repeating: arguments.scalar(1))
        share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
        eps = V(repeating: arguments.scalar(3))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let (p, g) = decayed.load(i, n)
        let v = V.fma(share * g, g, rho * read(squares + i, n))
        let a: V = read(deltas + i, n)
        let d = (a + eps).root / (v + eps).root * g
        write(v, squares + i, n)
        write(V.fma(share * d, d, rho * a), deltas + i, n)
        write(V.fma(minusRate, d, p), decayed.parameters + i, n)
    }
}

private struct ResilientSteps<V: KernelMath>: OptimizerPass {
    let parameters, last, sizes: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let rate, down, up, smallest, largest: V
    let isFirst: Bool

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        last = arguments.output(2)
        sizes = arguments.output(3)
        limits = GradientLimits(arguments)
        isFirst = arguments.integer(2) != 0
        rate = V(repeating: arguments.scalar(0))
        down = V(repeating: arguments.scalar(1))
        up = V(repeating: arguments.scalar(2))
        smallest = V(repeating: arguments.scalar(3))
        largest = V(repeating: arguments.scalar(5))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        var g = limits.apply(read(gradient + i, n))
        let agreement = g * (isFirst ? V.zero : read(last + i, n))
        let turned = agreement .< V.zero
        let factor = V.choose(agreement .> V.zero, up, V.choose(turned, down, V.one))
        let size = V.atMost(V.atLeast((isFirst ? rate : read(sizes + i, n)) * factor, smallest), largest)
        g = V.choose(turned, V.zero, g)
        write(g, last + i, n)
        write(size, sizes + i, n)
        write(V.fma(V.zero - signs(g), size, read(parameters + i, n)), parameters + i, n)
    }
}

private struct AveragedDescent<V: KernelMath>: OptimizerPass {
    let decayed: Decayed<V>
    let mean: UnsafeMutablePointer<V.Scalar>
    let minusRate, keep, share: V
    let isMean: Bool

    @inline(__always) init(_ arguments: Arguments) {
        decayed = Decayed(arguments)
        mean = arguments.output(2)
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        keep = V(repeating: arguments.scalar(1))
        share = V(repeating: arguments.scalar(2))
        isMean = share[0] < 1
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        var (p, g) = decayed.load(i, n)
        p = V.fma(minusRate, g, p * keep)
        write(p, decayed.parameters + i, n)
        let old: V = read(mean + i, n)
        write(isMean ? V.fma(share, p - old, old) : p, mean + i, n)
    }
}
