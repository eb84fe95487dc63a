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
            ? poolWindows(V.self, call, planes, isMaximum: true) : poolWindows(V.self, call, planes, isMaximum: false)
    }
}

@inline(__always)
private func poolPairs<V: KernelMath>(_: V.Type, _ call: Arguments, _ planes: Range<Int>, isMaximum: Bool) {
    let g = call.input(2, PoolSpace.self).pointee
    let divisor = V(repeating: V.Scalar(g.divisor == 0 ? 4 : g.divisor))
    let width = g.positions[2]
    let end = call.input(0, V.Scalar.self) + call.integer(0) * g.imageCount
    for plane in planes {
        let image = call.input(0, V.Scalar.self) + plane * g.imageCount
        var result = call.output(1, V.Scalar.self) + plane * g.positionCount
        for z in 0..<g.positions[0] {
            for y in 0..<g.positions[1] {
                let upper = image + (z * g.image[1] + 2 * y) * g.image[2]
                var x = 0
                while x < width {
                    let n = min(V.lanes, width - x)
                    let pairs = PoolPairs<V>(upper + 2 * x, upper + (2 * x + g.image[2]), n, end: end)
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
    /// - end: of what may be read.
    @inline(__always) init(
        _ upper: UnsafePointer<V.Scalar>, _ lower: UnsafePointer<V.Scalar>, _ n: Int, end: UnsafePointer<V.Scalar>
    ) {
        let rows: (V, V, V, V)
        if end - lower >= 2 * V.lanes {
            // Whole vectors, whatever lies behind the windows: masks would take longer than all the rest.
            rows = (V.load(upper), V.load(upper + V.lanes), V.load(lower), V.load(lower + V.lanes))
        } else {
            let first = min(V.lanes, 2 * n)
            let second = 2 * n - first
            rows = (V.load(upper, first), V.load(upper + first, second), V.load(lower, first), V.load(lower + first, second))
        }
        a = V.evens(rows.0, rows.1)
        b = V.odds(rows.0, rows.1)
        c = V.evens(rows.2, rows.3)
        d = V.odds(rows.2, rows.3)
    }
}

/// The largest elements or the sums of n whole windows side by side, the first of which begins in column `left`.
@inline(never)
private func windows<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ z: PoolInterval, _ y: PoolInterval, _ left: Int, _ image: UnsafePointer<V.Scalar>, _ n: Int,
    isMaximum: Bool, _ result: inout V
) {
    // By way of memory: vectors of 16 are cut into four when they are passed in registers.
    var value = isMaximum ? V.all(-.infinity) : V.zero
    if isMaximum {
        forEachTap(V.self, g, z, y, left, image, n) { element, _ in value = V.larger(value, element) }
    } else {
        forEachTap(V.self, g, z, y, left, image, n) { element, _ in value += element }
    }
    result = value
}

/// One element of each of n whole windows, and where the first one's is, tap by tap.
@inline(__always)
func forEachTap<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ z: PoolInterval, _ y: PoolInterval, _ left: Int, _ image: UnsafePointer<V.Scalar>, _ n: Int,
    _ body: (_ elements: V, _ place: Int) -> Void
) {
    @inline(__always) func walk(_ stride: Int, _ n: Int) {
        var iz = z.begin
        while iz < z.end {
            var iy = y.begin
            while iy < y.end {
                var here = (iz * g.image[1] + iy) * g.image[2] + left
                for _ in 0..<g.taps {
                    body(loadEvery(V.self, image + here, stride, n), here)
                    here += g.step[2]
                }
                iy += g.step[1]
            }
            iz += g.step[0]
        }
    }
    #if BASELINE
    walk(g.stride, n)
    #else
    // Numbers known to the compiler leave no masks and branches; for floats, to keep the code small.
    if V.self != FloatVector.self {
        walk(g.stride, n)
    } else if n == V.lanes && g.stride == 1 {
        walk(1, V.lanes)
    } else if n == V.lanes && g.stride == 2 {
        walk(2, V.lanes)
    } else {
        walk(g.stride, n)
    }
    #endif
}

/// `count` elements (1...lanes), `stride` apart.
@inline(__always) private func loadEvery<V: KernelMath>(_: V.Type, _ p: UnsafePointer<V.Scalar>, _ stride: Int, _ count: Int) -> V {
    if stride == 1 { return V.load(p, count) }
    if stride != 2 { return V.loadStrided(p, stride, count) }
    let reach = 2 * count - 1
    let first = min(V.lanes, reach)
    return V.evens(V.load(p, first), V.load(p + first, reach - first))
}

@inline(__always)
private func poolWindows<V: KernelMath>(_: V.Type, _ call: Arguments, _ planes: Range<Int>, isMaximum: Bool) {
    typealias T = V.Scalar
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
                        // Whole windows: a vector of them takes one tap after the other. The last one may begin
                        // among those of the one before, and finds the same again.
                        let left = PoolInterval(along, ox)
                        let divisor = isMaximum ? 1 : T(g.divisor == 0 ? rowCount * left.count : g.divisor)
                        var i = 0
                        while i < middle {
                            let n = min(V.lanes, middle)
                            let start = min(i, middle - n)
                            var value = V.zero
                            windows(V.self, g, z, y, left.begin + start * g.stride, image, n, isMaximum: isMaximum, &value)
                            (value / V(repeating: divisor)).store(result + (ox + start), n)
                            i += V.lanes
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
