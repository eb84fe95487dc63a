// Runs a kernel in every way that must not change its result: at each CPU level, pieces at once or
// one by one, arrays ending right before forbidden memory.

import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// Memory whose end touches a page that must not be touched; bytes before it are watched.
final class GuardedArray {
    let byteCount: Int
    let pointer: UnsafeMutableRawPointer
    private let base: UnsafeMutableRawPointer
    private let mapped: Int
    private let front: Int

    init<T>(_ values: [T]) {
        byteCount = values.count * MemoryLayout<T>.stride
        let page = 4096
        let room = (byteCount + 64 + page - 1) / page * page
        mapped = room + page
        base = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        mprotect(base + room, page, PROT_NONE)
        front = room - byteCount
        pointer = base + front
        memset(base, 0x5a, front)
        values.withUnsafeBytes { if byteCount > 0 { memcpy(pointer, $0.baseAddress!, byteCount) } }
    }

    deinit { munmap(base, mapped) }

    func array<T>(_: T.Type = T.self) -> [T] {
        Array(
            UnsafeBufferPointer(
                start: pointer.assumingMemoryBound(to: T.self), count: byteCount / MemoryLayout<T>.stride))
    }

    func copy() -> GuardedArray { GuardedArray(array(UInt8.self)) }

    var isIntactInFront: Bool {
        (0..<front).allSatisfy { base.load(fromByteOffset: $0, as: UInt8.self) == 0x5a }
    }
}

let everyLevel = CPULevel.allCases.filter { $0.rawValue <= CPULevel.highest.rawValue }.map { KernelSet(level: $0) }

/// Calls kernel `name` in every way with fresh copies of `outputs` (by pointer slot) and hands each
/// result to `check`. AVX2 and AVX-512 must give the same bits, and so must any grouping of pieces.
func everyWay(
    _ name: KernelName, isDouble: Bool, pieces: Int, inputs: [Int: GuardedArray], outputs: [Int: GuardedArray],
    _ setup: (inout KernelCall) -> Void, check: (KernelSet, [Int: GuardedArray]) -> Void
) {
    var first: [Bool: [Int: GuardedArray]] = [:]
    for set in everyLevel {
        for oneByOne in [false, true] {
            let results = outputs.mapValues { $0.copy() }
            var call = KernelCall()
            call.isDouble = isDouble
            for (slot, array) in inputs { call.pointers[slot] = array.pointer }
            for (slot, array) in results { call.pointers[slot] = array.pointer }
            setup(&call)
            withUnsafePointer(to: call) { call in
                if oneByOne {
                    for piece in (0..<pieces).reversed() { withFreshScratch { set[name](call, piece, piece + 1, $0) } }
                } else {
                    withFreshScratch { set[name](call, 0, pieces, $0) }
                }
            }
            for (slot, result) in results {
                #expect(result.isIntactInFront, "\(name) wrote before slot \(slot), \(set.level)")
                if let earlier = first[set.level == .baseline]?[slot] {
                    #expect(
                        earlier.array(UInt8.self) == result.array(UInt8.self),
                        "\(name): other bits in slot \(slot) at \(set.level), one by one \(oneByOne)")
                }
            }
            if first[set.level == .baseline] == nil { first[set.level == .baseline] = results }
            check(set, results)
        }
    }
}

/// Calls a kernel with a workspace that no other test uses at the same time (tests run in parallel), full of
/// NaNs that no result may show.
func withFreshScratch(_ body: (UnsafeMutableRawPointer) -> Void) {
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: kernelScratchBytes, alignment: 64)
    defer { scratch.deallocate() }
    memset(scratch, 0xff, kernelScratchBytes)
    body(scratch)
}

protocol TestScalar: BinaryFloatingPoint {
    static var isDouble: Bool { get }
    /// What a few roundings may cost, relative.
    static var tolerance: Double { get }
}
extension Float: TestScalar {
    static var isDouble: Bool { false }
    static var tolerance: Double { 4e-6 }
}
extension Double: TestScalar {
    static var isDouble: Bool { true }
    static var tolerance: Double { 1e-13 }
}

func pieces(_ count: Int, per: Int = elementsPerPiece) -> Int { (count + per - 1) / per }

/// Sizes around every border: lanes, groups of them, pieces.
let borderSizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 200, 8191, 8192, 8193, 20000]

/// Reproducible numbers in low..<high.
struct Numbers {
    private var state: UInt64
    init(_ seed: Int = 1) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
    mutating func next(_ low: Double, _ high: Double) -> Double { low + (high - low) * Double(next() >> 11) * 0x1p-53 }
    mutating func array<T: TestScalar>(_ count: Int, _ low: Double = -2, _ high: Double = 2) -> [T] {
        (0..<count).map { _ in T(next(low, high)) }
    }
    mutating func labels(_ count: Int, below: Int) -> [Int32] { (0..<count).map { _ in Int32(next() % UInt64(below)) } }
}

/// Element by element within `tolerance` of 1 + |expected|; NaN and infinities must agree.
func expectClose<T: TestScalar>(
    _ got: [T], _ expected: [Double], factor: Double = 1, _ text: @autoclosure () -> String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(got.count == expected.count, sourceLocation: sourceLocation)
    for (i, (g, e)) in zip(got, expected).enumerated() {
        let value = Double(g)
        let same = value == e || (value.isNaN && e.isNaN) || abs(value - e) <= T.tolerance * factor * (1 + abs(e))
        if !same {
            #expect(Bool(false), "element \(i): \(value) for \(e). \(text())", sourceLocation: sourceLocation)
            return
        }
    }
}

/// Sums, indices and strides of a row-major shape.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for d in stride(from: shape.count - 2, through: 0, by: -1) { strides[d] = strides[d + 1] * shape[d + 1] }
    return strides
}

/// Offsets of every index of `sizes`, in row-major order.
func offsets(_ sizes: [Int], _ strides: [Int]) -> [Int] {
    var result = [0]
    for (size, stride) in zip(sizes, strides) { result = result.flatMap { o in (0..<size).map { o + $0 * stride } } }
    return result
}
