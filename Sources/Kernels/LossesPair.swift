// Elementwise losses of two predictions; slots: LossesElement.swift.

import KernelInterface

@inline(never)
func pairLoss<Formula: PairFormula, V: KernelMath>(
    _: Formula.Type, _: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let x = arguments.input(0, V.Scalar.self)
    let target = arguments.input(1, V.Scalar.self)
    let weights = arguments.has(2) ? arguments.input(2, V.Scalar.self) : nil
    let gradientX = arguments.has(4) ? arguments.output(4, V.Scalar.self) : nil
    let partials = arguments.output(5, Double.self)
    let y = arguments.input(7, V.Scalar.self)
    let gradientY = arguments.has(8) ? arguments.output(8, V.Scalar.self) : nil
    let losses = arguments.has(10) ? arguments.output(10, V.Scalar.self) : nil
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    let numbers = LossNumbers<V>(arguments)
    let factor = V(repeating: V.Scalar(inverseDivisor(arguments, weights: 6)))
    for piece in begin..<end {
        let first = piece * perPiece
        let last = min(arguments.integer(0), first + perPiece)
        var total = V.zero
        // Without weights the piece is one long row.
        let isFlat = weights == nil
        var row = first
        while row < last {
            let start = row * columns
            let count = isFlat ? (last - first) * columns : columns
            let weight = weights.map { V(repeating: $0[row]) } ?? V.one
            var i = start
            while i < start + count {
                let n = min(V.lanes, start + count - i)
                let found = Formula.all(V.load(x + i, n), V.load(y + i, n), V.load(target + i, n), numbers)
                total = V.fma(V.choose(V.firstLanes(n), found.value, V.zero), weight, total)
                if let losses = apart(losses) { (found.value * (weight * factor)).store(losses + i, n) }
                if let gradientX { (found.x * (weight * factor)).store(gradientX + i, n) }
                if let gradientY { (found.y * (weight * factor)).store(gradientY + i, n) }
                i += n
            }
            row += isFlat ? last - first : 1
        }
        partials[piece] = Double(total.laneSum)
    }
}
