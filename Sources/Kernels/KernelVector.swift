// The one vector type per element type that every kernel is written in: 16 lanes of Float or 8 of
// Double at every CPU level. The compiler cuts them into what the level has (one zmm, two ymm or
// four xmm), so results don't depend on the level's width.

import CPUFeatures
import KernelInterface

protocol KernelVector: SIMD
where Scalar: BinaryFloatingPoint & SIMDScalar, MaskStorage: SIMD {
    static var lanes: Int { get }
    static func load(_ p: UnsafePointer<Scalar>) -> Self
    func store(_ p: UnsafeMutablePointer<Scalar>)
    /// The first `count` (0...lanes) elements at `p`, zeros behind them.
    static func load(_ p: UnsafePointer<Scalar>, _ count: Int) -> Self
    func store(_ p: UnsafeMutablePointer<Scalar>, _ count: Int)
    /// a * b + c, rounded once where the level has FMA.
    static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self
    /// The sum of the lanes by a fixed tree.
    var laneSum: Scalar { get }
    /// The largest lane; which one where a lane is NaN is not said.
    var laneMaximum: Scalar { get }
    /// Square roots; the standard library's `squareRoot()` is sixteen scalar ones.
    var root: Self { get }
    /// Elements 0, 2, 4, ... of two vectors.
    static func evens(_ a: Self, _ b: Self) -> Self
    /// The first half of the lanes, and the second, each lane with a zero behind it.
    var spreadLow: Self { get }
    var spreadHigh: Self { get }
    /// The lanes of two vectors in turn: of their first halves, and of their second ones.
    static func interleaveLow(_ a: Self, _ b: Self) -> Self
    static func interleaveHigh(_ a: Self, _ b: Self) -> Self
}

extension SIMD16<Float>: KernelVector {
    @inline(__always) static var lanes: Int { 16 }
    @inline(__always) static func load(_ p: UnsafePointer<Float>) -> Self { cr_load_all_float16(p) }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Float>) { cr_store_all_float16(p, self) }
    @inline(__always) static func load(_ p: UnsafePointer<Float>, _ count: Int) -> Self {
        cr_load_float16(p, count)
    }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, _ count: Int) {
        cr_store_float16(p, self, count)
    }
    @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
        #if BASELINE
        c + a * b
        #else
        c.addingProduct(a, b)
        #endif
    }
    @inline(__always) var laneSum: Float { cr_lane_sum_float16(self) }
    @inline(__always) var laneMaximum: Float { cr_lane_maximum_float16(self) }
    @inline(__always) var root: Self { cr_root_float16(self) }
    @inline(__always) static func evens(_ a: Self, _ b: Self) -> Self { cr_evens_float16(a, b) }
    @inline(__always) var spreadLow: Self { cr_spread_low_float16(self) }
    @inline(__always) var spreadHigh: Self { cr_spread_high_float16(self) }
    @inline(__always) static func interleaveLow(_ a: Self, _ b: Self) -> Self { cr_interleave_low_float16(a, b) }
    @inline(__always) static func interleaveHigh(_ a: Self, _ b: Self) -> Self { cr_interleave_high_float16(a, b) }
}

extension SIMD8<Double>: KernelVector {
    @inline(__always) static var lanes: Int { 8 }
    @inline(__always) static func load(_ p: UnsafePointer<Double>) -> Self { cr_load_all_double8(p) }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Double>) { cr_store_all_double8(p, self) }
    @inline(__always) static func load(_ p: UnsafePointer<Double>, _ count: Int) -> Self {
        cr_load_double8(p, count)
    }
    @inline(__always) func store(_ p: UnsafeMutablePointer<Double>, _ count: Int) {
        cr_store_double8(p, self, count)
    }
    @inline(__always) static func fma(_ a: Self, _ b: Self, _ c: Self) -> Self {
        #if BASELINE
        c + a * b
        #else
        c.addingProduct(a, b)
        #endif
    }
    @inline(__always) var laneSum: Double { cr_lane_sum_double8(self) }
    @inline(__always) var laneMaximum: Double { cr_lane_maximum_double8(self) }
    @inline(__always) var root: Self { cr_root_double8(self) }
    @inline(__always) static func evens(_ a: Self, _ b: Self) -> Self { cr_evens_double8(a, b) }
    @inline(__always) var spreadLow: Self { cr_spread_low_double8(self) }
    @inline(__always) var spreadHigh: Self { cr_spread_high_double8(self) }
    @inline(__always) static func interleaveLow(_ a: Self, _ b: Self) -> Self { cr_interleave_low_double8(a, b) }
    @inline(__always) static func interleaveHigh(_ a: Self, _ b: Self) -> Self { cr_interleave_high_double8(a, b) }
}

typealias FloatVector = SIMD16<Float>
typealias DoubleVector = SIMD8<Double>

/// A kernel's view of its call: typed slots.
struct Arguments {
    let call: UnsafePointer<KernelCall>
    @inline(__always) init(_ raw: UnsafeRawPointer) { call = raw.assumingMemoryBound(to: KernelCall.self) }
    @inline(__always) var isDouble: Bool { call.pointee.isDouble }
    @inline(__always) func input<T>(_ slot: Int, _: T.Type = T.self) -> UnsafePointer<T> {
        UnsafePointer(call.pointee.pointers[slot].unsafelyUnwrapped.assumingMemoryBound(to: T.self))
    }
    @inline(__always) func output<T>(_ slot: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T> {
        call.pointee.pointers[slot].unsafelyUnwrapped.assumingMemoryBound(to: T.self)
    }
    @inline(__always) func has(_ slot: Int) -> Bool { call.pointee.pointers[slot] != nil }
    @inline(__always) func integer(_ slot: Int) -> Int { call.pointee.integers[slot] }
    @inline(__always) func scalar<T: BinaryFloatingPoint>(_ slot: Int, _: T.Type = T.self) -> T {
        T(call.pointee.scalars[slot])
    }
}

/// Element ranges of a flat array's pieces `begin..<end`.
@inline(__always) func flatRange(_ begin: Int, _ end: Int, _ count: Int) -> Range<Int> {
    let low = begin * elementsPerPiece
    let high = end * elementsPerPiece
    return low..<(high < count ? high : count)
}
