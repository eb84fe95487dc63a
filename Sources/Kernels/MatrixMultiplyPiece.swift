// One block of C: k in blocks, rows in strips of as equal a height as possible (64 rows are six
// strips of 10 or 11, not five of 12 and one of 4), columns in tiles. A strip of A stays in the
// first-level cache while the block's columns of B stream past from the second; hence the order
// block of k, strip of rows, tile of columns.

import CPUFeatures
import KernelInterface

/// Where a block of k of the piece's columns of B lies: vector v of the columns at
/// base + (v / vectors) * step + (v % vectors) * lanes.
struct Panels<V: KernelMath> {
    var base: UnsafePointer<V.Scalar>
    var row: Int
    var step: Int
    var isPacked: Bool
    /// A packed copy of the last, incomplete vector, where B is not packed and has no masked loads.
    var tail: UnsafePointer<V.Scalar>?
}

@inline(never)
func multiplyBlock<V: KernelMath>(
    _ p: Product<V>, _ firstRow: Int, _ endRow: Int, _ firstColumn: Int, _ endColumn: Int
) {
    typealias Flags = MatrixMultiplyFlags
    if p.flags.has(Flags.streamB) {
        for row in firstRow..<endRow { multiplyRow(p, row, firstColumn, endColumn) }
        return
    }
    let columns = endColumn - firstColumn
    let rows = endRow - firstRow
    let vectors = p.flags.vectors
    let heights = StripHeights(rows: rows, atMost: rowsOfTile(p))
    let stripSpace = p.scratch.assumingMemoryBound(to: V.Scalar.self)
    var s = Strip<V>(
        a: UnsafeRawPointer(p.a), b: UnsafeRawPointer(p.b), partial: UnsafePointer(p.partial), result: p.c,
        ahead: UnsafeRawPointer(p.a))
    s.partialRow = p.partialRow
    s.savedRow = p.savedRow
    var k = 0
    repeat {
        let depth = k + p.blockLength < p.depth ? p.blockLength : p.depth - k
        let isLast = k + depth == p.depth
        let panels = panelsOfBlock(p, k, depth, firstColumn, columns)
        if p.flags.bits & (Flags.columnSums | Flags.rowSums) != 0 && firstRow == 0 {
            addSums(p, panels, k, depth, firstColumn, columns)
        }
        s.depth = depth
        s.addsPartial = k > 0
        s.epilogue = isLast ? p.flags.bits & Flags.inRegisters : 0
        let target = isLast ? p.c : p.partial
        s.resultRow = isLast ? p.cRow : p.partialRow
        var row = firstRow
        for strip in 0..<heights.count {
            let count = heights[strip]
            let a = p.a + row * p.aRow + k * p.aColumn
            var strides = (row: p.aRow, column: p.aColumn)
            s.a = UnsafeRawPointer(a)
            if p.flags.has(Flags.packA) {
                var space = stripSpace
                if let kept = p.kept { space = kept + row * p.keptRow + k }
                if p.packsGroups {
                    let number = strip % Product<V>.stripsInGroup
                    if number == 0 { packGroup(V.self, a, p.aColumn, heights, strip, depth: depth, to: space) }
                    space += number * 4 * depth
                    strides = (row: 1, column: 4)
                } else {
                    strides = packStrip(
                        V.self, a, p.aRow, p.aColumn, rows: count, depth: depth, to: space,
                        rowStride: p.kept == nil ? depth + V.lanes : p.keptRow)
                }
                s.a = UnsafeRawPointer(space)
            }
            s.aRow = strides.row * MemoryLayout<V.Scalar>.stride
            s.aColumn = strides.column * MemoryLayout<V.Scalar>.stride
            s.ahead = s.a
            s.aheadRow = 0
            s.aheadColumn = 0
            if strip + 1 < heights.count && p.flags.has(Flags.fetch) {
                // The copy's next rows, or lines of transposed A, which hold more rows than a strip: this one has
                // fetched the first ones.
                let next = p.packsGroups ? V.lanes - strip % Product<V>.stripsInGroup * 4 : count + heights[strip + 1] - 1
                s.ahead = UnsafeRawPointer(a + (p.aColumn == 1 ? count * p.aRow : next))
                s.aheadColumn = p.aColumn * MemoryLayout<V.Scalar>.stride
                if p.aColumn == 1 { s.aheadRow = p.aRow * MemoryLayout<V.Scalar>.stride }
            }
            let partial = UnsafePointer(p.partial) + row * p.partialRow + firstColumn
            let result = target + row * s.resultRow + firstColumn
            multiplyStrip(&s, p, panels, partial, result, row, count, firstColumn, columns, vectors)
            if isLast && p.flags.bits & (Flags.forwardFunction | Flags.backwardFunction) != 0 {
                applyFunction(p, row, count, firstColumn, columns)
            }
            row += count
        }
        k += depth
    } while k < p.depth
}

