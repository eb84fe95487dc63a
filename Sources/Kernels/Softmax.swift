// softmax and log-softmax over one dimension of [outer, columns, inner], safe against overflow:
// the largest element of a row is taken off first. A row with +inf or NaN, or of -inf alone,
// gives NaN, as in PyTorch.
//
// softmaxForward: y from x. softmaxBackward: dx from y and dy.
//   Pieces: integer 4 units; a unit is a row where inner is 1, else 16 inner positions of an outer
//   index (outer * ceil(inner / 16) units in all).
//   pointers  forward 0 x  1 y      backward 0 y  1 dy  2 dx
//   integers  0 outer  1 columns  2 inner  3 whether it is the log-softmax  4 units per piece

import KernelInterface

let softmaxForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        softmaxForward(DoubleVector.self, arguments, begin, end)
    } else {
        softmaxForward(FloatVector.self, arguments, begin, end)
    }
}

let softmaxBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        softmaxBackward(DoubleVector.self, arguments, begin, end)
    } else {
        softmaxBackward(FloatVector.self, arguments, begin, end)
    }
}

/// The largest of `count` elements.
@inline(__always) func largestElement<V: KernelMath>(_ x: UnsafePointer<V.Scalar>, _ count: Int, _: V.Type) -> V.Scalar
{
    let lowest = V(repeating: -V.Scalar.infinity)
    if count <= V.lanes {
        return V.choose(V.firstLanes(count), V.load(x, count), lowest).laneMaximum
    }
    var a = V.load(x)
    var b = lowest
    var i = V.lanes
    while i + 2 * V.lanes <= count {
        a = V.atLeast(a, V.load(x + i))
        b = V.atLeast(b, V.load(x + i + V.lanes))
        i += 2 * V.lanes
    }
    while i < count {
        let n = min(V.lanes, count - i)
        a = V.atLeast(a, V.choose(V.firstLanes(n), V.load(x + i, n), lowest))
        i += n
    }
    return V.atLeast(a, b).laneMaximum
}

/// The blocks of a range of units where `inner` is not 1, one after the other.
private struct InnerBlocks {
    let columns, inner, lanes: Int
    private var unit, high, position: Int
    private let blocks: Int
    /// The block's first element and its number of inner positions, at most `lanes`.
    private(set) var offset = 0
    private(set) var count = 0

    @inline(__always) init(_ arguments: Arguments, _ begin: Int, _ end: Int, lanes: Int) {
        columns = arguments.integer(1)
        inner = arguments.integer(2)
        self.lanes = lanes
        blocks = (inner + 15) / 16
        unit = begin * arguments.integer(4)
        high = min(end * arguments.integer(4), arguments.integer(0) * blocks)
        position = 0
    }

    /// A unit's 16 positions are one vector of floats or two of doubles.
    @inline(__always) mutating func next() -> Bool {
        while unit < high {
            let start = unit % blocks * 16 + position
            let last = min(inner, unit % blocks * 16 + 16)
            if start < last {
                offset = unit / blocks * columns * inner + start
                count = min(lanes, last - start)
                position += count
                return true
            }
            unit += 1
            position = 0
        }
        return false
    }
}

private func softmaxForward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let y = arguments.output(1, V.Scalar.self)
    let columns = arguments.integer(1)
    let inner = arguments.integer(2)
    let isLog = arguments.integer(3) != 0
    if inner != 1 {
        var block = InnerBlocks(arguments, begin, end, lanes: V.lanes)
        while block.next() {
            softmaxAcross(V.self, x + block.offset, y + block.offset, columns, inner, block.count, isLog)
        }
        return
    }
    let perPiece = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    for row in (begin * perPiece)..<high {
        softmaxRow(V.self, x + row * columns, y + row * columns, columns, isLog)
    }
}

@inline(__always) private func softmaxRow<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ columns: Int, _ isLog: Bool
) {
    let zero = V(repeating: 0)
    if columns <= V.lanes {
        let inside = V.firstLanes(columns)
        let v = V.load(x, columns)
        let maximum = V.choose(inside, v, V(repeating: -V.Scalar.infinity)).laneMaximum
        // Zeros behind the end: the exponential of -inf would be slow (a subnormal on the way).
        let shifted = V.choose(inside, v - V(repeating: maximum), zero)
        let e = V.choose(inside, V.expOfNegative(shifted), zero)
        let total = e.laneSum
        if isLog {
            (shifted - V.log(V(repeating: total))).store(y, columns)
        } else {
            (e * V(repeating: 1 / total)).store(y, columns)
        }
        return
    }
    wideRow(V.self, x, y, columns, isLog)
}

