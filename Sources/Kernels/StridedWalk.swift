// Walks the rows of a StridedSpace in order. Rows that differ in the last outer dimension alone are
// one run, walked by constant steps.

import KernelInterface

struct StridedRuns {
    private let space: UnsafePointer<StridedSpace>
    private let high: Int
    private var row: Int
    /// The run's first row and its number of rows.
    private(set) var first = 0
    private(set) var count = 0
    /// Where the run begins, by operand.
    private(set) var offset0 = 0
    private(set) var offset1 = 0
    private(set) var offset2 = 0

    /// The rows `range` (those of them that there are).
    @inline(__always) init(_ space: UnsafePointer<StridedSpace>, _ range: Range<Int>) {
        self.space = space
        row = range.lowerBound
        high = min(range.upperBound, space.pointee.rows)
    }

    /// From row to row of a run.
    @inline(__always) func step(_ operand: Int) -> Int {
        let rank = space.pointee.outerRank
        return rank == 0 ? 0 : space.pointee.outerStrides[operand][rank - 1]
    }

    /// The next run; false after the last one.
    @inline(__always) mutating func next() -> Bool {
        if row >= high { return false }
        offset0 = 0
        offset1 = 0
        offset2 = 0
        var rest = row
        var left = high - row
        var dimension = space.pointee.outerRank - 1
        if dimension >= 0 {
            // A division takes longer than a short row.
            let size = space.pointee.outerSizes[dimension]
            left = min(left, dimension == 0 ? size - rest : size - rest % size)
        }
        while rest > 0 {
            let size = space.pointee.outerSizes[dimension]
            let position = dimension == 0 ? rest : rest % size
            rest = dimension == 0 ? 0 : rest / size
            offset0 += position * space.pointee.outerStrides[0][dimension]
            offset1 += position * space.pointee.outerStrides[1][dimension]
            offset2 += position * space.pointee.outerStrides[2][dimension]
            dimension -= 1
        }
        first = row
        count = left
        row += left
        return true
    }
}

extension KernelMath {
    /// `count` elements (1...lanes) that lie `stride` apart. Not inlined: its sixteen addresses would
    /// otherwise crowd the registers of loops that seldom come here.
    @inline(never) static func loadStrided(_ p: UnsafePointer<Scalar>, _ stride: Int, _ count: Int) -> Self {
        var v = Self(repeating: 0)
        // Unrolled, a whole vector is put together in registers; otherwise it goes through memory.
        if count == lanes {
            for lane in 0..<lanes { v[lane] = p[lane * stride] }
        } else {
            for lane in 0..<count { v[lane] = p[lane * stride] }
        }
        return v
    }

    /// 0, 1, 2, ...
    @inline(__always) static var laneNumbers: Self {
        var numbers = Self(repeating: 0)
        for lane in 0..<lanes { numbers[lane] = Scalar(lane) }
        return numbers
    }

    /// True in the first `count` lanes.
    @inline(__always) static func firstLanes(_ count: Int) -> SIMDMask<MaskStorage> {
        laneNumbers .< Self(repeating: Scalar(count))
    }

    /// True in lane `number` alone; nowhere if there is no such lane.
    @inline(__always) static func lane(_ number: Int) -> SIMDMask<MaskStorage> {
        laneNumbers .== Self(repeating: Scalar(number))
    }
}