extension Product {
    /// Transposed A in strips of four rows: a line of it holds several strips, which are copied together.
    @inline(__always) fileprivate var packsGroups: Bool {
        #if AVX512
        return flags.vectors == 4 && aColumn != 1
        #else
        return false
        #endif
    }
    @inline(__always) fileprivate static var stripsInGroup: Int { V.lanes / 4 }
}

/// Copies the strips of a group from transposed A: of each strip, four elements for each k, one behind the other.
@inline(never)
private func packGroup<V: KernelVector>(
    _: V.Type, _ a: UnsafePointer<V.Scalar>, _ aColumn: Int, _ heights: StripHeights, _ first: Int, depth: Int,
    to: UnsafeMutablePointer<V.Scalar>
) {
    let strips = min(V.lanes / 4, heights.count - first)
    var row = 0
    for number in 0..<strips {
        let height = heights[first + number]
        let target = UnsafeMutableRawPointer(to + number * 4 * depth)
        if height == 4 && strips == V.lanes / 4 && heights[first + strips - 1] == 4 {
            // All of the line's strips in one go.
            for k in 0..<depth {
                let source = UnsafeRawPointer(a + k * aColumn)
                for j in 0..<V.lanes / 4 {
                    let four = source.loadUnaligned(fromByteOffset: j * MemoryLayout<SIMD4<V.Scalar>>.size, as: SIMD4<V.Scalar>.self)
                    (target + (j * depth + k) * MemoryLayout<SIMD4<V.Scalar>>.size).storeBytes(of: four, as: SIMD4<V.Scalar>.self)
                }
            }
            return
        }
        let elements = target.assumingMemoryBound(to: V.Scalar.self)
        for k in 0..<depth {
            for i in 0..<height { elements[k * 4 + i] = a[k * aColumn + row + i] }
        }
        row += height
    }
}

/// The tallest tile for this product.
@inline(__always)
private func rowsOfTile<V: KernelMath>(_ p: Product<V>) -> Int {
    #if AVX512
    // Over a short k most of the time goes to C: a tile that is low and wide writes longer runs of it.
    if p.flags.vectors == 4 { return 4 }
    // More rows a multiple of 4096 bytes apart than a first-level cache has ways would push each other out.
    if p.flags.vectors == 1 && !p.flags.has(MatrixMultiplyFlags.packA) && p.aRow * MemoryLayout<V.Scalar>.stride % 4096 == 0 { return 8 }
    #endif
    return maximumRows
}

/// A strip's columns: tiles of full width, then narrower ones for what remains.
@inline(__always)
private func multiplyStrip<V: KernelMath>(
    _ s: inout Strip<V>, _ p: Product<V>, _ panels: Panels<V>, _ partial: UnsafePointer<V.Scalar>,
    _ result: UnsafeMutablePointer<V.Scalar>, _ row: Int, _ count: Int, _ firstColumn: Int, _ columns: Int,
    _ widest: Int
) {
    let lanes = V.lanes
    let size = MemoryLayout<V.Scalar>.stride
    let all = (columns + lanes - 1) / lanes
    let tail = columns - (all - 1) * lanes
    // Vectors that tiles may read from the panels.
    let regular = panels.tail == nil ? all : all - 1
    var done = 0
    var vectors = widest
    s.bRow = panels.row * size
    s.bStep = panels.step * size
    while done < all {
        let left = regular - done
        if vectors > left && left > 0 {
            vectors >>= 1
            continue
        }
        if left > 0 {
            s.tiles = widest == vectors ? left / vectors : 1
            s.b = UnsafeRawPointer(panels.base + (done / widest) * panels.step + (done % widest) * lanes)
        } else {
            vectors = 1
            s.tiles = 1
            s.b = UnsafeRawPointer(panels.tail.unsafelyUnwrapped)
            s.bRow = lanes * size
        }
        let column = done * lanes
        done += s.tiles * vectors
        s.tail = done == all ? tail : lanes
        s.partial = partial + column
        s.result = result + column
        if let bias = p.bias {
            s.bias = bias + (p.flags.has(MatrixMultiplyFlags.biasOfRows) ? row
                : p.flags.has(MatrixMultiplyFlags.biasIsOne) ? 0 : firstColumn + column)
        }
        if let saved = p.saved { s.saved = saved + row * p.savedRow + firstColumn + column }
        runStrip(&s, rows: count, vectors: vectors)
    }
}

