// The matrix product against a triple loop in Double, its memory accesses against unreadable pages
// at both ends of every array, and its bits against themselves: other packings, pieces, CPU levels.

import Glibc
import KernelDispatch
import KernelInterface
import Testing

/// Zeroed memory whose first or last byte borders on a page that must not be touched.
private final class Guarded {
    let base: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mapped: Int
    init(bytes: Int, atEnd: Bool) {
        let page = 4096
        let inner = max(page, (bytes + page - 1) / page * page)
        mapped = inner + 2 * page
        mapping = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        mprotect(mapping, page, PROT_NONE)
        mprotect(mapping + page + inner, page, PROT_NONE)
        base = mapping + page + (atEnd ? inner - bytes : 0)
    }
    deinit { munmap(mapping, mapped) }
}

private struct Random {
    var state: UInt64
    mutating func next() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(Int64(bitPattern: state) >> 11) / Double(1 << 52)
    }
}

/// A problem with its operands, run as often as wanted.
private final class Case<T: BinaryFloatingPoint> {
    let p: MatrixMultiplyProblem
    var arrays: [MatrixMultiplyPlan.Role: Guarded] = [:]
    var counts: [MatrixMultiplyPlan.Role: Int] = [:]
    let atEnd: Bool

    init(_ problem: MatrixMultiplyProblem, atEnd: Bool = true, seed: UInt64 = 1) {
        p = problem
        self.atEnd = atEnd
        func extent(_ rows: Int, _ row: Int, _ columns: Int, _ column: Int, _ batch: Int) -> Int {
            rows == 0 || columns == 0
                ? 0 : (rows - 1) * row + (columns - 1) * column + (p.batchCount - 1) * batch + 1
        }
        let sizes: [(MatrixMultiplyPlan.Role, Int)] = [
            (.a, extent(p.m, p.aRowStride, p.k, p.aColumnStride, p.aBatchStride)),
            (.b, extent(p.k, p.bRowStride, p.n, p.bColumnStride, p.bBatchStride)),
            (.c, extent(p.m, p.cRowStride, p.n, 1, p.cBatchStride)), (.bias, p.n),
            (.columnSums, p.n * p.batchCount), (.saved, extent(p.m, p.savedRowStride, p.n, 1, p.cBatchStride)),
        ]
        var random = Random(state: seed)
        for (role, count) in sizes {
            arrays[role] = Guarded(bytes: count * MemoryLayout<T>.stride, atEnd: atEnd)
            counts[role] = count
            for i in 0..<count { self[role][i] = T(random.next()) }
        }
    }

    subscript(_ role: MatrixMultiplyPlan.Role) -> UnsafeMutablePointer<T> {
        arrays[role]!.base.assumingMemoryBound(to: T.self)
    }

    func values(_ role: MatrixMultiplyPlan.Role) -> [T] {
        Array(UnsafeBufferPointer(start: self[role], count: counts[role]!))
    }

    /// C and the column sums after running with C as it was given.
    func run(
        level: CPULevel, packing: MatrixMultiplyPlan.ColumnPacking = .automatic, packRows: Bool? = nil,
        pieces: Int? = nil, backwards: Bool = false
    ) -> (c: [T], sums: [T]) {
        let before = values(.c)
        let kernels = KernelSet(level: level)
        let plan = MatrixMultiplyPlan(p, kernels: kernels, packing: packing, packRows: packRows, pieces: pieces)
        let workspace = Guarded(bytes: plan.workspaceBytes, atEnd: true)
        let scratch = Guarded(bytes: kernelScratchBytes, atEnd: true)
        for step in plan.steps {
            var call = step.call
            for (role, slot) in step.operandSlots {
                call.pointers[slot] = role == .workspace ? workspace.base : arrays[role]!.base
            }
            if backwards {
                for piece in (0..<step.pieces).reversed() { kernels[step.kernel](&call, piece, piece + 1, scratch.base) }
            } else {
                kernels[step.kernel](&call, 0, step.pieces, scratch.base)
            }
        }
        let result = (c: values(.c), sums: values(.columnSums))
        self[.c].update(from: before, count: before.count)
        return result
    }

