// Reductions that are no sums, over one dimension of [outer, columns, inner]: the largest, the smallest, the
// product, the logarithm of the sum of exponentials; and where the largest or smallest is.
//
// Pieces of all: integer 3 units; a unit is a row where inner is 1, else 16 inner positions of an outer index
// (outer * ceil(inner / 16) units in all).
// foldRows: y from x.
//   pointers  0 x  1 y [outer, inner]
//   integers  0 outer  1 columns  2 inner  3 units per piece  4 RowFold
// foldRowsBackward: dx from x, y and dy.
//   pointers  0 x  1 y  2 dy  3 dx      integers  as above
//   largest, smallest: equal elements share dy; product: dy times the product of the others
// foldPosition: the first index of the largest (smallest) element, or of the first NaN. Indices are Int64 in a
//   call of doubles, else Int32.
//   pointers  0 x  1 indices      integers  0...3 as above  4 RowFold (largest or smallest), or positionOfLastNaN: the
//             largest, but of several NaN the last one (inner 1 only)

import KernelInterface

let foldRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        foldRows(DoubleVector.self, arguments, begin, end)
    } else {
        foldRows(FloatVector.self, arguments, begin, end)
    }
}

let foldPositionKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        foldPosition(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        foldPosition(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

/// The blocks of a call's pieces: neighbouring inner positions of an outer index.
struct FoldBlocks {
    let columns, inner, lanes: Int
    private var unit, high, position: Int
    private let blocks: Int
    /// The block's first element, where its result stands, and its number of inner positions, at most `lanes`.
    private(set) var offset = 0
    private(set) var target = 0
    private(set) var count = 0

    @inline(__always) init(_ arguments: Arguments, _ begin: Int, _ end: Int, lanes: Int) {
        columns = arguments.integer(1)
        inner = arguments.integer(2)
        self.lanes = lanes
        blocks = (inner + 15) / 16
        unit = begin * arguments.integer(3)
        high = min(end * arguments.integer(3), arguments.integer(0) * blocks)
        position = 0
    }

    /// A unit's 16 positions are one vector of floats or two of doubles.
    @inline(__always) mutating func next() -> Bool {
        while unit < high {
            // A division takes longer than a short row.
            let outer = blocks == 1 ? unit : unit / blocks
            let start = (unit - outer * blocks) * 16 + position
            let last = min(inner, start - position + 16)
            if start < last {
                offset = outer * columns * inner + start
                target = outer * inner + start
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

/// How two elements become one.
protocol Fold {
    static func start<V: KernelMath>(_: V.Type) -> V
    static func join<V: KernelMath>(_ a: V, _ b: V) -> V
    /// All lanes as one, by a fixed tree.
    static func joinLanes<V: KernelMath>(_ v: V) -> V.Scalar
}

enum LargestFold: Fold {
    @inline(__always) static func start<V: KernelMath>(_: V.Type) -> V { V.all(-.infinity) }
    @inline(__always) static func join<V: KernelMath>(_ a: V, _ b: V) -> V { V.larger(a, b) }
    @inline(__always) static func joinLanes<V: KernelMath>(_ v: V) -> V.Scalar {
        V.anyLane(v .!= v) ? .nan : v.laneMaximum
    }
}

enum SmallestFold: Fold {
    @inline(__always) static func start<V: KernelMath>(_: V.Type) -> V { V.all(.infinity) }
    @inline(__always) static func join<V: KernelMath>(_ a: V, _ b: V) -> V { V.smaller(a, b) }
    @inline(__always) static func joinLanes<V: KernelMath>(_ v: V) -> V.Scalar {
        V.anyLane(v .!= v) ? .nan : -V(bits: v.bits ^ V.signBit).laneMaximum
    }
}

enum ProductFold: Fold {
    @inline(__always) static func start<V: KernelMath>(_: V.Type) -> V { V.one }
    @inline(__always) static func join<V: KernelMath>(_ a: V, _ b: V) -> V { a * b }
    @inline(__always) static func joinLanes<V: KernelMath>(_ v: V) -> V.Scalar { v.laneProduct }
}

/// `count` neighbouring results of `columns` elements each, `inner` apart.
@inline(__always) private func foldAcross<F: Fold, V: KernelMath>(
    _: F.Type, _: V.Type, _ x: UnsafePointer<V.Scalar>, _ columns: Int, _ inner: Int, _ count: Int
) -> V {
    var result = F.start(V.self)
    for j in 0..<columns { result = F.join(result, V.load(x + j * inner, count)) }
    return result
}

/// One result, in every lane: a vector of partial ones, which are joined at the end.
@inline(__always) private func foldAlong<F: Fold, V: KernelMath>(
    _: F.Type, _: V.Type, _ x: UnsafePointer<V.Scalar>, _ columns: Int
) -> V {
    var partial = F.start(V.self)
    var i = 0
    while i + V.lanes <= columns {
        partial = F.join(partial, V.load(x + i))
        i += V.lanes
    }
    if i < columns {
        let rest = V.load(x + i, columns - i)
        partial = V.choose(V.firstLanes(columns - i), F.join(partial, rest), partial)
    }
    return V(repeating: F.joinLanes(partial))
}

/// log(sum(exp(x))) above the largest element, which is taken off first unless it is infinite.
@inline(__always) private func logarithmOfSum<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ columns: Int, _ inner: Int, _ count: Int, _ largest: V
) -> V {
    let base = V.choose(V.magnitude(largest) .== V.all(.infinity), V.zero, largest)
    var sum = V.zero
    if inner == 1 {
        var i = 0
        while i < columns {
            let n = min(V.lanes, columns - i)
            let e = V.exp(V.load(x + i, n) - base)
            sum += V.choose(V.firstLanes(n), e, V.zero)
            i += n
        }
        sum = V(repeating: sum.laneSum)
    } else {
        for j in 0..<columns { sum += V.exp(V.load(x + j * inner, count) - base) }
    }
    return base + V.log(sum)
}

@inline(__always) private func foldBlock<V: KernelMath>(
    _: V.Type, _ fold: Int, _ x: UnsafePointer<V.Scalar>, _ columns: Int, _ inner: Int, _ count: Int
) -> V {
    switch fold {
    case 0:
        return inner == 1
            ? foldAlong(LargestFold.self, V.self, x, columns)
            : foldAcross(LargestFold.self, V.self, x, columns, inner, count)
    case 1:
        return inner == 1
            ? foldAlong(SmallestFold.self, V.self, x, columns)
            : foldAcross(SmallestFold.self, V.self, x, columns, inner, count)
    case 2:
        return inner == 1
            ? foldAlong(ProductFold.self, V.self, x, columns)
            : foldAcross(ProductFold.self, V.self, x, columns, inner, count)
    default:
        let largest =
            inner == 1
            ? foldAlong(LargestFold.self, V.self, x, columns)
            : foldAcross(LargestFold.self, V.self, x, columns, inner, count)
        return logarithmOfSum(V.self, x, columns, inner, count, largest)
    }
}

private func foldRows<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let y = arguments.output(1, V.Scalar.self)
    let fold = arguments.integer(4)
    var block = FoldBlocks(arguments, begin, end, lanes: V.lanes)
    while block.next() {
        foldBlock(V.self, fold, x + block.offset, block.columns, block.inner, block.count)
            .store(y + block.target, block.count)
    }
}

@inline(__always)
private func foldPosition<V: KernelMath, I: FixedWidthInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let x = arguments.input(0, V.Scalar.self)
    let indices = arguments.output(1, I.self)
    // The smallest is the largest with the other sign.
    let flip = (arguments.integer(4) == 1 ? V.all(-0.0) : V.zero).bits
    let wantsLast = arguments.integer(4) == positionOfLastNaN
    var block = FoldBlocks(arguments, begin, end, lanes: V.lanes)
    while block.next() {
        let p = x + block.offset
        if block.inner == 1 {
            indices[block.target] = I(truncatingIfNeeded: positionAlong(V.self, p, block.columns, flip, wantsLast))
        } else {
            // Indices are as long as elements, and are chosen and stored as their bits.
            positionsAcross(V.self, p, block, flip).store(arguments.output(1, V.Scalar.self) + block.target, block.count)
        }
    }
}

@inline(__always)
private func positionAlong<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ columns: Int, _ flip: V.Bits, _ wantsLast: Bool
) -> Int {
    var best = V.all(-.infinity)
    var i = 0
    while i < columns {
        let n = min(V.lanes, columns - i)
        let part = V(bits: V.load(x + i, n).bits ^ flip)
        best = V.choose(V.firstLanes(n), V.larger(best, part), best)
        i += V.lanes
    }
    let element = V(repeating: LargestFold.joinLanes(best))
    let isNumber = element[0] == element[0]
    if !isNumber && wantsLast {
        var last = columns - 1
        while x[last] == x[last] { last -= 1 }
        return last
    }
    i = 0
    while i < columns {
        // The zeros behind the row come later than the element.
        let part = V(bits: V.load(x + i, min(V.lanes, columns - i)).bits ^ flip)
        let found = V.firstLane(isNumber ? part .== element : part .!= part)
        if found < V.lanes { return i + found }
        i += V.lanes
    }
    return 0
}

@inline(__always)
private func positionsAcross<V: KernelMath>(_: V.Type, _ x: UnsafePointer<V.Scalar>, _ block: FoldBlocks, _ flip: V.Bits) -> V {
    var best = V(bits: V.load(x, block.count).bits ^ flip)
    var place = V.zero
    var j = 1
    while j < block.columns {
        let element = V(bits: V.load(x + j * block.inner, block.count).bits ^ flip)
        let here = V(bits: V.Bits(repeating: V.Bits.Scalar(truncatingIfNeeded: j)))
        // The first NaN stays.
        let next = V.choose(element .!= element, here, V.choose(element .> best, here, place))
        place = V.choose(best .!= best, place, next)
        best = V.choose(best .!= best, best, V.larger(best, element))
        j += 1
    }
    return place
}
