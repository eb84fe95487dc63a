// The inner loop of the matrix product: a tile of R rows by W vectors of C stays in registers
// while k runs over a block. Each k costs W loads of B, R broadcasts of A and R * W FMAs; the
// largest tile of a level uses up its registers, so that loads are few beside FMAs.
//
// R and W are value generics: every size of tile is compiled from this one source, its sums in
// registers and its loops unrolled. A is reached through two strides, so packed, row-major and
// transposed A share the code. Elements outside the arrays are neither read nor written: the last
// vector of a row is loaded and stored under a mask.

import CPUFeatures
import KernelInterface

/// A row of tiles: R rows of A times some columns of B, over one block of k.
struct Strip<V: KernelMath> {
    /// A's first element, and its strides in bytes.
    var a: UnsafeRawPointer
    var aRow = 0
    var aColumn = 0
    /// B's first element; bytes from one k to the next, and from one tile to the next.
    var b: UnsafeRawPointer
    var bRow = 0
    var bStep = 0
    var depth = 0
    /// The sums of earlier blocks.
    var partial: UnsafePointer<V.Scalar>
    var partialRow = 0
    /// Where the tile is stored.
    var result: UnsafeMutablePointer<V.Scalar>
    var resultRow = 0
    var bias: UnsafePointer<V.Scalar>?
    var saved: UnsafePointer<V.Scalar>?
    var savedRow = 0
    var tiles = 0
    /// Elements in the last vector of the last tile.
    var tail = 0
    /// What AVX-512 fetches into the cache, two rows with each tile, while k runs: rows of A that the next strip
    /// will read, or some that are there. Its strides in bytes.
    var ahead: UnsafeRawPointer
    var aheadRow = 0
    var aheadColumn = 0
    var addsPartial = false
    /// `MatrixMultiplyFlags` of the epilogue; none before the last block.
    var epilogue = 0
}

/// Tiles of R rows by W vectors.
enum Tile<let R: Int, let W: Int, V: KernelMath> {
    typealias Sums = InlineArray<R, InlineArray<W, V>>

    @inline(never)
    static func run(_ s: inout Strip<V>) {
        var b = s.b
        var column = 0
        var ahead = s.ahead
        let last = s.tiles - 1
        for tile in 0...last {
            prefetch(s, column)
            let count = tile < last ? V.lanes : s.tail
            #if AVX512
            // Masks cost nothing outside the loop over k.
            var sums = count == V.lanes ? multiply(s, b, ahead, count, masked: false) : multiply(s, b, ahead, count, masked: true)
            finish(&sums, s, column, count, masked: true)
            #else
            // An incomplete vector of B is a packed one here, filled up.
            var sums = multiply(s, b, ahead, count, masked: false)
            if count == V.lanes {
                finish(&sums, s, column, count, masked: false)
            } else {
                finish(&sums, s, column, count, masked: true)
            }
            #endif
            b += s.bStep
            ahead += 2 * s.aheadRow
            column += W * V.lanes
        }
    }

    /// The lines of C that the tile will need when k is through: the hardware's prefetching doesn't follow
    /// a strip's short rows.
    @inline(__always)
    private static func prefetch(_ s: Strip<V>, _ column: Int) {
        let p = UnsafePointer(s.result) + column
        for j in 0..<W {
            for i in 0..<R { cr_prefetch_to_write(p + (i * s.resultRow + j * V.lanes)) }
        }
    }

    @inline(__always)
    private static func multiply(
        _ s: Strip<V>, _ b: UnsafeRawPointer, _ ahead: UnsafeRawPointer, _ tail: Int, masked: Bool
    ) -> Sums {
        var sums = Sums(repeating: InlineArray<W, V>(repeating: V.zero))
        let aRow = s.aRow
        let aColumn = s.aColumn
        let bRow = s.bRow
        // A pointer for each three rows of A: from one the compiler steps through the rows by
        // additions, and a chain of 12 takes as long as the FMAs of a CPU that does two a cycle.
        var a = s.a
        var a3 = s.a + (R > 3 ? 3 * aRow : 0)
        var a6 = s.a + (R > 6 ? 6 * aRow : 0)
        var a9 = s.a + (R > 9 ? 9 * aRow : 0)
        var b = b
        #if AVX512
        var ahead = ahead
        let aheadRow = s.aheadRow
        let aheadColumn = s.aheadColumn
        #endif
        for _ in 0..<s.depth {
            var bs = InlineArray<W, V>(repeating: V.zero)
            for j in 0..<W {
                if masked && j == W - 1 {
                    let p = b + j * MemoryLayout<V>.size
                    bs[j] = V.load(p.assumingMemoryBound(to: V.Scalar.self), tail)
                } else {
                    bs[j] = b.loadUnaligned(fromByteOffset: j * MemoryLayout<V>.size, as: V.self)
                }
            }
            for i in 0..<min(R, 3) { add(a + i * aRow, bs, to: &sums[i]) }
            if R > 3 {
                for i in 3..<min(R, 6) { add(a3 + (i - 3) * aRow, bs, to: &sums[i]) }
                a3 = cr_separate(a3 + aColumn)
            }
            if R > 6 {
                for i in 6..<min(R, 9) { add(a6 + (i - 6) * aRow, bs, to: &sums[i]) }
                a6 = cr_separate(a6 + aColumn)
            }
            if R > 9 {
                for i in 9..<R { add(a9 + (i - 9) * aRow, bs, to: &sums[i]) }
                a9 = cr_separate(a9 + aColumn)
            }
            #if AVX512
            // With AVX2 it gains nothing: a k takes 6 cycles there.
            cr_prefetch(ahead)
            cr_prefetch(ahead + aheadRow)
            ahead += aheadColumn
            #endif
            a += aColumn
            b += bRow
        }
        var result = Sums(repeating: InlineArray<W, V>(repeating: V.zero))
        for i in 0..<R {
            for j in 0..<W { result[i][j] = sums[i][j] }
        }
        return result
    }

