// Optimizers with running means of the gradient (m) and of its square (v) or size (u), and the sign of a
// mean. Slots that all share: OptimizerKernels.swift.
//
// adam  p *= keep;  g += decay p (the p of before, where keep is 1);  m += (1 - beta1)(g - m);
//       v = beta2 v + (1 - beta2) g g;  amsgrad: w = max(w, v) takes the place of v below;
//       p += step m / (root sqrt(v) + eps)
//       nadam: p += (step m + direct g) / (sqrt(v) + eps)
//   With c1 = 1 - beta1^t and c2 = 1 - beta2^t, Adam's step is -lr / c1 and its root 1 / sqrt(c2).
//   pointers  2 m  3 v  5 w or nil      integers  1 bit 0: nadam
//   scalars   0 keep  1 beta1  2 beta2  3 eps  4 decay  5 step  6 root, or direct
// adamax  g += decay p;  m += (1 - beta1)(g - m);  u = max(beta2 u, |g| + eps);  p += step m / u
//   pointers  2 m  3 u      scalars  1 beta1  2 beta2  3 eps  4 decay  5 step
// lion  p *= keep;  p += step sign(m + (1 - beta1)(g - m));  m += (1 - beta2)(g - m)
//   pointers  2 m      scalars  0 keep  1 beta1  2 beta2  5 step

import KernelInterface

let adamKernel: Kernel = { call, begin, end, _ in
    runPass(Adam<FloatVector>.self, Adam<DoubleVector>.self, Arguments(call), begin, end)
}

let adamaxKernel: Kernel = { call, begin, end, _ in
    runPass(Adamax<FloatVector>.self, Adamax<DoubleVector>.self, Arguments(call), begin, end)
}

let lionKernel: Kernel = { call, begin, end, _ in
    runPass(Lion<FloatVector>.self, Lion<DoubleVector>.self, Arguments(call), begin, end)
}

private struct Adam<V: KernelMath>: OptimizerPass {
    let parameters, first, second: UnsafeMutablePointer<V.Scalar>
    let largest: UnsafeMutablePointer<V.Scalar>?
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let keep, decay, share1, beta2, share2, eps, step, root, direct: V
    let isDirect: Bool

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        first = arguments.output(2)
        second = arguments.output(3)
        largest = arguments.has(5) ? arguments.output(5) : nil
        limits = GradientLimits(arguments)
        keep = V(repeating: arguments.scalar(0))
        share1 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
        beta2 = V(repeating: arguments.scalar(2))
        share2 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
        eps = V(repeating: arguments.scalar(3))
        decay = V(repeating: arguments.scalar(4))
        step = V(repeating: arguments.scalar(5))
        isDirect = arguments.integer(1) & 1 != 0
        root = isDirect ? V.one : V(repeating: arguments.scalar(6))
        direct = V(repeating: arguments.scalar(6))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n) * keep
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        var m: V = read(first + i, n)
        m = V.fma(share1, g - m, m)
        var v = V.fma(share2 * g, g, beta2 * read(second + i, n))
        write(m, first + i, n)
        write(v, second + i, n)
        if let largest {
            v = V.atLeast(read(largest + i, n), v)
            write(v, largest + i, n)
        }
        let denominator = V.fma(v.root, root, eps)
        if isDirect {
            write(p + V.fma(step, m, direct * g) / denominator, parameters + i, n)
        } else {
            write(V.fma(step, m / denominator, p), parameters + i, n)
        }
    }
}

private struct Adamax<V: KernelMath>: OptimizerPass {
    let parameters, first, size: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let decay, share1, beta2, eps, step: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        first = arguments.output(2)
        size = arguments.output(3)
        limits = GradientLimits(arguments)
        share1 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
        beta2 = V(repeating: arguments.scalar(2))
        eps = V(repeating: arguments.scalar(3))
        decay = V(repeating: arguments.scalar(4))
        step = V(repeating: arguments.scalar(5))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n)
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        var m: V = read(first + i, n)
        m = V.fma(share1, g - m, m)
        let u = V.atLeast(beta2 * read(size + i, n), V.magnitude(g) + eps)
        write(m, first + i, n)
        write(u, size + i, n)
        write(V.fma(step, m / u, p), parameters + i, n)
    }
}

private struct Lion<V: KernelMath>: OptimizerPass {
    let parameters, mean: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let keep, share1, share2, step: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        mean = arguments.output(2)
        limits = GradientLimits(arguments)
        keep = V(repeating: arguments.scalar(0))
        share1 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[1]))
        share2 = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
        step = V(repeating: arguments.scalar(5))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n) * keep
        let g = limits.apply(read(gradient + i, n))
        let m: V = read(mean + i, n)
        let direction = signs(V.fma(share1, g - m, m))
        write(V.fma(share2, g - m, m), mean + i, n)
        write(V.fma(step, direction, p), parameters + i, n)
    }
}

/// -1, 0 or 1 in each lane.
@inline(__always) func signs<V: KernelMath>(_ x: V) -> V {
    V.choose(x .> V.zero, V.one, V.choose(x .< V.zero, V.zero - V.one, V.zero))
}
