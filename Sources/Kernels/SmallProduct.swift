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
    if arguments.integer(Slot.pieceShape) > 0 {
        shortRows(V.self, arguments, begin, end)
    } else {
        // Functions of their own: a call in the loop would keep its vectors in memory.
        if arguments.integer(Slot.bColumn) == 1 { contiguous(V.self, arguments) } else { strided(V.self, arguments) }
        let flags = Flags(bits: arguments.integer(Slot.flags))
        if flags.bits & (Flags.rowSums | Flags.forwardFunction | Flags.backwardFunction) != 0 { finish(V.self, arguments, flags) }
    }
}

/// B as rows, read where they lie.
@inline(never)
private func contiguous<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let columns = arguments.integer(Slot.columns)
    var column = 0
    repeat {
        let count = columns &- column < V.lanes ? columns &- column : V.lanes
        let b = arguments.input(Slot.b, V.Scalar.self) + column
        #if AVX512
        // Masks cost nothing.
        strip(V.self, arguments, column, count, b) { V.load($0, count) }
        #else
        if count == V.lanes {
            strip(V.self, arguments, column, V.lanes, b) { V.load($0) }
        } else {
            strip(V.self, arguments, column, count, b) { V.load($0, count) }
        }
        #endif
        column &+= V.lanes
    } while column < columns
}

@inline(never)
private func strided<V: KernelMath>(_: V.Type, _ arguments: Arguments) {
    let columns = arguments.integer(Slot.columns)
    let bColumn = arguments.integer(Slot.bColumn)
    var column = 0
    repeat {
        let count = columns &- column < V.lanes ? columns &- column : V.lanes
        let b = arguments.input(Slot.b, V.Scalar.self) + column &* bColumn
        strip(V.self, arguments, column, count, b) { V.loadStrided($0, bColumn, count) }
        column &+= V.lanes
    } while column < columns
}

/// One vector of columns.
@inline(__always)
private func strip<V: KernelMath>(
    _: V.Type, _ arguments: Arguments, _ column: Int, _ count: Int, _ b: UnsafePointer<V.Scalar>,
    _ load: (UnsafePointer<V.Scalar>) -> V
) {
    let flags = Flags(bits: arguments.integer(Slot.flags))
    let bias = flags.has(Flags.bias) ? V.load(arguments.input(Slot.bias, V.Scalar.self) + column, count) : V.zero
    let strip = SmallStrip<V>(
        aRow: arguments.integer(Slot.aRow), aColumn: arguments.integer(Slot.aColumn), b: b, bRow: arguments.integer(Slot.bRow),
        columns: arguments.integer(Slot.columns), depth: arguments.integer(Slot.depth), count: count, bias: bias)
    let sum = strip.run(
        arguments.input(Slot.a), arguments.output(Slot.c, V.Scalar.self) + column, rows: arguments.integer(Slot.rows), load)
    if flags.has(Flags.columnSums) { sum.store(arguments.output(Slot.columnSums, V.Scalar.self) + column, count) }
}

@inline(never)
private func finish<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ flags: MatrixMultiplyFlags) {
    if flags.has(Flags.rowSums) {
        let a = arguments.input(Slot.a, V.Scalar.self)
        let aColumn = arguments.integer(Slot.aColumn)
        var sum: V.Scalar = 0
        for k in 0..<arguments.integer(Slot.depth) { sum += a[k &* aColumn] }
        arguments.output(Slot.columnSums, V.Scalar.self)[0] = sum
    }
    applyFunction(V.self, arguments, flags, 0, arguments.integer(Slot.rows) &* arguments.integer(Slot.columns))
}

@inline(__always)
private func applyFunction<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ flags: MatrixMultiplyFlags, _ first: Int, _ count: Int) {
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
    let depth = arguments.integer(Slot.depth)
    let aRow = arguments.integer(Slot.aRow)
    let bRow = arguments.integer(Slot.bRow)
    let bColumn = arguments.integer(Slot.bColumn)
    let b = arguments.input(Slot.b, V.Scalar.self)
    // Nested, since the compiler makes a function of a longer one's filling.
    var room = InlineArray<4, InlineArray<8, V>>(repeating: InlineArray<8, V>(repeating: V.zero))
    withUnsafeMutableBytes(of: &room) { bytes in
        let vectors = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: V.Scalar.self)
        for k in 0..<depth {
            let p = b + k &* bRow
            (bColumn == 1 ? V.load(p, columns) : V.loadStrided(p, bColumn, columns)).store(vectors + k &* V.lanes)
        }
        let strip = SmallStrip<V>(
            aRow: aRow, aColumn: arguments.integer(Slot.aColumn), b: UnsafePointer(vectors), bRow: V.lanes, columns: columns,
            depth: depth, count: columns,
            bias: flags.has(Flags.bias) ? V.load(arguments.input(Slot.bias, V.Scalar.self), columns) : V.zero)
        for piece in begin..<end {
            let first = piece &* arguments.integer(Slot.pieceShape)
            let rows = min(arguments.integer(Slot.pieceShape), arguments.integer(Slot.rows) &- first)
            let sum = strip.run(
                arguments.input(Slot.a, V.Scalar.self) + first &* aRow, arguments.output(Slot.c, V.Scalar.self) + first &* columns,
                rows: rows
            ) { V.load($0) }
            if flags.has(Flags.columnSums) && first == 0 { sum.store(arguments.output(Slot.columnSums, V.Scalar.self), columns) }
            applyFunction(V.self, arguments, flags, first &* columns, rows &* columns)
        }
    }
}

/// One vector of columns, `count` of its elements, of C: rows of `columns` elements.
private struct SmallStrip<V: KernelMath> {
    let aRow, aColumn: Int
    let b: UnsafePointer<V.Scalar>
    let bRow, columns, depth, count: Int
    let bias: V

    /// All rows, four or one at a time, and the sums of B's columns; `load` reads a row of B.
    @inline(__always)
    func run(
        _ a: UnsafePointer<V.Scalar>, _ c: UnsafeMutablePointer<V.Scalar>, rows: Int, _ load: (UnsafePointer<V.Scalar>) -> V
    ) -> V {
        var (a, c, left, sum) = (a, c, rows, V.zero)
        while left >= 4 {
            sum = multiply(InlineArray<4, V>(repeating: V.zero), a, c, load)
            a += 4 &* aRow
            c += 4 &* columns
            left &-= 4
        }
        while left > 0 {
            sum = multiply(InlineArray<1, V>(repeating: V.zero), a, c, load)
            a += aRow
            c += columns
            left &-= 1
        }
        return sum
    }

    @inline(__always)
    private func multiply<let R: Int>(
        _ zero: InlineArray<R, V>, _ a: UnsafePointer<V.Scalar>, _ c: UnsafeMutablePointer<V.Scalar>,
        _ load: (UnsafePointer<V.Scalar>) -> V
    ) -> V {
        var (sums, sum, a, b) = (zero, V.zero, a, b)
        for _ in 0..<depth {
            let vector = load(b)
            for r in 0..<R { sums[r] = V.fma(V(repeating: a[r &* aRow]), vector, sums[r]) }
            sum += vector
            a += aColumn
            b += bRow
        }
        for r in 0..<R { sums[r] = sums[r] + bias }
        // The next call reads what is stored here, and waits less if it is stored without a mask.
        if count == 1 {
            for r in 0..<R { c[r &* columns] = sums[r][0] }
        } else if count &* 2 == V.lanes {
            for r in 0..<R { sums[r].storeHalf(c + r &* columns) }
        } else {
            for r in 0..<R { sums[r].store(c + r &* columns, count) }
        }
        return sum
    }
}
