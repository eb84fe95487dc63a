// Rows of a function's operands, in the form that lets one loop serve flat and strided arrays: elements that
// lie one after the other are read where they are, a single one is repeated to fill a vector, others are
// gathered, some at a time. Each formula is then compiled once for all of these.

import KernelInterface

/// Elements gathered at a time.
private let gathered = 64

/// Memory for what is gathered or repeated, by operand.
typealias BinaryRoom<V: KernelMath> = InlineArray<3, InlineArray<64, V.Scalar>>

struct BinaryOperand<V: KernelMath> {
    let base: UnsafePointer<V.Scalar>
    /// Elements from one to the next along a row, and from row to row.
    let step: Int
    let nextRow: Int
    let room: UnsafeMutablePointer<V.Scalar>

    @inline(__always) func run(_ row: Int, _ first: Int, _ count: Int) -> ElementRun<V> {
        let p = base + row * nextRow
        if step == 1 { return ElementRun(base: p + first, mask: -1) }
        if step == 0 {
            V(repeating: p[0]).store(room)
            return ElementRun(base: UnsafePointer(room), mask: 0)
        }
        gather(p + first * step, count)
        return ElementRun(base: UnsafePointer(room), mask: -1)
    }

    @inline(never) private func gather(_ p: UnsafePointer<V.Scalar>, _ count: Int) {
        for i in 0..<count { room[i] = p[i * step] }
    }
}

/// The rows of a call that are walked by constant steps. An array that isn't strided is one row.
struct BinaryRows<V: KernelMath> {
    let x: BinaryOperand<V>
    let y: BinaryOperand<V>
    let rows: Int
    let columns: Int

    /// Columns that can be read at once.
    @inline(__always) var columnsAtOnce: Int { (x.step | y.step) & ~1 == 0 ? columns : min(columns, gathered) }
}

extension Arguments {
    /// Calls `body` with flat operands as one row: those of slots 0 and 1, steps in integers 2 and 3. Nil pointers
    /// give the constant in scalar 0.
    @inline(__always)
    func withFlatRows<V: KernelMath>(_ range: Range<Int>, _: V.Type, _ body: (BinaryRows<V>, BinaryOperand<V>) -> Void) {
        var constant: V.Scalar = scalar(0)
        withUnsafePointer(to: &constant) { constant in
            withBinaryRoom(V.self) { room in
                @inline(__always) func operand(_ slot: Int, step: Int) -> BinaryOperand<V> {
                    let isThere = has(slot)
                    return BinaryOperand(
                        base: isThere ? input(slot, V.Scalar.self) + range.lowerBound * step : constant,
                        step: isThere ? step : 0, nextRow: 0, room: room + slot * gathered)
                }
                body(
                    BinaryRows(
                        x: operand(0, step: integer(2)), y: operand(1, step: integer(3)), rows: 1, columns: range.count),
                    operand(2, step: 1))
            }
        }
    }

    /// Calls `body` with each run of rows of a strided space and its first row. An operand that isn't there is a zero.
    @inline(__always)
    func forEachRun<V: KernelMath>(
        _ space: UnsafePointer<StridedSpace>, _ begin: Int, _ end: Int, _: V.Type,
        _ body: (BinaryRows<V>, _ firstRow: Int, UnsafeMutablePointer<V.Scalar>) -> Void
    ) {
        let rowsPerPiece = integer(0)
        var runs = StridedRuns(space, (begin * rowsPerPiece)..<(end * rowsPerPiece))
        withBinaryRoom(V.self) { room in
            @inline(__always) func operand(_ slot: Int, _ offset: Int) -> BinaryOperand<V> {
                let isThere = has(slot)
                return BinaryOperand(
                    base: isThere ? input(slot, V.Scalar.self) + offset : UnsafePointer(room + 2 * gathered),
                    step: isThere ? space.pointee.columnStrides[slot] : 0, nextRow: isThere ? runs.step(slot) : 0,
                    room: room + slot * gathered)
            }
            while runs.next() {
                let x = operand(0, runs.offset0), y = operand(1, runs.offset1)
                body(
                    BinaryRows(x: x, y: y, rows: runs.count, columns: space.pointee.columns), runs.first,
                    room + 2 * gathered)
            }
        }
    }
}

@inline(__always)
private func withBinaryRoom<V: KernelMath>(_: V.Type, _ body: (UnsafeMutablePointer<V.Scalar>) -> Void) {
    var room = BinaryRoom<V>(repeating: InlineArray<64, V.Scalar>(repeating: 0))
    withUnsafeMutableBytes(of: &room) { body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: V.Scalar.self)) }
}