    /// The product in Double, with what bounds its rounding errors.
    func reference() -> (c: [Double], sums: [Double], bounds: [Double]) {
        var c = values(.c).map { Double($0) }
        var bounds = c.map { _ in 0.0 }
        var sums = values(.columnSums).map { Double($0) }
        for batch in 0..<p.batchCount {
            let a = self[.a] + batch * p.aBatchStride
            let b = self[.b] + batch * p.bBatchStride
            for i in 0..<p.m {
                for j in 0..<p.n {
                    var sum = 0.0
                    var size = 0.0
                    for l in 0..<p.k {
                        let x = Double(a[i * p.aRowStride + l * p.aColumnStride])
                        let y = Double(b[l * p.bRowStride + j * p.bColumnStride])
                        sum += x * y
                        size += abs(x * y)
                    }
                    if p.hasBias { sum += Double(self[.bias][j]) }
                    let at = batch * p.cBatchStride + i * p.cRowStride + j
                    let saved = Double(self[.saved][batch * p.cBatchStride + i * p.savedRowStride + j])
                    switch p.epilogue {
                    case .none: break
                    case .forward(.relu, _, _): sum = max(0, sum)
                    case .backward(.relu, _, _): sum = saved > 0 ? sum : 0
                    case .forward(.affine, let s, let t): sum = s * sum + t
                    case .backward(.tanh, _, _): sum *= 1 - saved * saved
                    default: Issue.record("no reference for this function")
                    }
                    c[at] = p.accumulate ? c[at] + sum : sum
                    bounds[at] = size + abs(c[at]) + 1
                }
            }
            if p.hasColumnSums {
                for j in 0..<p.n {
                    sums[batch * p.n + j] = (0..<p.k).reduce(0.0) { $0 + Double(b[$1 * p.bRowStride + j * p.bColumnStride]) }
                }
            }
        }
        return (c, sums, bounds)
    }

    func check(_ label: String = "", packing: MatrixMultiplyPlan.ColumnPacking = .automatic, packRows: Bool? = nil) {
        let expected = reference()
        let tolerance = Double(T.ulpOfOne) * 8
        for level in levels {
            let got = run(level: level, packing: packing, packRows: packRows)
            let wrong = got.c.indices.first { !(abs(Double(got.c[$0]) - expected.c[$0]) <= tolerance * expected.bounds[$0]) }
            if let i = wrong {
                Issue.record("\(label) \(level) \(packing) \(shape): C[\(i)] is \(got.c[i]), not \(expected.c[i])")
            }
            let wrongSum = got.sums.indices.first {
                !(abs(Double(got.sums[$0]) - expected.sums[$0]) <= tolerance * Double(p.k + 1))
            }
            if let i = wrongSum {
                Issue.record("\(label) \(level) \(packing) \(shape): sum \(i) is \(got.sums[i]), not \(expected.sums[i])")
            }
        }
    }

    var shape: String { "\(p.m)x\(p.k)x\(p.n) \(p.aRowStride),\(p.aColumnStride) \(p.bRowStride),\(p.bColumnStride) batch \(p.batchCount) \(T.self)" }
}

private let levels = CPULevel.allCases.filter { $0.rawValue <= CPULevel.highest.rawValue }
private let transpositions = [(false, false), (true, false), (false, true), (true, true)]

