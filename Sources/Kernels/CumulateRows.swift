// Running sums, products, largest and smallest elements along one dimension of [outer, columns, inner]. Sums and
// products are carried in Double.
//
// Pieces of both: integer 3 of the outer * inner rows.
// cumulateRows: y from x, and for the largest and smallest their indices (Int64 in a call of doubles, else Int32).
//   pointers  0 x  1 y  2 indices (largest and smallest)
//   integers  0 outer  1 columns  2 inner  3 rows per piece  4 RowCumulation  5 whether from the end (sums)
// cumulateProductBackward: dx from x, y and dy of running products.
//   pointers  0 x  1 y  2 dy  3 dx      integers  0...3 as above

import KernelInterface

let cumulateRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        cumulateRows(Double.self, Int64.self, arguments, begin, end)
    } else {
        cumulateRows(Float.self, Int32.self, arguments, begin, end)
    }
}

let cumulateProductBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        cumulateProductBackward(Double.self, arguments, begin, end)
    } else {
        cumulateProductBackward(Float.self, arguments, begin, end)
    }
}

/// Float and Double, converted by single instructions.
private protocol Carried: BinaryFloatingPoint {
    var wide: Double { get }
    init(narrowing: Double)
}
extension Float: Carried {
    @inline(__always) fileprivate var wide: Double { Double(self) }
    @inline(__always) fileprivate init(narrowing value: Double) { self = Float(value) }
}
extension Double: Carried {
    @inline(__always) fileprivate var wide: Double { self }
    @inline(__always) fileprivate init(narrowing value: Double) { self = value }
}

/// The rows of pieces `begin..<end`.
@inline(__always) private func rows(_ arguments: Arguments, _ begin: Int, _ end: Int) -> Range<Int> {
    let perPiece = arguments.integer(3)
    let low = begin * perPiece
    return low..<max(low, min(end * perPiece, arguments.integer(0) * arguments.integer(2)))
}

@inline(__always)
private func cumulateRows<T: Carried, I: FixedWidthInteger>(
    _: T.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let columns = arguments.integer(1)
    let inner = arguments.integer(2)
    let kind = arguments.integer(4)
    let backwards = arguments.integer(5) != 0
    for row in rows(arguments, begin, end) {
        let start = row / inner * columns * inner + row % inner
        let x = arguments.input(0, T.self) + start
        let y = arguments.output(1, T.self) + start
        if kind == 0 {
            var sum = 0.0
            for j in 0..<columns {
                let place = (backwards ? columns - 1 - j : j) * inner
                sum += x[place].wide
                y[place] = T(narrowing: sum)
            }
        } else if kind == 1 {
            var product = 1.0
            for j in 0..<columns {
                product *= x[j * inner].wide
                y[j * inner] = T(narrowing: product)
            }
        } else {
            let indices = arguments.output(2, I.self) + start
            var best = x[0]
            var place = 0
            for j in 0..<columns {
                let value = x[j * inner]
                // As in PyTorch the last of equal elements counts, and nothing follows NaN but NaN.
                if value != value || (best == best && (kind == 2 ? value >= best : value <= best)) {
                    best = value
                    place = j
                }
                y[j * inner] = best
                indices[j * inner] = I(truncatingIfNeeded: place)
            }
        }
    }
}

/// dx_k = the sum over j >= k of dy_j times the product of x_0 ... x_j without x_k. Without zeros that is the
/// running sum, from the end, of dy y, over x_k. Behind the first zero all products vanish, but for the zero itself,
/// in whose slope the products up to the next zero count.
@inline(__always)
private func cumulateProductBackward<T: Carried>(_: T.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let columns = arguments.integer(1)
    let inner = arguments.integer(2)
    for row in rows(arguments, begin, end) {
        let start = row / inner * columns * inner + row % inner
        let x = arguments.input(0, T.self) + start
        let y = arguments.input(1, T.self) + start
        let dy = arguments.input(2, T.self) + start
        let dx = arguments.output(3, T.self) + start
        var zero = 0
        while zero < columns && x[zero * inner] != 0 { zero += 1 }
        var sum = 0.0
        var j = zero - 1
        while j >= 0 {
            sum += dy[j * inner].wide * y[j * inner].wide
            dx[j * inner] = T(narrowing: sum / x[j * inner].wide)
            j -= 1
        }
        if zero == columns { continue }
        var product = zero == 0 ? 1 : y[(zero - 1) * inner].wide
        sum = dy[zero * inner].wide * product
        j = zero + 1
        while j < columns && x[j * inner] != 0 {
            product *= x[j * inner].wide
            sum += dy[j * inner].wide * product
            j += 1
        }
        dx[zero * inner] = T(narrowing: sum)
        for k in (zero + 1)..<max(columns, zero + 1) { dx[k * inner] = 0 }
    }
}
