// Rotary positions (Su et al. 2021): pairs of a row's elements turned by angles that depend on the row's
// position. (x, y) becomes (x cos - y sin, x sin + y cos); backward turns the gradients the other way.
//
// rotatePairs
//   pointers  0 x  1 y  2 cosines, 3 sines: [positions, columns / 2]
//   integers  0 rows  1 columns, even  2 positions: row r has position r % positions
//             3 whether pairs are neighbours (0: elements i and i + columns / 2)  4 whether backwards
//             5 rows per piece

import KernelInterface

let rotatePairsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        rotatePairs(DoubleVector.self, arguments, begin, end)
    } else {
        rotatePairs(FloatVector.self, arguments, begin, end)
    }
}

private func rotatePairs<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let columns = arguments.integer(1)
    let half = columns / 2
    let perPiece = arguments.integer(5)
    let direction: V.Scalar = arguments.integer(4) != 0 ? -1 : 1
    let last = min(end * perPiece, arguments.integer(0))
    for row in (begin * perPiece)..<last {
        let position = row % arguments.integer(2)
        let x = arguments.input(0, V.Scalar.self) + row * columns
        let y = arguments.output(1, V.Scalar.self) + row * columns
        let cosines = arguments.input(2, V.Scalar.self) + position * half
        let sines = arguments.input(3, V.Scalar.self) + position * half
        if arguments.integer(3) != 0 {
            for i in 0..<half {
                let a = x[2 * i]
                let b = x[2 * i + 1]
                let sine = sines[i] * direction
                y[2 * i] = a * cosines[i] - b * sine
                y[2 * i + 1] = a * sine + b * cosines[i]
            }
            continue
        }
        var i = 0
        while i < half {
            let n = min(V.lanes, half - i)
            let a = V.load(x + i, n)
            let b = V.load(x + half + i, n)
            let cosine = V.load(cosines + i, n)
            let sine = V.load(sines + i, n) * V(repeating: direction)
            (a * cosine - b * sine).store(y + i, n)
            (a * sine + b * cosine).store(y + half + i, n)
            i += V.lanes
        }
    }
}