/// Finds or packs a block of B.
@inline(__always)
private func panelsOfBlock<V: KernelMath>(
    _ p: Product<V>, _ k: Int, _ depth: Int, _ firstColumn: Int, _ columns: Int
) -> Panels<V> {
    let width = p.flags.vectors * V.lanes
    if p.flags.has(MatrixMultiplyFlags.sharedB) {
        return Panels(
            base: p.packed + k * p.paddedColumns + (firstColumn - p.firstColumn) * depth, row: width, step: width * depth,
            isPacked: true)
    }
    let b = p.b + k * p.bRow + firstColumn * p.bColumn
    let target = (p.scratch + matrixMultiplyStripBytes).assumingMemoryBound(to: V.Scalar.self)
    if p.flags.has(MatrixMultiplyFlags.localB) {
        if let space = p.space {
            gatherColumns(
                V.self, space, p.b, row: k, rows: depth, column: firstColumn, columns: columns, to: target, rowStride: width,
                panel: width, panelStep: width * depth)
            return Panels(base: UnsafePointer(target), row: width, step: width * depth, isPacked: true)
        }
        packPanels(
            V.self, b, p.bRow, p.bColumn, transposed: p.flags.has(MatrixMultiplyFlags.transposedB), depth: depth,
            columns: columns, vectors: p.flags.vectors, to: target)
        return Panels(base: UnsafePointer(target), row: width, step: width * depth, isPacked: true)
    }
    var panels = Panels<V>(base: b, row: p.bRow, step: width, isPacked: false)
    #if !AVX512
    let whole = columns / V.lanes * V.lanes
    if whole < columns {
        for i in 0..<depth { V.load(b + i * p.bRow + whole, columns - whole).store(target + i * V.lanes) }
        panels.tail = UnsafePointer(target)
    }
    #endif
    return panels
}

/// The block's sums of B's columns (or of A's only row), added to those of the blocks before.
@inline(never)
private func addSums<V: KernelMath>(
    _ p: Product<V>, _ panels: Panels<V>, _ k: Int, _ depth: Int, _ firstColumn: Int, _ columns: Int
) {
    let sums = p.columnSums.unsafelyUnwrapped
    if p.flags.has(MatrixMultiplyFlags.rowSums) {
        guard firstColumn == p.firstColumn else { return }
        let a = p.a + k * p.aColumn
        var sum: V.Scalar = 0
        for i in 0..<depth { sum += a[i * p.aColumn] }
        sums[0] = k > 0 ? sums[0] + sum : sum
        return
    }
    let lanes = V.lanes
    let vectors = p.flags.vectors
    let all = (columns + lanes - 1) / lanes
    var v = 0
    while v < all {
        let b = panels.base + (v / vectors) * panels.step + (v % vectors) * lanes
        let target = sums + firstColumn + v * lanes
        let left = columns - v * lanes
        if left >= 2 * lanes && vectors > 1 && v % vectors + 1 < vectors {
            var x = V.zero
            var y = V.zero
            for i in 0..<depth {
                x += V.load(b + i * panels.row)
                y += V.load(b + i * panels.row + lanes)
            }
            if k > 0 {
                x = V.load(target) + x
                y = V.load(target + lanes) + y
            }
            x.store(target)
            y.store(target + lanes)
            v += 2
        } else {
            let count = left < lanes ? left : lanes
            var x = V.zero
            if panels.isPacked || count == lanes {
                for i in 0..<depth { x += V.load(b + i * panels.row) }
            } else {
                for i in 0..<depth { x += V.load(b + i * panels.row, count) }
            }
            if k > 0 { x = V.load(target, count) + x }
            x.store(target, count)
            v += 1
        }
    }
}

/// The epilogue's function on finished rows, which are still in the cache.
@inline(never)
func applyFunction<V: KernelMath>(
    _ p: Product<V>, _ row: Int, _ count: Int, _ firstColumn: Int, _ columns: Int
) {
    let a: V.Scalar = p.call.scalar(MatrixMultiplySlot.functionA)
    let b: V.Scalar = p.call.scalar(MatrixMultiplySlot.functionB)
    // Rows without gaps are one run: a short row would leave most of a vector empty.
    let isDense = columns == p.cRow && (p.saved == nil || columns == p.savedRow)
    let runs = isDense ? 1 : count
    let length = isDense ? columns * count : columns
    for i in row..<(row + runs) {
        let c = p.c + i * p.cRow + firstColumn
        if p.flags.has(MatrixMultiplyFlags.forwardFunction) {
            unaryForwardLoop(V.self, p.flags.function, a, b, UnsafePointer(c), c, length)
        } else {
            let saved = p.saved.unsafelyUnwrapped + i * p.savedRow + firstColumn
            unaryBackwardLoop(V.self, p.flags.function, a, b, UnsafePointer(c), saved, c, length)
        }
    }
}
