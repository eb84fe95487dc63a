// The one vector type per element type that every kernel is written in. AVX2 and AVX-512 have the same, 16
// lanes of Float or 8 of Double (one zmm or two ymm), so that their results are the same. The baseline, of
// which four to a vector would be four times the code, has 4 and 2: one register of SSE2 or NEON.

import CPUFeatures
import KernelInterface

#if BASELINE
typealias FloatVector = SIMD4<Float>
typealias HalfFloatVector = SIMD2<Float>
typealias DoubleVector = SIMD2<Double>
typealias WordVector = SIMD2<UInt64>
#else
typealias FloatVector = SIMD16<Float>
/// As many as a DoubleVector has.
typealias HalfFloatVector = SIMD8<Float>
typealias DoubleVector = SIMD8<Double>
typealias WordVector = SIMD8<UInt64>
#endif
typealias FloatBits = FloatVector.MaskStorage
typealias DoubleBits = DoubleVector.MaskStorage

protocol KernelVector: SIMD
where Scalar: BinaryFloatingPoint & SIMDScalar, MaskStorage: SIMD {
    static var lanes: Int { get }
    static func load(_ p: UnsafePointer<Scalar>) -> Self
    func store(_ p: UnsafeMutablePointer<Scalar>)
    /// The first `count` (0...lanes) elements at `p`, zeros behind them.
    static func load(_ p: UnsafePointer<Scalar>, _ count: Int) -> Self
    func store(_ p: UnsafeMutablePointer<Scalar>, _ count: Int)
    func storeHalf(_ p: UnsafeMutablePointer<Scalar>)
    /// a * b + c, rounded once where the level has FMA.
    static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
    /// The sum of the lanes by a fixed tree.
    var laneSum: Scalar { get }
    /// The largest lane; which one where a lane is NaN is not said.
    var laneMaximum: Scalar { get }
    /// The product of the lanes by a fixed tree.
    var laneProduct: Scalar { get }
    /// The first lane where the mask is set; the number of lanes if it is nowhere.
    static func firstLane(_ mask: SIMDMask<MaskStorage>) -> Int
    /// d[i] = s[table[i]], and d[table[i]] = s[i].
    static func gather(_ s: UnsafePointer<Scalar>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Scalar>, _ count: Int)
    static func scatter(_ s: UnsafePointer<Scalar>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Scalar>, _ count: Int)
    /// Square roots; the standard library's `squareRoot()` is sixteen scalar ones.
    var root: Self { get }
    /// Elements 0, 2, 4, ... of two vectors.
    static func evens(_ a: Self, _ b: Self) -> Self
    /// Elements 1, 3, 5, ...
    static func odds(_ a: Self, _ b: Self) -> Self
    /// a's lanes from the second on, then b's first.
    static func following(_ a: Self, _ b: Self) -> Self
    /// The first half of the lanes, and the second, each lane with a zero behind it.
    var spreadLow: Self { get }
    var spreadHigh: Self { get }
    /// The lanes of two vectors in turn: of their first halves, and of their second ones.
    static func interleaveLow(_ a: Self, _ b: Self) -> Self
    static func interleaveHigh(_ a: Self, _ b: Self) -> Self
}

extension FloatVector: KernelVector {
    @inline(__always) static var lanes: Int { MemoryLayout<Self>.size / 4 }
    @inline(__always) static func load(_ p: UnsafePointer<Float>) -> Self { cr_load_all_floats(p) }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Float>) { cr_store_all_floats(p, self) }
    @inline(__always) static func load(_ p: UnsafePointer<Float>, _ count: Int) -> Self {
        cr_load_floats(p, count)
    }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, _ count: Int) {
        cr_store_floats(p, self, count)
    }
    @inline(__always) func storeHalf(_ p: UnsafeMutablePointer<Float>) { cr_store_half_floats(p, self) }
    @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
        #if BASELINE
        c + a * b
        #else
        c.addingProduct(a, b)
        #endif
    }
    @inline(__always) var laneSum: Float { cr_lane_sum_floats(self) }
    @inline(__always) var laneMaximum: Float { cr_lane_maximum_floats(self) }
    @inline(__always) var laneProduct: Float { cr_lane_product_floats(self) }
    @inline(__always) static func firstLane(_ mask: SIMDMask<FloatBits>) -> Int {
        cr_first_lane_floats(unsafeBitCast(mask, to: FloatBits.self))
    }
    @inline(__always) static func gather(
        _ s: UnsafePointer<Float>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Float>, _ count: Int
    ) { cr_gather_floats(s, table, d, count) }
    @inline(__always) static func scatter(
        _ s: UnsafePointer<Float>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Float>, _ count: Int
    ) { cr_scatter_floats(s, table, d, count) }
    @inline(__always) var root: Self { cr_root_floats(self) }
    @inline(__always) static func evens(_ a: Self, _ b: Self) -> Self { cr_evens_floats(a, b) }
    @inline(__always) static func odds(_ a: Self, _ b: Self) -> Self { cr_odds_floats(a, b) }
    @inline(__always) static func following(_ a: Self, _ b: Self) -> Self { cr_following_floats(a, b) }
    @inline(__always) var spreadLow: Self { cr_spread_low_floats(self) }
    @inline(__always) var spreadHigh: Self { cr_spread_high_floats(self) }
    @inline(__always) static func interleaveLow(_ a: Self, _ b: Self) -> Self { cr_interleave_low_floats(a, b) }
    @inline(__always) static func interleaveHigh(_ a: Self, _ b: Self) -> Self { cr_interleave_high_floats(a, b) }
}

