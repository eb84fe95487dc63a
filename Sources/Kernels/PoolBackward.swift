// The gradient in an image from that in its pooled windows. The largest element is found again rather than
// kept: inference then pays nothing for it.
//
// poolBackward: dx[plane, image].  Pieces: integer 1 planes each.
//   pointers  0 image (for maxima)  1 dy [planes, positions]  2 PoolSpace  3 as in poolForward  4 dx
//   integers  as in poolForward

import KernelInterface

let poolBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        poolBackward(DoubleVector.self, arguments, begin, end)
    } else {
        poolBackward(FloatVector.self, arguments, begin, end)
    }
}

@inline(never)
private func poolBackward<V: KernelMath>(_: V.Type, _ call: Arguments, _ begin: Int, _ end: Int) {
    let perPiece = call.integer(1)
    let isMaximum = call.integer(2) == 0
    let g = call.input(2, PoolSpace.self).pointee
    let planes = begin * perPiece..<min(end * perPiece, call.integer(0))
    if !g.isPairs || 4 * g.positionCount != g.imageCount {
        let zeros = RowOperand<V>(nil, step: 0, constant: 0)
        copyContiguous(zeros, call.output(4, V.Scalar.self) + planes.lowerBound * g.imageCount, planes.count * g.imageCount)
    }
    for plane in planes {
        let dx = call.output(4, V.Scalar.self) + plane * g.imageCount
        let dy = call.input(1, V.Scalar.self) + plane * g.positionCount
        switch (g.isPairs, isMaximum) {
        case (true, true):
            let images = call.input(0, V.Scalar.self)
            maximumPairs(V.self, g, images + plane * g.imageCount, dy, dx, end: images + call.integer(0) * g.imageCount)
        case (true, false): averagePairs(V.self, g, dy, dx)
        case (false, true): maxima(V.self, g, call.input(3, Int.self), call.input(0, V.Scalar.self) + plane * g.imageCount, dy, dx)
        case (false, false): averages(g, call.input(3, Int.self), dy, dx)
        }
    }
}

@inline(__always)
private func maximumPairs<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ image: UnsafePointer<V.Scalar>, _ dy: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>,
    end: UnsafePointer<V.Scalar>
) {
    var dy = dy
    for z in 0..<g.positions[0] {
        for y in 0..<g.positions[1] {
            let row = (z * g.image[1] + 2 * y) * g.image[2]
            var x = 0
            while x < g.positions[2] {
                let n = min(V.lanes, g.positions[2] - x)
                let place = row + 2 * x
                let pairs = PoolPairs<V>(image + place, image + (place + g.image[2]), n, end: end)
                let gradient = V.load(dy + x, n)
                let second = (pairs.b .> pairs.a) .| (pairs.b .!= pairs.b)
                let two = V.choose(second, pairs.b, pairs.a)
                let third = (pairs.c .> two) .| (pairs.c .!= pairs.c)
                let three = V.choose(third, pairs.c, two)
                let fourth = (pairs.d .> three) .| (pairs.d .!= pairs.d)
                let d = V.choose(fourth, gradient, V.zero)
                let upToThird = V.choose(fourth, V.zero, gradient)
                let c = V.choose(third, upToThird, V.zero)
                let upToSecond = V.choose(third, V.zero, upToThird)
                storePairs(V.choose(second, V.zero, upToSecond), V.choose(second, upToSecond, V.zero), dx + place, n)
                storePairs(c, d, dx + (place + g.image[2]), n)
                x += n
            }
            dy += g.positions[2]
        }
    }
}

@inline(__always)
private func averagePairs<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ dy: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>
) {
    let divisor = V(repeating: V.Scalar(g.divisor == 0 ? 4 : g.divisor))
    var dy = dy
    for z in 0..<g.positions[0] {
        for y in 0..<g.positions[1] {
            let row = dx + (z * g.image[1] + 2 * y) * g.image[2]
            var x = 0
            while x < g.positions[2] {
                let n = min(V.lanes, g.positions[2] - x)
                let gradient = V.load(dy + x, n) / divisor
                storePairs(gradient, gradient, row + 2 * x, n)
                storePairs(gradient, gradient, row + (2 * x + g.image[2]), n)
                x += n
            }
            dy += g.positions[2]
        }
    }
}

/// Two times n elements, those of a and b in turn.
@inline(__always)
private func storePairs<V: KernelMath>(_ a: V, _ b: V, _ target: UnsafeMutablePointer<V.Scalar>, _ n: Int) {
    let first = min(V.lanes, 2 * n)
    V.interleaveLow(a, b).store(target, first)
    V.interleaveHigh(a, b).store(target + first, 2 * n - first)
}

@inline(__always)
private func maxima<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ table: UnsafePointer<Int>, _ image: UnsafePointer<V.Scalar>, _ dy: UnsafePointer<V.Scalar>,
    _ dx: UnsafeMutablePointer<V.Scalar>
) {
    forEachMaximum(V.self, g, table, image) { position, place in
        if place >= 0 { dx[place] += dy[position] }
    }
}