@Suite struct MatrixMultiplyTests {
    @Test(arguments: [false, true])
    func oddSizes(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type) {
            for m in [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25] {
                for n in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65, 130] {
                    for k in [1, 2, 3, 8, 13] {
                        for (ta, tb) in transpositions {
                            var p = MatrixMultiplyProblem(
                                m: m, n: n, k: k, transposedA: ta, transposedB: tb, isDouble: T.self == Double.self)
                            p.hasBias = k % 2 == 1
                            p.hasColumnSums = m % 2 == 1
                            Case<T>(p, atEnd: (m + n + k) % 2 == 0).check()
                        }
                    }
                }
            }
        }
        if isDouble { check(Double.self) } else { check(Float.self) }
    }

    /// Transposed A whose rows share sets of the cache: strips of a line are copied together, in groups of whole heights and
    /// others.
    @Test func groupsOfStrips() {
        for (m, k) in [(1024, 18), (1021, 18), (1021, 530)] {
            var p = MatrixMultiplyProblem(m: m, n: 515, k: k, transposedA: true)
            p.aColumnStride = 1024
            p.hasColumnSums = true
            Case<Float>(p).check()
        }
        for m in [512, 507] {
            var p = MatrixMultiplyProblem(m: m, n: 520, k: 18, transposedA: true, isDouble: true)
            p.aColumnStride = 512
            Case<Double>(p).check()
        }
    }

    @Test(arguments: [false, true])
    func manyBlocksOfK(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type) {
            for (m, n, k) in [(1, 300, 1100), (5, 33, 1100), (37, 70, 800), (130, 17, 400), (3, 1, 900), (13, 529, 397), (14, 512, 1100)] {
                for (ta, tb) in transpositions {
                    for packing in [.automatic, .never, .eachPiece, .shared] as [MatrixMultiplyPlan.ColumnPacking] {
                        for accumulate in [false, true] {
                            var p = MatrixMultiplyProblem(
                                m: m, n: n, k: k, transposedA: ta, transposedB: tb, isDouble: T.self == Double.self)
                            p.hasBias = true
                            p.hasColumnSums = true
                            p.accumulate = accumulate
                            Case<T>(p, atEnd: accumulate).check(packing: packing, packRows: accumulate)
                        }
                    }
                }
            }
        }
        if isDouble { check(Double.self) } else { check(Float.self) }
    }

    @Test(arguments: [false, true])
    func stridesAndBatches(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type) {
            for (m, n, k) in [(1, 1, 1), (4, 19, 21), (13, 33, 7), (30, 1, 50), (1, 40, 390)] {
                for batch in [1, 3, 17] {
                    for (ta, tb) in transpositions {
                        for shares in [false, true] {
                            var p = MatrixMultiplyProblem(
                                m: m, n: n, k: k, transposedA: ta, transposedB: tb, isDouble: T.self == Double.self)
                            (p.aRowStride, p.aColumnStride) = ta ? (1, m + 3) : (k + 5, 1)
                            (p.bRowStride, p.bColumnStride) = tb ? (1, k + 1) : (n + 2, 1)
                            p.cRowStride = n + 4
                            p.savedRowStride = n + 1
                            p.batchCount = batch
                            p.aBatchStride = (ta ? k * (m + 3) : m * (k + 5)) + 6
                            p.bBatchStride = shares ? 0 : (tb ? n * (k + 1) : k * (n + 2)) + 1
                            p.cBatchStride = m * (n + 4) + 2
                            p.epilogue = shares ? .backward(.relu, 0, 0) : .backward(.tanh, 0, 0)
                            p.hasBias = true
                            p.hasColumnSums = !shares
                            Case<T>(p).check()
                            Case<T>(p, atEnd: false).check(packing: .shared)
                        }
                    }
                }
            }
        }
        if isDouble { check(Double.self) } else { check(Float.self) }
    }

    @Test func epilogues() {
        for epilogue in [.none, .forward(.relu, 0, 0), .forward(.affine, 2, 0.5), .backward(.relu, 0, 0), .backward(.tanh, 0, 0)]
            as [MatrixMultiplyProblem.Epilogue]
        {
            for (m, n, k) in [(1, 5, 9), (9, 45, 400), (64, 1, 13), (40, 100, 30)] {
                for hasBias in [false, true] {
                    var p = MatrixMultiplyProblem(m: m, n: n, k: k)
                    p.epilogue = epilogue
                    p.hasBias = hasBias
                    Case<Float>(p).check("\(epilogue)")
                    p.isDouble = true
                    Case<Double>(p).check("\(epilogue)")
                }
            }
        }
    }

    @Test func nothingToSum() {
        var p = MatrixMultiplyProblem(m: 5, n: 19, k: 0)
        p.hasBias = true
        p.hasColumnSums = true
        Case<Float>(p).check()
        #expect(MatrixMultiplyPlan(MatrixMultiplyProblem(m: 0, n: 3, k: 4)).steps.isEmpty)
    }

    /// One column and a tall A: chains of their own, the same however the product is asked for.
    @Test(arguments: [false, true])
    func narrow(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type) {
            for m in [1, 3, 8, 10, 16, 17, 31, 32] {
                for k in [16, 17, 67, 442, 1100] {
                    for accumulate in [false, true] {
                        var p = MatrixMultiplyProblem(m: m, n: 1, k: k, transposedA: true, isDouble: T.self == Double.self)
                        p.hasColumnSums = k % 2 == 0
                        p.accumulate = accumulate
                        let tall = Case<T>(p, atEnd: accumulate)
                        tall.check()
                        let expected = tall.run(level: levels.last!)
                        for packing in [.automatic, .never, .shared] as [MatrixMultiplyPlan.ColumnPacking] {
                            for level in levels where level != .baseline {
                                let got = tall.run(level: level, packing: packing, backwards: true)
                                #expect(got.c == expected.c && got.sums == expected.sums)
                            }
                        }
                    }
                }
            }
        }
        if isDouble { check(Double.self) } else { check(Float.self) }
    }

    /// Many short rows: their own kernel, in pieces of 512 rows, with the bits of the tiles.
    @Test(arguments: [false, true])
    func shortRows(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type) {
            for (m, n, k) in [(64, 2, 5), (65, 3, 32), (513, 8, 2), (1027, 7, 13), (1100, 4, 31)] {
                for (epilogue, hasBias) in [
                    (.none, true), (.forward(.relu, 0, 0), true), (.forward(.affine, 2, 0.5), false), (.backward(.tanh, 0, 0), false),
                ] as [(MatrixMultiplyProblem.Epilogue, Bool)] {
                    for transposedB in [false, true] {
                        var p = MatrixMultiplyProblem(m: m, n: n, k: k, transposedB: transposedB, isDouble: T.self == Double.self)
                        p.epilogue = epilogue
                        p.hasBias = hasBias
                        p.hasColumnSums = hasBias
                        let tall = Case<T>(p, atEnd: transposedB)
                        tall.check("\(epilogue)")
                        for level in levels where level != .baseline {
                            #expect(MatrixMultiplyPlan(p, kernels: KernelSet(level: level)).steps.map(\.kernel) == [.smallProduct])
                            let (got, expected) = (tall.run(level: level, backwards: true), tall.run(level: level, packing: .never))
                            #expect(got.c == expected.c && got.sums == expected.sums)
                        }
                    }
                }
            }
        }
        if isDouble { check(Double.self) } else { check(Float.self) }
    }

    /// Blocks of k that are multiplied apart: the bits of a product in one go.
    @Test(arguments: [false, true])
    func blocksApart(isDouble: Bool) {
        func check<T: BinaryFloatingPoint>(_: T.Type, _ shapes: [(Int, Int, Int)]) {
            for (m, n, k) in shapes {
                for (epilogue, hasBias) in [
                    (.none, false), (.none, true), (.forward(.relu, 0, 0), true), (.forward(.affine, 2, 0.5), false),
                ] as [(MatrixMultiplyProblem.Epilogue, Bool)] {
                    var p = MatrixMultiplyProblem(m: m, n: n, k: k, isDouble: T.self == Double.self)
                    p.epilogue = epilogue
                    p.hasBias = hasBias
                    #expect(MatrixMultiplyPlan(p).steps.map(\.kernel) == [.matrixMultiply, .sumBlocks])
                    let apart = Case<T>(p, atEnd: hasBias)
                    apart.check("\(epilogue)")
                    let expected = apart.run(level: levels.last!)
                    for level in levels where level != .baseline {
                        #expect(apart.run(level: level, backwards: true).c == expected.c)
                        #expect(apart.run(level: level, packing: .never).c == expected.c)
                    }
                }
            }
        }
        if isDouble {
            check(Double.self, [(64, 128, 784), (24, 96, 1024), (200, 70, 512), (1, 701, 768)])
        } else {
            check(Float.self, [(64, 128, 784), (24, 96, 1024), (9, 150, 1536), (200, 57, 1568), (1, 1401, 768)])
        }
    }

    /// An element's bits depend on its row, its column and k, not on how the product is cut.
    @Test func bitsAreTheSame() {
        for (m, n, k) in [(64, 70, 300), (50, 600, 1000), (200, 130, 90), (300, 1, 700), (20, 512, 1100)] {
            for (ta, tb) in transpositions {
                var p = MatrixMultiplyProblem(m: m, n: n, k: k, transposedA: ta, transposedB: tb)
                p.hasBias = true
                p.hasColumnSums = true
                let whole = Case<Float>(p)
                for level in levels {
                    let expected = whole.run(level: level)
                    for packing in [.never, .eachPiece, .shared] as [MatrixMultiplyPlan.ColumnPacking] {
                        for packRows in [false, true] {
                            for pieces in [1, 50] {
                                let got = whole.run(
                                    level: level, packing: packing, packRows: packRows, pieces: pieces,
                                    backwards: packRows)
                                #expect(got.c == expected.c && got.sums == expected.sums)
                            }
                        }
                    }
                    if level == .avx512 {
                        let narrow = whole.run(level: .avx2)
                        #expect(narrow.c == expected.c && narrow.sums == expected.sums)
                    }
                    // One row alone.
                    var q = p
                    q.m = 1
                    let row = m / 2
                    let single = Case<Float>(q)
                    for i in 0..<k {
                        single[.a][i * q.aColumnStride] = whole[.a][row * p.aRowStride + i * p.aColumnStride]
                    }
                    single[.b].update(from: whole[.b], count: whole.counts[.b]!)
                    single[.bias].update(from: whole[.bias], count: n)
                    #expect(single.run(level: level).c == Array(expected.c[row * n..<(row + 1) * n]))
                }
            }
        }
    }
}
