// The largest or mean element of each window of an image. One window's elements are taken in their order,
// outermost dimension first, whichever loop takes them.
//
// poolForward: result[plane, positions].  Pieces: integer 1 planes each.
//   pointers  0 image [planes, image]  1 result  2 PoolSpace
//             3 for each dimension (three), for each position: begin, end, count
//   integers  0 planes  1 planes per piece  2 PoolFunction

import KernelInterface

let poolForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        poolForward(DoubleVector.self, arguments, begin, end)
    } else {
        poolForward(FloatVector.self, arguments, begin, end)
    }
}

/// The window's extent along one dimension.
struct PoolInterval {
    let begin: Int
    let end: Int
    let count: Int
    @inline(__always) init(_ table: UnsafePointer<Int>, _ position: Int) {
        begin = table[3 * position]
        end = table[3 * position + 1]
        count = table[3 * position + 2]
    }
}

/// PyTorch's: a NaN wins, and of equal elements the first.
@inline(__always) func isLarger<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Bool { a > b || a != a }

@inline(never)
private func poolForward<V: KernelMath>(_: V.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    let perPiece = call.integer(1)
    let planes = begin * perPiece..<min(end * perPiece, call.integer(0))
    let isMaximum = call.integer(2) == 0
    if call.input(2, PoolSpace.self).pointee.isPairs {
        isMaximum ? poolPairs(V.self, call, planes, isMaximum: true) : poolPairs(V.self, call, planes, isMaximum: false)
    } else {
        isMaximum
            ? poolWindows(V.Scalar.self, call, planes, isMaximum: true) : poolWindows(V.Scalar.self, call, planes, isMaximum: false)
    }
}

@inline(__always)
private func poolPairs<V: KernelMath>(_: V.Type, _ call: Arguments, _ planes: Range<Int>, isMaximum: Bool) {
    let g = call.input(2, PoolSpace.self).pointee
    let divisor = V(repeating: V.Scalar(g.divisor == 0 ? 4 : g.divisor))
    let width = g.positions[2]
    for plane in planes {
        let image = call.input(0, V.Scalar.self) + plane * g.imageCount
        var result = call.output(1, V.Scalar.self) + plane * g.positionCount
        for z in 0..<g.positions[0] {
            for y in 0..<g.positions[1] {
                let upper = image + (z * g.image[1] + 2 * y) * g.image[2]
                var x = 0
                while x < width {
                    let n = min(V.lanes, width - x)
                    let pairs = PoolPairs<V>(upper + 2 * x, upper + (2 * x + g.image[2]), n)
                    let value =
                        isMaximum
                        ? V.larger(V.larger(V.larger(pairs.a, pairs.b), pairs.c), pairs.d)
                        : (((pairs.a + pairs.b) + pairs.c) + pairs.d) / divisor
                    value.store(result + x, n)
                    x += n
                }
                result += width
            }
        }
    }
}

/// The four elements of up to a vector of windows side by side.
struct PoolPairs<V: KernelMath> {
    let a: V
    let b: V
    let c: V
    let d: V
    @inline(__always) init(_ upper: UnsafePointer<V.Scalar>, _ lower: UnsafePointer<V.Scalar>, _ n: Int) {
        let first = min(V.lanes, 2 * n)
        let second = 2 * n - first
        // The loads that begin one element later end where the others do.
        let secondOdd = second == 0 ? 0 : second - 1
        let firstOdd = second == 0 ? first - 1 : first
        a = V.evens(V.load(upper, first), V.load(upper + first, second))
        b = V.evens(V.load(upper + 1, firstOdd), V.load(upper + (first + 1), secondOdd))
        c = V.evens(V.load(lower, first), V.load(lower + first, second))
        d = V.evens(V.load(lower + 1, firstOdd), V.load(lower + (first + 1), secondOdd))
    }
}

@inline(__always)
private func poolWindows<T: BinaryFloatingPoint>(_: T.Type, _ call: Arguments, _ planes: Range<Int>, isMaximum: Bool) {
    let g = call.input(2, PoolSpace.self).pointee
    let deep = call.input(3, Int.self)
    let down = deep + 3 * g.positions[0]
    let along = down + 3 * g.positions[1]
    let first: T = isMaximum ? -T.infinity : 0
    let middle = g.high - g.low
    for plane in planes {
        let image = call.input(0, T.self) + plane * g.imageCount
        var result = call.output(1, T.self) + plane * g.positionCount
        for oz in 0..<g.positions[0] {
            let z = PoolInterval(deep, oz)
            for oy in 0..<g.positions[1] {
                let y = PoolInterval(down, oy)
                let rowCount = z.count * y.count
                var ox = 0
                while ox < g.positions[2] {
                    if ox == g.low && middle > 0 {
                        // Whole windows: one tap of all of them after the other.
                        let target = result + ox
                        for i in 0..<middle { target[i] = first }
                        let left = PoolInterval(along, ox)
                        var iz = z.begin
                        while iz < z.end {
                            var iy = y.begin
                            while iy < y.end {
                                var source = image + ((iz * g.image[1] + iy) * g.image[2] + left.begin)
                                for _ in 0..<g.taps {
                                    takeRow(source, target, middle, g.stride, isMaximum: isMaximum)
                                    source += g.step[2]
                                }
                                iy += g.step[1]
                            }
                            iz += g.step[0]
                        }
                        if !isMaximum {
                            let divisor = T(g.divisor == 0 ? rowCount * left.count : g.divisor)
                            for i in 0..<middle { target[i] /= divisor }
                        }
                        ox = g.high
                        continue
                    }
                    let x = PoolInterval(along, ox)
                    var value = first
                    var iz = z.begin
                    while iz < z.end {
                        var iy = y.begin
                        while iy < y.end {
                            let row = image + (iz * g.image[1] + iy) * g.image[2]
                            var ix = x.begin
                            while ix < x.end {
                                if isMaximum {
                                    if isLarger(row[ix], value) { value = row[ix] }
                                } else {
                                    value += row[ix]
                                }
                                ix += g.step[2]
                            }
                            iy += g.step[1]
                        }
                        iz += g.step[0]
                    }
                    result[ox] = isMaximum ? value : value / T(g.divisor == 0 ? rowCount * x.count : g.divisor)
                    ox += 1
                }
                result += g.positions[2]
            }
        }
    }
}

/// Strides known to the compiler make vectors.
@inline(__always)
private func takeRow<T: BinaryFloatingPoint>(
    _ source: UnsafePointer<T>, _ target: UnsafeMutablePointer<T>, _ count: Int, _ stride: Int, isMaximum: Bool
) {
    @inline(__always) func take(_ stride: Int) {
        for i in 0..<count {
            let element = source[i * stride]
            if isMaximum {
                target[i] = isLarger(element, target[i]) ? element : target[i]
            } else {
                target[i] += element
            }
        }
    }
    switch stride {
    case 1: take(1)
    case 2: take(2)
    default: take(stride)
    }
}