/// Each window's number and the place in the image of its largest element; -1 for a window without elements. Of
/// equal elements the first, of several NaN the last.
@inline(__always)
func forEachMaximum<V: KernelMath>(
    _: V.Type, _ g: PoolSpace, _ table: UnsafePointer<Int>, _ image: UnsafePointer<V.Scalar>,
    _ body: (_ position: Int, _ place: Int) -> Void
) {
    let down = table + 3 * g.positions[0]
    let along = down + 3 * g.positions[1]
    var position = 0
    for oz in 0..<g.positions[0] {
        let z = PoolInterval(table, oz)
        for oy in 0..<g.positions[1] {
            let y = PoolInterval(down, oy)
            var ox = 0
            while ox < g.positions[2] {
                let n = vectorOfWindows(V.self, g, ox)
                if n > 0 {
                    #if !BASELINE
                    // The last vector may begin among windows that have had their turn.
                    let start = max(g.low, min(ox, g.high - V.lanes))
                    var places = FloatBits.zero
                    findMaxima(
                        g, z, y, PoolInterval(along, start).begin, UnsafeRawPointer(image).assumingMemoryBound(to: Float.self),
                        min(V.lanes, g.high - start), &places)
                    withUnsafeMutableBytes(of: &places) { room in
                        let numbers = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Int32.self)
                        for i in 0..<n {
                            let lane = ox - start + i
                            let place = Int(truncatingIfNeeded: numbers[lane])
                            body(position + i, place < 0 ? place : place + lane * g.stride)
                        }
                    }
                    #endif
                    ox += n
                    position += n
                } else {
                    body(position, placeOfMaximum(g, z, y, PoolInterval(along, ox), image))
                    ox += 1
                    position += 1
                }
            }
        }
    }
}

/// How many windows from `ox` on are taken at once: whole ones of floats, where there are vectors.
@inline(__always)
private func vectorOfWindows<V: KernelMath>(_: V.Type, _ g: PoolSpace, _ ox: Int) -> Int {
    #if BASELINE
    return 0
    #else
    let fits = V.self == FloatVector.self && g.imageCount <= Int(Int32.max)
    return fits && ox >= g.low && ox < g.high ? min(V.lanes, g.high - ox) : 0
    #endif
}

#if !BASELINE
/// Places of the largest elements of n whole windows side by side, counted from each one's own column; the first of
/// them begins in column `left`.
@inline(never)
private func findMaxima(
    _ g: PoolSpace, _ z: PoolInterval, _ y: PoolInterval, _ left: Int, _ image: UnsafePointer<Float>, _ n: Int,
    _ places: inout FloatBits
) {
    typealias V = FloatVector
    func bits(_ place: Int) -> V { V(bits: FloatBits(repeating: Int32(truncatingIfNeeded: place))) }
    var best = V.all(-.infinity)
    let isEmpty = z.begin >= z.end || y.begin >= y.end
    var place = bits(isEmpty ? -1 : (z.begin * g.image[1] + y.begin) * g.image[2] + left)
    forEachTap(V.self, g, z, y, left, image, n) { element, here in
        place = V.choose(element .!= element, bits(here), V.choose(element .> best, bits(here), place))
        best = V.larger(best, element)
    }
    places = place.bits
}
#endif

@inline(__always)
private func placeOfMaximum<T: BinaryFloatingPoint>(
    _ g: PoolSpace, _ z: PoolInterval, _ y: PoolInterval, _ x: PoolInterval, _ image: UnsafePointer<T>
) -> Int {
    var best = -T.infinity
    // The first element, if none is larger than the smallest number.
    var place = -1
    var iz = z.begin
    while iz < z.end {
        var iy = y.begin
        while iy < y.end {
            let row = (iz * g.image[1] + iy) * g.image[2]
            var ix = x.begin
            while ix < x.end {
                let element = image[row + ix]
                if place < 0 || isLarger(element, best) {
                    best = element
                    place = row + ix
                }
                ix += g.step[2]
            }
            iy += g.step[1]
        }
        iz += g.step[0]
    }
    return place
}

@inline(__always)
private func averages<T: BinaryFloatingPoint>(
    _ g: PoolSpace, _ table: UnsafePointer<Int>, _ dy: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>
) {
    forEachWindow(g, table) { position, z, y, x in
        let gradient = dy[position] / T(g.divisor == 0 ? z.count * y.count * x.count : g.divisor)
        for iz in z.begin..<z.end {
            for iy in y.begin..<y.end {
                let row = dx + (iz * g.image[1] + iy) * g.image[2]
                for ix in x.begin..<x.end { row[ix] += gradient }
            }
        }
    }
}

@inline(__always)
private func forEachWindow(
    _ g: PoolSpace, _ table: UnsafePointer<Int>, _ body: (_ position: Int, _ z: PoolInterval, _ y: PoolInterval, _ x: PoolInterval) -> Void
) {
    let down = table + 3 * g.positions[0]
    let along = down + 3 * g.positions[1]
    var position = 0
    for oz in 0..<g.positions[0] {
        let z = PoolInterval(table, oz)
        for oy in 0..<g.positions[1] {
            let y = PoolInterval(down, oy)
            for ox in 0..<g.positions[2] {
                body(position, z, y, PoolInterval(along, ox))
                position += 1
            }
        }
    }
}
