// The matrix product of tiny matrices: a batch of 4 through a layer of 2 x 8. Here deciding and
// setting up cost more than multiplying, so there is one loop over vectors of columns, four rows at
// a time, and nothing else. Each element is the same FMA chain over k as in MatrixMultiply.swift.
// Also that of many short rows, a thousand samples through such a layer: B, a vector wide and at most 32 high, is then
// copied into whole vectors first.
//
// smallProduct. Slots as in KernelInterface/MatrixMultiplyCall.swift, without batch, packing and blocks; C and saved are
// dense. Flags: bias, columnSums or rowSums, forwardFunction or backwardFunction (relu too). Pieces: rows, `pieceShape`
// each, many short ones; 0: one piece, any.

import KernelInterface

let smallProductKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.integer(Slot.pieceShape) > 0 {
        if arguments.isDouble {
            shortRows(DoubleVector.self, arguments, begin, end)
        } else {
            shortRows(FloatVector.self, arguments, begin, end)
        }
    } else if arguments.isDouble {
        smallProduct(DoubleVector.self, arguments)
    } else {
        smallProduct(FloatVector.self, arguments)
    }
}

private typealias Slot = MatrixMultiplySlot
private typealias Flags = MatrixMultiplyFlags

@inline(__always)
private func smallProduct<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let rows = arguments.integer(Slot.rows)
    let columns = arguments.integer(Slot.columns)
    let depth = arguments.integer(Slot.depth)
    let bRow = arguments.integer(Slot.bRow)
    let bColumn = arguments.integer(Slot.bColumn)
    let b = arguments.input(Slot.b, V.Scalar.self)
    let c = arguments.output(Slot.c, V.Scalar.self)
    var strip = SmallStrip<V>(
        a: arguments.input(Slot.a), aRow: arguments.integer(Slot.aRow), aColumn: arguments.integer(Slot.aColumn),
        b: b, bRow: bRow, bColumn: bColumn, c: c, columns: columns, depth: depth)
    var column = 0
    repeat {
        strip.b = b + column &* bColumn
        strip.c = c + column
        strip.count = columns &- column
        if strip.count > V.lanes { strip.count = V.lanes }
        strip.bias = flags.has(Flags.bias)
            ? V.load(arguments.input(Slot.bias, V.Scalar.self) + column, strip.count) : V(repeating: 0)
        let sums = flags.has(Flags.columnSums) ? arguments.output(Slot.columnSums, V.Scalar.self) + column : nil
        // Loops of their own: a call in the loop would keep its vectors in memory.
        if bColumn == 1 {
            strip.run(rows, columnSums: sums) { (p, strip) in strip.count == V.lanes ? V.load(p) : V.load(p, strip.count) }
        } else {
            strip.run(rows, columnSums: sums) { (p, strip) in V.loadStrided(p, strip.bColumn, strip.count) }
        }
        column &+= V.lanes
    } while column < columns
    if flags.has(Flags.rowSums) {
        var sum: V.Scalar = 0
        for k in 0..<depth { sum += strip.a[k &* strip.aColumn] }
        arguments.output(Slot.columnSums, V.Scalar.self)[0] = sum
    }
    applyFunction(V.self, arguments, flags, 0, rows &* columns)
}

@inline(__always)
private func applyFunction<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ flags: Flags, _ first: Int, _ count: Int) {
    let c = arguments.output(Slot.c, V.Scalar.self) + first
    let x: V.Scalar = arguments.scalar(Slot.functionA)
    let y: V.Scalar = arguments.scalar(Slot.functionB)
    if flags.has(Flags.forwardFunction) {
        unaryForwardLoop(V.self, flags.function, x, y, UnsafePointer(c), c, count)
    } else if flags.has(Flags.backwardFunction) {
        unaryBackwardLoop(V.self, flags.function, x, y, UnsafePointer(c), arguments.input(Slot.saved, V.Scalar.self) + first, c, count)
    }
}

@inline(never)
private func shortRows<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let columns = arguments.integer(Slot.columns)
    let bRow = arguments.integer(Slot.bRow)
    let bColumn = arguments.integer(Slot.bColumn)
    let b = arguments.input(Slot.b, V.Scalar.self)
    // Nested, since the compiler makes a function of a longer one's filling.
    var room = InlineArray<4, InlineArray<8, V>>(repeating: InlineArray<8, V>(repeating: V.zero))
    withUnsafeMutableBytes(of: &room) { bytes in
        let vectors = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: V.Scalar.self)
        var strip = SmallStrip<V>(
            a: arguments.input(Slot.a), aRow: arguments.integer(Slot.aRow), aColumn: arguments.integer(Slot.aColumn),
            b: UnsafePointer(vectors), bRow: V.lanes, bColumn: 1, c: arguments.output(Slot.c), columns: columns,
            depth: arguments.integer(Slot.depth))
        for k in 0..<strip.depth {
            let p = b + k &* bRow
            (bColumn == 1 ? V.load(p, columns) : V.loadStrided(p, bColumn, columns)).store(vectors + k &* V.lanes)
        }
        strip.count = columns
        if flags.has(Flags.bias) { strip.bias = V.load(arguments.input(Slot.bias, V.Scalar.self), columns) }
        for piece in begin..<end {
            let first = piece &* arguments.integer(Slot.pieceShape)
            let rows = min(arguments.integer(Slot.pieceShape), arguments.integer(Slot.rows) &- first)
            strip.a = arguments.input(Slot.a, V.Scalar.self) + first &* strip.aRow
            strip.c = arguments.output(Slot.c, V.Scalar.self) + first &* columns
            let sums = flags.has(Flags.columnSums) && first == 0 ? arguments.output(Slot.columnSums, V.Scalar.self) : nil
            strip.run(rows, columnSums: sums) { (p, _) in V.load(p) }
            applyFunction(V.self, arguments, flags, first &* columns, rows &* columns)
        }
    }
}

/// One vector of columns.
private struct SmallStrip<V: KernelMath> {
    var a: UnsafePointer<V.Scalar>
    let aRow: Int
    let aColumn: Int
    var b: UnsafePointer<V.Scalar>
    let bRow: Int
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
