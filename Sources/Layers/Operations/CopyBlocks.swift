// Copies of blocks of a few elements, each by one table of places (Kernels/CopyBlocks.swift): small dimensions in
// another order, and lines that are padded or rotated.

import KernelInterface
import Tensors

struct BlockCopy {
    /// Where the blocks lie in source and destination.
    private let space: StridedSpace
    private var form = BlockForm.gather
    /// Entries of the table, or runs.
    private var count = 0
    private var additions = 0
    /// Of a block.
    private var elements = 0
    /// The destination's elements are all filled first.
    private var fillsFirst = false
    private var table: [Int32] = []

    /// No place.
    static let none = Int.min

    /// A strided copy of these dimensions, which stand in the destination's order; nil where it is better walked:
    /// where rows are long or many at one distance, or a transpose can go in tiles.
    init?(_ dimensions: [(size: Int, strides: [Int])]) {
        guard dimensions.count > 1, let last = dimensions.last else { return nil }
        let rows = dimensions[dimensions.count - 2]
        let isRow = last.strides[0] == 1 && last.strides[1] == 1
        if isRow && (last.size >= 64 || (last.size >= 4 && rows.size >= 16)) { return nil }
        if last.strides[1] == 1 && rows.strides[0] == 1 && last.size >= 8 && rows.size >= 8 { return nil }
        var first = dimensions.count
        var from = [0]
        var to = [0]
        while first > 1 && from.count * dimensions[first - 1].size <= 2048 {
            first -= 1
            let (size, strides) = dimensions[first]
            from = Self.sums((0..<size).map { $0 * strides[0] }, from)
            to = Self.sums((0..<size).map { $0 * strides[1] }, to)
        }
        guard first < dimensions.count - (isRow ? 1 : 0), let space = StridedSpace(blocks: Array(dimensions[..<first]))
        else { return nil }
        self.space = space
        guard setTable(from, to, prefersRuns: isRow && last.size >= 8) else { return nil }
    }

    /// Lines of a contiguous array, moved (or, `isBack`, gradients moved back); nil where a block would be large.
    init?(_ shape: Shape, _ moves: [LineMove], isBack: Bool) {
        guard let first = moves.map(\.axis).min() else { return nil }
        // For each element of the result, its source; and the same of those that are not copies of others.
        var all = [0]
        var own = [0]
        var size = 1
        for axis in (first..<shape.rank).reversed() {
            let move = moves.first { $0.axis == axis } ?? LineMove(axis: axis, sources: Array(0..<shape[axis]), before: 0)
            guard all.count * move.sources.count <= 1 << 18, size * shape[axis] <= 1 << 18 else { return nil }
            let steps = move.sources.map { $0 < 0 ? Self.none : $0 * size }
            all = Self.sums(steps, all)
            own = Self.sums(steps.indices.map { move.sources[$0] == $0 - move.before ? steps[$0] : Self.none }, own)
            size *= shape[axis]
        }
        let outer = shape.dimensions[..<first].reduce(1, *)
        guard let space = StridedSpace(blocks: [(outer, isBack ? [all.count, size] : [size, all.count])]) else { return nil }
        self.space = space
        var from = all
        if isBack {
            from = Array(repeating: Self.none, count: size)
            for place in own.indices where own[place] != Self.none { from[own[place]] = place }
        }
        _ = setTable(from, Array(from.indices), prefersRuns: false)
        guard isBack else {
            setScatter(from, size)
            return
        }
        for place in all.indices where all[place] != Self.none && own[place] == Self.none {
            if form == .gather { setRuns(from, Array(from.indices)) }
            table.append(Int32(place))
            table.append(Int32(all[place]))
            additions += 1
        }
    }

    /// Every a + b, b the faster one; no place stays none.
    private static func sums(_ a: [Int], _ b: [Int]) -> [Int] {
        var result: [Int] = []
        result.reserveCapacity(a.count * b.count)
        for x in a { for y in b { result.append(x == none || y == none ? none : x + y) } }
        return result
    }

    /// False if no form fits.
    private mutating func setTable(_ from: [Int], _ to: [Int], prefersRuns: Bool) -> Bool {
        setRuns(from, to)
        let hasGaps = from.contains(Self.none)
        // Runs of few elements cost more than elements.
        if hasGaps || prefersRuns || 4 * count <= from.count { return !from.contains { $0 < 0 && $0 != Self.none } }
        for (index, (a, b)) in [(from, to), (to, from)].enumerated() where b.indices.allSatisfy({ b[$0] == $0 }) {
            (form, count, table) = (index == 0 ? .gather : .scatter, a.count, [])
            for place in a { table.append(Int32(truncatingIfNeeded: place)) }
            return a.allSatisfy { abs($0) <= Int32.max }
        }
        return false
    }

    /// Many gaps: all elements are filled, and then those of the source put in between, if each has one place.
    private mutating func setScatter(_ from: [Int], _ size: Int) {
        var to: [Int32] = Array(repeating: -1, count: size)
        var places = 0
        for place in from.indices where from[place] != Self.none {
            to[from[place]] = Int32(place)
            places += 1
        }
        if 6 * count > from.count, places < from.count, places == size, !to.contains(-1) {
            (form, count, table, fillsFirst) = (.scatter, size, to, true)
        }
    }

    private mutating func setRuns(_ from: [Int], _ to: [Int]) {
        (form, count, elements, table) = (.runs, 0, from.count, [])
        var first = 0
        for next in from.indices.dropFirst(1) + [from.count] where first < from.count {
            let follows = from[first] == Self.none ? Self.none : from[first] + next - first
            if next < from.count, to[next] == to[first] + next - first, from[next] == follows { continue }
            for number in [max(from[first], -1), to[first], next - first] { table.append(Int32(truncatingIfNeeded: number)) }
            count += 1
            first = next
        }
    }

    func append(_ program: Program, _ operands: [Operand], filling: Double = 0) {
        guard space.rows > 0, elements > 0 else { return }
        if fillsFirst { program.fill(operands[1].value, with: filling, count: space.rows * elements) }
        let perPiece = max(1, elementsPerPiece / elements)
        program.call(
            .copyBlocks, operands + [Operand(2, program.table(space), .read), Operand(3, program.table(of: table), .read)],
            pieces: (space.rows + perPiece - 1) / perPiece, cost: Double(space.rows * elements) * 0.4
        ) {
            $0.integers[0] = perPiece
            $0.integers[1] = form.rawValue
            $0.integers[2] = count
            $0.integers[3] = additions
            $0.scalars[0] = filling
        }
    }
}

/// Along one dimension, where each element of a line comes from; -1: from nowhere.
struct LineMove {
    let axis: Int
    let sources: [Int]
    /// Elements in front of the line's own.
    let before: Int
}

extension Program {
    /// y = x with lines moved, or the gradient of that; false where blocks would be large.
    func move(
        _ x: Value, _ shape: Shape, _ moves: [LineMove], isBack: Bool = false, into y: Value, filling: Double = 0
    ) -> Bool {
        guard let copy = BlockCopy(shape, moves, isBack: isBack) else { return false }
        copy.append(self, [Operand(0, x, .read), Operand(1, y, .write)], filling: filling)
        return true
    }
}