extension DoubleVector: KernelVector {
    @inline(__always) static var lanes: Int { MemoryLayout<Self>.size / 8 }
    @inline(__always) static func load(_ p: UnsafePointer<Double>) -> Self { cr_load_all_doubles(p) }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Double>) { cr_store_all_doubles(p, self) }
    @inline(__always) static func load(_ p: UnsafePointer<Double>, _ count: Int) -> Self {
        cr_load_doubles(p, count)
    }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Double>, _ count: Int) {
        cr_store_doubles(p, self, count)
    }
    @inline(__always) func storeHalf(_ p: UnsafeMutablePointer<Double>) { cr_store_half_doubles(p, self) }
    @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
        #if BASELINE
        c + a * b
        #else
        c.addingProduct(a, b)
        #endif
    }
    @inline(__always) var laneSum: Double { cr_lane_sum_doubles(self) }
    @inline(__always) var laneMaximum: Double { cr_lane_maximum_doubles(self) }
    @inline(__always) var laneProduct: Double { cr_lane_product_doubles(self) }
    @inline(__always) static func firstLane(_ mask: SIMDMask<DoubleBits>) -> Int {
        cr_first_lane_doubles(unsafeBitCast(mask, to: DoubleBits.self))
    }
    @inline(__always) static func gather(
        _ s: UnsafePointer<Double>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Double>, _ count: Int
    ) { cr_gather_doubles(s, table, d, count) }
    @inline(__always) static func scatter(
        _ s: UnsafePointer<Double>, _ table: UnsafePointer<Int32>, _ d: UnsafeMutablePointer<Double>, _ count: Int
    ) { cr_scatter_doubles(s, table, d, count) }
    @inline(__always) var root: Self { cr_root_doubles(self) }
    @inline(__always) static func evens(_ a: Self, _ b: Self) -> Self { cr_evens_doubles(a, b) }
    @inline(__always) static func odds(_ a: Self, _ b: Self) -> Self { cr_odds_doubles(a, b) }
    @inline(__always) static func following(_ a: Self, _ b: Self) -> Self { cr_following_doubles(a, b) }
    @inline(__always) var spreadLow: Self { cr_spread_low_doubles(self) }
    @inline(__always) var spreadHigh: Self { cr_spread_high_doubles(self) }
    @inline(__always) static func interleaveLow(_ a: Self, _ b: Self) -> Self { cr_interleave_low_doubles(a, b) }
    @inline(__always) static func interleaveHigh(_ a: Self, _ b: Self) -> Self { cr_interleave_high_doubles(a, b) }
}

/// Copies `count` elements to other memory; for short rows faster than vectors under masks.
@inline(__always) func copyElements<T>(_ source: UnsafePointer<T>, _ destination: UnsafeMutablePointer<T>, _ count: Int) {
    #if BASELINE
    copyBytes(source, destination, count &* MemoryLayout<T>.size)
    #else
    cr_copy_row(destination, source, count &* MemoryLayout<T>.size)
    #endif
}

#if BASELINE
@inline(never) private func copyBytes(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _ count: Int) {
    cr_copy_row(destination, source, count)
}
#endif

/// Element ranges of a flat array's pieces `begin..<end`.
@inline(__always) func flatRange(_ begin: Int, _ end: Int, _ count: Int, perPiece: Int = elementsPerPiece) -> Range<Int> {
    let low = begin * perPiece
    let high = end * perPiece
    return low..<(high < count ? high : count)
}