    /// One element of A times the vectors of B.
    @inline(__always)
    private static func add(_ a: UnsafeRawPointer, _ bs: InlineArray<W, V>, to sums: inout InlineArray<W, V>) {
        let x = V(repeating: a.load(as: V.Scalar.self))
        for j in 0..<W { sums[j] = V.fma(x, bs[j], sums[j]) }
    }

    @inline(__always)
    private static func load(_ p: UnsafePointer<V.Scalar>, _ j: Int, _ tail: Int, _ masked: Bool) -> V {
        masked && j == W - 1 ? V.load(p + j * V.lanes, tail) : V.load(p + j * V.lanes)
    }

    /// Zero where `saved` is not positive.
    @inline(__always)
    private static func pass(
        _ sum: inout V, _ saved: UnsafePointer<V.Scalar>, _ j: Int, _ tail: Int, _ masked: Bool
    ) {
        sum = V.choose(load(saved, j, tail, masked) .<= V.zero, V.zero, sum)
    }

    /// Adds what belongs to the sums and stores them.
    @inline(__always)
    static func finish(
        _ sums: inout Sums, _ s: Strip<V>, _ column: Int, _ tail: Int, masked: Bool
    ) {
        if s.addsPartial {
            for i in 0..<R {
                let p = s.partial + i * s.partialRow + column
                for j in 0..<W { sums[i][j] = load(p, j, tail, masked) + sums[i][j] }
            }
        }
        let result = s.result + column
        if s.epilogue != 0 {
            if s.epilogue & MatrixMultiplyFlags.biasOfRows != 0, let bias = s.bias {
                for i in 0..<R {
                    let x = V(repeating: bias[i])
                    for j in 0..<W { sums[i][j] = sums[i][j] + x }
                }
            } else if s.epilogue & MatrixMultiplyFlags.bias != 0, let bias = s.bias {
                for j in 0..<W {
                    let x =
                        s.epilogue & MatrixMultiplyFlags.biasIsOne != 0
                        ? V(repeating: bias[0]) : load(bias + column, j, tail, masked)
                    for i in 0..<R { sums[i][j] = sums[i][j] + x }
                }
            }
            if s.epilogue & MatrixMultiplyFlags.relu != 0 {
                for i in 0..<R {
                    for j in 0..<W { sums[i][j] = V.atLeast(sums[i][j], V.zero) }
                }
            }
            if s.epilogue & MatrixMultiplyFlags.reluGradient != 0, let saved = s.saved {
                // In three parts, since the compiler unrolls no longer loop over this much, and
                // sums that a loop counts through are kept in memory.
                for j in 0..<W {
                    let p = saved + column
                    for i in 0..<min(R, 4) { pass(&sums[i][j], p + i * s.savedRow, j, tail, masked) }
                    for i in min(R, 4)..<min(R, 8) { pass(&sums[i][j], p + i * s.savedRow, j, tail, masked) }
                    for i in min(R, 8)..<R { pass(&sums[i][j], p + i * s.savedRow, j, tail, masked) }
                }
            }
            if s.epilogue & MatrixMultiplyFlags.accumulate != 0 {
                for i in 0..<R {
                    let p = UnsafePointer(result) + i * s.resultRow
                    for j in 0..<W { sums[i][j] = load(p, j, tail, masked) + sums[i][j] }
                }
            }
        }
        for i in 0..<R {
            let p = result + i * s.resultRow
            for j in 0..<W {
                if masked && j == W - 1 {
                    sums[i][j].store(p + j * V.lanes, tail)
                } else {
                    sums[i][j].store(p + j * V.lanes)
                }
            }
        }
    }
}
