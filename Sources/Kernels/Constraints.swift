// What is done to a parameter's gradient before its optimizer sees it, and to the parameter after it.
//
// regularize  z = g + l1 sign(p) + l2 p.  Pieces: parametersPerPiece.
//   pointers  0 p  1 g  2 z      integers  0 count      scalars  0 l1  1 l2
// constrain  Pieces: integer 4 units; non-negative: the units are single elements.
//   non-negative (0)  p = max(p, 0)
//   norm (1)          p *= factor for each unit, a unit's norm being n: factor = min(n, largest) / (1e-7 + n)
//   unit norm (2)     factor = 1 / (1e-7 + n)
//   pointers  0 p
//   integers  0 units  1 which  2 elements of a unit  3 whether a unit's elements lie `units` apart
//             (otherwise one behind the other)  4 units per piece
//   scalars   0 largest
// The constraints' formulas are Keras's.

import KernelInterface

let regularizeKernel: Kernel = { call, begin, end, _ in
    runPass(Regularize<FloatVector>.self, Regularize<DoubleVector>.self, Arguments(call), begin, end)
}

let constrainKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        constrain(DoubleVector.self, arguments, begin, end)
    } else {
        constrain(FloatVector.self, arguments, begin, end)
    }
}

private struct Regularize<V: KernelMath>: OptimizerPass {
    let parameters, gradient: UnsafePointer<V.Scalar>
    let result: UnsafeMutablePointer<V.Scalar>
    let l1, l2: V

    @inline(__always) init(_ arguments: Arguments) {
        parameters = arguments.input(0)
        gradient = arguments.input(1)
        result = arguments.output(2)
        l1 = V(repeating: arguments.scalar(0))
        l2 = V(repeating: arguments.scalar(1))
    }

    @inline(__always) func step(_ i: Int, _ n: Int) {
        let p: V = read(parameters + i, n)
        write(V.fma(l2, p, V.fma(l1, signs(p), read(gradient + i, n))), result + i, n)
    }
}

private func constrain<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let parameters: UnsafeMutablePointer<V.Scalar> = arguments.output(0)
    let units = arguments.integer(0)
    let perPiece = arguments.integer(4)
    let count = arguments.integer(2)
    let first = begin &* perPiece
    let last = end &* perPiece < units ? end &* perPiece : units
    switch (arguments.integer(1), arguments.integer(3)) {
    case (0, _):
        var i = first
        while i < last {
            let n = last &- i < V.lanes ? last &- i : V.lanes
            write(V.atLeast(read(parameters + i, n), V.zero), parameters + i, n)
            i &+= V.lanes
        }
    case (_, 0):
        for unit in first..<last {
            let place = parameters + unit &* count
            let factor = normFactor(V(repeating: sumOfSquares(place, count, V.self)).root, arguments)
            var i = 0
            while i < count {
                let n = count &- i < V.lanes ? count &- i : V.lanes
                write(read(place + i, n) * factor, place + i, n)
                i &+= V.lanes
            }
        }
    default:
        var unit = first
        while unit < last {
            let n = last &- unit < V.lanes ? last &- unit : V.lanes
            var sum = V.zero
            for i in 0..<count {
                let x: V = read(parameters + (i &* units &+ unit), n)
                sum = V.fma(x, x, sum)
            }
            let factor = normFactor(sum.root, arguments)
            for i in 0..<count {
                let place = parameters + (i &* units &+ unit)
                write(read(place, n) * factor, place, n)
            }
            unit &+= V.lanes
        }
    }
}

@inline(__always) private func normFactor<V: KernelMath>(_ norm: V, _ arguments: Arguments) -> V {
    let wanted = arguments.integer(1) == 2 ? V.one : V.atMost(norm, V(repeating: arguments.scalar(0)))
    return wanted / (norm + V(repeating: V.Scalar(1e-7)))
}
