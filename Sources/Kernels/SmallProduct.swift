// The matrix product of tiny matrices: a batch of 4 through a layer of 2 x 8. Here deciding and
// setting up cost more than multiplying, so there is one loop over vectors of columns, four rows at
// a time, and nothing else. Each element is the same FMA chain over k as in MatrixMultiply.swift.
// Also that of many short rows, a thousand samples through such a layer: B, a vector wide and at most 32 high, is then
// copied into whole vectors first.
//
// smallProduct. Pieces: rows, `pieceShape` each. Slots as in KernelInterface/MatrixMultiplyCall.swift, without
// batch, packing and blocks; C and saved are dense. Flags: bias, columnSums or rowSums, forwardFunction or
// backwardFunction (relu too).

import KernelInterface

let smallProductKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        smallProduct(DoubleVector.self, arguments, begin, end)
    } else {
        smallProduct(FloatVector.self, arguments, begin, end)
    }
}

private typealias Slot = MatrixMultiplySlot
private typealias Flags = MatrixMultiplyFlags

@inline(__always)
private func smallProduct<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let height = arguments.integer(Slot.pieceShape)
    let depth = arguments.integer(Slot.depth)
    for piece in begin..<end {
        let first = piece &* height
        var rows = arguments.integer(Slot.rows) &- first
        if rows > height { rows = height }
        let columns = arguments.integer(Slot.columns)
        let c = arguments.output(Slot.c, V.Scalar.self) + first &* columns
        var strip = SmallStrip<V>(
            a: arguments.input(Slot.a, V.Scalar.self) + first &* arguments.integer(Slot.aRow), aRow: arguments.integer(Slot.aRow),
            aColumn: arguments.integer(Slot.aColumn), b: arguments.input(Slot.b), bRow: arguments.integer(Slot.bRow),
            bColumn: arguments.integer(Slot.bColumn), c: c, columns: columns, depth: depth)
        let bias = flags.has(Flags.bias) ? arguments.input(Slot.bias, V.Scalar.self) : nil
        let sums = flags.has(Flags.columnSums) && first == 0 ? arguments.output(Slot.columnSums, V.Scalar.self) : nil
        if rows >= 64 && columns <= V.lanes && depth <= 32 {
            strip.runTall(rows, bias, columnSums: sums)
        } else {
            strip.runAll(rows, bias, columnSums: sums)
        }
        if flags.has(Flags.rowSums) {
            var sum: V.Scalar = 0
            for k in 0..<depth { sum += strip.a[k &* strip.aColumn] }
            arguments.output(Slot.columnSums, V.Scalar.self)[0] = sum
        }
        let x: V.Scalar = arguments.scalar(Slot.functionA)
        let y: V.Scalar = arguments.scalar(Slot.functionB)
        if flags.has(Flags.forwardFunction) {
            unaryForwardLoop(V.self, flags.function, x, y, UnsafePointer(c), c, rows &* columns)
        } else if flags.has(Flags.backwardFunction) {
            let saved = arguments.input(Slot.saved, V.Scalar.self) + first &* columns
            unaryBackwardLoop(V.self, flags.function, x, y, UnsafePointer(c), saved, c, rows &* columns)
        }
    }
}

/// One vector of columns.
private struct SmallStrip<V: KernelMath> {
    let a: UnsafePointer<V.Scalar>
    let aRow: Int
    let aColumn: Int
    var b: UnsafePointer<V.Scalar>
    var bRow: Int
    let bColumn: Int
    var c: UnsafeMutablePointer<V.Scalar>
    let columns: Int
    let depth: Int
    var count = 0
    var bias = V(repeating: 0)

    @inline(__always)
    init(
        a: UnsafePointer<V.Scalar>, aRow: Int, aColumn: Int, b: UnsafePointer<V.Scalar>, bRow: Int, bColumn: Int,
        c: UnsafeMutablePointer<V.Scalar>, columns: Int, depth: Int
    ) {
        self.a = a
        self.aRow = aRow
        self.aColumn = aColumn
        self.b = b
        self.bRow = bRow
        self.bColumn = bColumn
        self.c = c
        self.columns = columns
        self.depth = depth
    }

    /// All columns, a vector at a time.
    @inline(__always)
    mutating func runAll(
        _ rows: Int, _ bias: UnsafePointer<V.Scalar>?, columnSums: UnsafeMutablePointer<V.Scalar>?
    ) {
        let firstB = b
        let firstC = c
        var column = 0
        repeat {
            b = firstB + column &* bColumn
            c = firstC + column
            count = columns &- column
            if count > V.lanes { count = V.lanes }
            self.bias = bias.map { V.load($0 + column, count) } ?? V(repeating: 0)
            let sums = columnSums.map { $0 + column }
            // Loops of their own: a call in the loop would keep its vectors in memory.
            if bColumn == 1 {
                run(rows, columnSums: sums) { (p, strip) in strip.count == V.lanes ? V.load(p) : V.load(p, strip.count) }
            } else {
                run(rows, columnSums: sums) { (p, strip) in V.loadStrided(p, strip.bColumn, strip.count) }
            }
            column &+= V.lanes
        } while column < columns
    }

    /// Many rows, with a copy of B in whole vectors.
    @inline(never)
    mutating func runTall(
        _ rows: Int, _ bias: UnsafePointer<V.Scalar>?, columnSums: UnsafeMutablePointer<V.Scalar>?
    ) {
        count = columns
        self.bias = bias.map { V.load($0, count) } ?? V(repeating: 0)
        var room = InlineArray<32, V>(repeating: V(repeating: 0))
        for k in 0..<depth {
            let p = b + k &* bRow
            room[k] = bColumn == 1 ? V.load(p, count) : V.loadStrided(p, bColumn, count)
        }
        withUnsafeBytes(of: &room) { bytes in
            b = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: V.Scalar.self)
            bRow = V.lanes
            run(rows, columnSums: columnSums) { (p, _) in V.load(p) }
        }
    }

    /// All rows, and the sums of B's columns where they are wanted; `load` reads a row of B.
    @inline(__always)
    func run(_ rows: Int, columnSums: UnsafeMutablePointer<V.Scalar>?, _ load: (UnsafePointer<V.Scalar>, Self) -> V) {
        if let columnSums {
            var sum = V(repeating: 0)
            for k in 0..<depth { sum += load(b + k &* bRow, self) }
            sum.store(columnSums, count)
        }
        var row = 0
        while row &+ 4 <= rows {
            multiply(InlineArray<4, V>(repeating: V(repeating: 0)), row, load)
            row &+= 4
        }
        while row < rows {
            multiply(InlineArray<1, V>(repeating: V(repeating: 0)), row, load)
            row &+= 1
        }
    }

    @inline(__always)
    private func multiply<let R: Int>(_ zero: InlineArray<R, V>, _ row: Int, _ load: (UnsafePointer<V.Scalar>, Self) -> V) {
        var sums = zero
        let first = a + row &* aRow
        for k in 0..<depth {
            let vector = load(b + k &* bRow, self)
            let element = first + k &* aColumn
            for r in 0..<R { sums[r] = V.fma(V(repeating: element[r &* aRow]), vector, sums[r]) }
        }
        let target = c + row &* columns
        for r in 0..<R { (sums[r] + bias).store(target + r &* columns, count) }
    }
}
