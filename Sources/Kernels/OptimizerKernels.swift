// What all optimizers' kernels share, and gradient descent. One fused pass over the flat array of
// parameters per step: each array is read once and written once. Formulas, with their order of
// operations, are PyTorch's. Pieces: parametersPerPiece.
//
// All: g = clamp(+-scale * gradient, -clip, clip)
//   pointers  0 parameters  1 gradient  2, 3, 5 the optimizer's own arrays  4 gradient scale (one
//             element) or nil  7 (one piece) nil or an Int32: 1, and nothing else happens, where a gradient is beyond the
//             limit of KernelInterface/UpdateLimits.swift; else 0
//   integers  0 count  1 options (the optimizer's bits)  2 whether it is the first step
//             3 whether it climbs: gradients change their sign
//   scalars   0 to 6 the optimizer's numbers  7 clip value (infinity: off)
//
// sgd  g += decay p;  b = momentum b + (1 - dampening) g (first step: b = g);
//      nesterov: g += momentum b, else g = b;  p -= lr g
//   pointers  2 momentum buffer or nil      integers  1 bit 0: nesterov
//   scalars   0 lr  1 momentum  2 dampening  4 decay

import CPUFeatures
import KernelInterface

let sgdKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.has(2) {
        runPass(MomentumDescent<FloatVector>.self, MomentumDescent<DoubleVector>.self, arguments, begin, end)
    } else {
        // Keeps nothing that could stay denormal.
        runPass(PlainDescent<FloatVector>.self, PlainDescent<DoubleVector>.self, arguments, begin, end, flushes: false)
    }
}

/// What happens to every gradient first.
struct GradientLimits<V: KernelMath> {
    let scale: V
    let clip: V
    let clips: Bool

    @inline(__always) init(_ arguments: Arguments) {
        let size = arguments.has(4) ? arguments.input(4, V.Scalar.self)[0] : 1
        scale = V(repeating: arguments.integer(3) != 0 ? -size : size)
        clip = V(repeating: arguments.scalar(7))
        clips = clip[0] < V.Scalar.infinity
    }

    @inline(__always) func apply(_ gradient: V) -> V {
        let g = gradient * scale
        return clips ? V.atMost(V.atLeast(g, V.zero - clip), clip) : g
    }
}

/// One optimizer's work on the vector at `i`: `n` elements, a constant `lanes` but for the last.
protocol OptimizerPass<V> {
    associatedtype V: KernelMath
    init(_ arguments: Arguments)
    func step(_ i: Int, _ n: Int)
}

/// - flushes: denormal numbers count as zeros. A moment shrinks by a factor each step where the gradient is 0, as in a unit
///   that is never active, ends as a denormal number, and rounding keeps it one: each later step would take twice as long.
@inline(__always)
func runPass<F: OptimizerPass, D: OptimizerPass>(
    _: F.Type, _: D.Type, _ arguments: Arguments, _ begin: Int, _ end: Int, flushes: Bool = true
) {
    if arguments.has(7) && !mayStep(arguments) { return }
    let range = flatRange(begin, end, arguments.integer(0), perPiece: parametersPerPiece)
    let before = flushes ? cr_begin_flushing() : 0
    if arguments.isDouble { run(D.self, arguments, range) } else { run(F.self, arguments, range) }
    if flushes { cr_end_flushing(before) }
}

@inline(never)
private func mayStep(_ arguments: Arguments) -> Bool {
    let count = arguments.integer(0)
    let isSmall = arguments.isDouble
        ? allFinite(arguments.input(1), count, DoubleVector(repeating: UpdateLimits(isDouble: true).scale))
        : allFinite(arguments.input(1), count, FloatVector(repeating: Float(UpdateLimits(isDouble: false).scale)))
    arguments.output(7, Int32.self)[0] = isSmall ? 0 : 1
    return isSmall
}

@inline(never)
private func run<Pass: OptimizerPass>(_: Pass.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let pass = Pass(arguments)
    var i = range.lowerBound
    while i + Pass.V.lanes <= range.upperBound {
        pass.step(i, Pass.V.lanes)
        i += Pass.V.lanes
    }
    if i < range.upperBound { pass.step(i, range.upperBound - i) }
}

@inline(__always) func read<V: KernelMath>(_ p: UnsafePointer<V.Scalar>, _ n: Int) -> V {
    n == V.lanes ? V.load(p) : V.load(p, n)
}

@inline(__always) func write<V: KernelMath>(_ v: V, _ p: UnsafeMutablePointer<V.Scalar>, _ n: Int) {
    if n == V.lanes { v.store(p) } else { v.store(p, n) }
}

private struct PlainDescent<V: KernelMath>: OptimizerPass {
    let parameters: UnsafeMutablePointer<V.Scalar>
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let minusRate, decay: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.output(0)
        gradient = arguments.input(1)
        limits = GradientLimits(arguments)
        minusRate = V(repeating: -arguments.scalar(0, V.Scalar.self))
        decay = V(repeating: arguments.scalar(4))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n)
        let g = V.fma(decay, p, limits.apply(read(gradient + i, n)))
        write(V.fma(minusRate, g, p), parameters + i, n)
    }
}

private struct MomentumDescent<V: KernelMath>: OptimizerPass {
    let plain: PlainDescent<V>
    let buffer: UnsafeMutablePointer<V.Scalar>
    let momentum, share: V
    let nesterov, isFirst: Bool

    @inline(__always) init(_ arguments: Arguments) {
        plain = PlainDescent(arguments)
        buffer = arguments.output(2)
        isFirst = arguments.integer(2) != 0
        nesterov = arguments.integer(1) & 1 != 0
        momentum = V(repeating: arguments.scalar(1))
        share = V(repeating: V.Scalar(1 - arguments.call.pointee.scalars[2]))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(plain.parameters + i, n)
        let g = V.fma(plain.decay, p, plain.limits.apply(read(plain.gradient + i, n)))
        let b = isFirst ? g : V.fma(share, g, momentum * read(buffer + i, n))
        write(b, buffer + i, n)
        write(V.fma(plain.minusRate, nesterov ? V.fma(momentum, b, g) : b, p), plain.parameters + i, n)
    }
}