@inline(never)
private func wideRow<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ columns: Int, _ isLog: Bool
) {
    let zero = V.zero
    let maximum = V(repeating: largestElement(x, columns, V.self))
    var total = zero
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        let e = V.expOfNegative((n == V.lanes ? V.load(x + i) : V.load(x + i, n)) - maximum)
        if n == V.lanes {
            total += e
            if !isLog { e.store(y + i) }
        } else {
            total += V.choose(V.firstLanes(n), e, zero)
            if !isLog { e.store(y + i, n) }
        }
        i += n
    }
    let sum = total.laneSum
    let factor = V(repeating: 1 / sum)
    let shift = isLog ? V.log(V(repeating: sum)) : zero
    i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        if isLog {
            ((V.load(x + i, n) - maximum) - shift).store(y + i, n)
        } else {
            (V.load(y + i, n) * factor).store(y + i, n)
        }
        i += n
    }
}

/// `count` neighbouring softmaxes at once, each down a column.
@inline(never)
private func softmaxAcross<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ y: UnsafeMutablePointer<V.Scalar>, _ columns: Int, _ inner: Int,
    _ count: Int, _ isLog: Bool
) {
    var maximum = V.load(x, count)
    for j in 1..<max(1, columns) { maximum = V.atLeast(maximum, V.load(x + j * inner, count)) }
    var total = V(repeating: 0)
    for j in 0..<columns {
        let e = V.expOfNegative(V.load(x + j * inner, count) - maximum)
        total += e
        if !isLog { e.store(y + j * inner, count) }
    }
    let factor = isLog ? V.log(total) : V(repeating: 1) / total
    for j in 0..<columns {
        if isLog {
            ((V.load(x + j * inner, count) - maximum) - factor).store(y + j * inner, count)
        } else {
            (V.load(y + j * inner, count) * factor).store(y + j * inner, count)
        }
    }
}

private func softmaxBackward<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let y = arguments.input(0, V.Scalar.self)
    let dy = arguments.input(1, V.Scalar.self)
    let dx = arguments.output(2, V.Scalar.self)
    let columns = arguments.integer(1)
    let inner = arguments.integer(2)
    let isLog = arguments.integer(3) != 0
    if inner != 1 {
        var block = InnerBlocks(arguments, begin, end, lanes: V.lanes)
        while block.next() {
            let o = block.offset
            backwardAcross(V.self, y + o, dy + o, dx + o, columns, inner, block.count, isLog)
        }
        return
    }
    let perPiece = arguments.integer(4)
    let high = min(end * perPiece, arguments.integer(0))
    for row in (begin * perPiece)..<high {
        let start = row * columns
        backwardRow(V.self, y + start, dy + start, dx + start, columns, isLog)
    }
}

/// softmax: dx = y (dy - sum(dy y)); log-softmax: dx = dy - exp(y) sum(dy).
@inline(__always) private func slope<V: KernelMath>(_ y: V, _ dy: V, _ total: V, _ isLog: Bool) -> V {
    isLog ? V.fma(V.zero - V.exp(y), total, dy) : y * (dy - total)
}

@inline(__always) private func backwardRow<V: KernelMath>(
    _: V.Type, _ y: UnsafePointer<V.Scalar>, _ dy: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>,
    _ columns: Int, _ isLog: Bool
) {
    var total = V(repeating: 0)
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        total = isLog ? total + V.load(dy + i, n) : V.fma(V.load(y + i, n), V.load(dy + i, n), total)
        i += n
    }
    let sum = V(repeating: total.laneSum)
    i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        slope(V.load(y + i, n), V.load(dy + i, n), sum, isLog).store(dx + i, n)
        i += n
    }
}

@inline(never)
private func backwardAcross<V: KernelMath>(
    _: V.Type, _ y: UnsafePointer<V.Scalar>, _ dy: UnsafePointer<V.Scalar>, _ dx: UnsafeMutablePointer<V.Scalar>,
    _ columns: Int, _ inner: Int, _ count: Int, _ isLog: Bool
) {
    var total = V(repeating: 0)
    for j in 0..<columns {
        let g = V.load(dy + j * inner, count)
        total = isLog ? total + g : V.fma(V.load(y + j * inner, count), g, total)
    }
    for j in 0..<columns {
        slope(V.load(y + j * inner, count), V.load(dy + j * inner, count), total, isLog)
            .store(dx + j * inner, count)
    }
}
