// C = epilogue(A . B) of operands rounded to bfloat16 and packed in pairs of k (PackPairs.swift). KernelInterface/
// PairProductCall.swift names the slots.
//
// The tile is that of AVX-512's ordinary product, 12 rows by 2 vectors held in registers, but each instruction adds
// two products. Both operands lie as the tile reads them, so one height of 12, and 8, 4 and 1 for what remains, is all;
// missing rows and columns are computed with whatever lies there and not stored. A group of 12 rows over a block
// of 512 k is 16 KB, and stays in the first-level cache while columns of B stream past from the second.
//
// An element is the chain of products over a block of k from zero, blocks added in order: the bits of the ordinary
// product of rounded copies (README.md there). The sums leave the registers through scratch, so that what is done
// to them is one small loop.

import CPUFeatures
import KernelInterface

typealias Floats = SIMD16<Float>

let multiplyPairsKernel: Kernel = { call, begin, end, scratch in
    let before = cr_begin_flushing()
    multiplyPairs(call, begin, end, scratch.unsafelyUnwrapped.assumingMemoryBound(to: Float.self))
    cr_end_flushing(before)
}

private struct PairProduct {
    let a: UnsafePointer<Float>
    let b: UnsafePointer<Float>
    let c: UnsafeMutablePointer<Float>
    let bias: UnsafePointer<Float>?
    let saved: UnsafePointer<Float>?
    let rows: Int
    let columns: Int
    let pairs: Int
    let blockPairs: Int
    let cRow: Int
    let savedRow: Int
    let groups: PairGroups
    let flags: MatrixMultiplyFlags
    let sums: UnsafeMutablePointer<Float>

    @inline(__always)
    func multiply(_ firstGroup: Int, _ endGroup: Int, _ firstPanel: Int, _ endPanel: Int) {
        let height = pairRows(pairs)
        var pair = 0
        while pair < pairs {
            let length = pair + blockPairs < pairs ? blockPairs : pairs - pair
            for group in firstGroup..<endGroup {
                let slots = groups.slots(group)
                let lines = groups.lines(group)
                let aBlock = a + groups.firstSlot(group) * height + pair * slots
                let row = groups.firstLine(group)
                for panel in firstPanel..<endPanel {
                    let bBlock = b + (panel * height + pair) * 32
                    switch lines {
                    case 12: PairTile<12>.run(aBlock, slots, bBlock, length, sums)
                    case 8: PairTile<8>.run(aBlock, slots, bBlock, length, sums)
                    case 4: PairTile<4>.run(aBlock, slots, bBlock, length, sums)
                    default: PairTile<1>.run(aBlock, slots, bBlock, length, sums)
                    }
                    finish(row, lines, panel * 32, addsPartial: pair > 0, isLast: pair + length == pairs)
                }
            }
            pair += length
        }
    }

    /// Adds what belongs to a tile's sums and stores them, as the ordinary product's tile does.
    @inline(__always)
    private func finish(_ row: Int, _ lines: Int, _ column: Int, addsPartial: Bool, isLast: Bool) {
        typealias Flags = MatrixMultiplyFlags
        let end = row + lines < rows ? row + lines : rows
        for half in 0..<2 {
            let first = column + half * 16
            let count = columns - first < 16 ? columns - first : 16
            if count <= 0 { break }
            let bias = isLast && flags.has(Flags.bias) ? cr_load_floats(self.bias.unsafelyUnwrapped + first, count) : Floats()
            for i in row..<end {
                var x = cr_load_all_floats(sums + (i - row) * 32 + half * 16)
                let target = c + i * cRow + first
                if addsPartial { x = cr_load_floats(target, count) + x }
                if isLast {
                    if flags.has(Flags.bias) { x = x + bias }
                    if flags.has(Flags.relu) { x = x.replacing(with: Floats(), where: x .< Floats()) }
                    if flags.has(Flags.reluGradient), let saved {
                        let y = cr_load_floats(saved + i * savedRow + first, count)
                        x = x.replacing(with: Floats(), where: y .<= Floats())
                    }
                }
                cr_store_floats(target, x, count)
            }
        }
    }
}

// For size: the loop over k is not in it.
@inline(never) @_optimize(size)
private func multiplyPairs(_ raw: UnsafeRawPointer, _ begin: Int, _ end: Int, _ sums: UnsafeMutablePointer<Float>) {
    typealias Slot = MultiplyPairsSlot
    typealias Pointers = MatrixMultiplySlot
    let call = Arguments(raw)
    let groups = PairGroups(bits: call.integer(Slot.groups))
    let panels = (call.integer(Slot.columns) + 31) / 32
    let rowGroups = call.integer(Slot.rowGroupsPerPiece)
    let columnGroups = call.integer(Slot.columnGroupsPerPiece)
    let down = (groups.count + rowGroups - 1) / rowGroups
    let across = (panels + columnGroups - 1) / columnGroups
    @inline(__always) func optional(_ slot: Int) -> UnsafePointer<Float>? { call.has(slot) ? call.input(slot) : nil }
    for piece in begin..<end {
        let matrix = piece / (down * across)
        let rest = piece - matrix * down * across
        let panel = rest / down * columnGroups
        let group = rest % down * rowGroups
        let product = PairProduct(
            a: call.input(Pointers.a) + matrix * call.integer(Slot.aBatch),
            b: call.input(Pointers.b) + matrix * call.integer(Slot.bBatch),
            c: call.output(Pointers.c) + matrix * call.integer(Slot.cBatch), bias: optional(Pointers.bias),
            saved: optional(Pointers.saved).map { $0 + matrix * call.integer(Slot.cBatch) }, rows: call.integer(Slot.rows),
            columns: call.integer(Slot.columns), pairs: call.integer(Slot.pairs), blockPairs: call.integer(Slot.blockPairs),
            cRow: call.integer(Slot.cRow), savedRow: call.integer(Slot.savedRow), groups: groups,
            flags: MatrixMultiplyFlags(bits: call.integer(Slot.flags)), sums: sums)
        product.multiply(
            group, group + rowGroups < groups.count ? group + rowGroups : groups.count, panel,
            panel + columnGroups < panels ? panel + columnGroups : panels)
    }
}

/// R rows by two vectors over one block of k; the sums go to `sums`.
private enum PairTile<let R: Int> {
    @inline(never)
    static func run(
        _ a: UnsafePointer<Float>, _ slots: Int, _ b: UnsafePointer<Float>, _ pairs: Int, _ result: UnsafeMutablePointer<Float>
    ) {
        var sums = InlineArray<R, InlineArray<2, Floats>>(repeating: InlineArray<2, Floats>(repeating: Floats()))
        var a = a
        var b = b
        for _ in 0..<pairs {
            let low = cr_load_all_floats(b)
            let high = cr_load_all_floats(b + 16)
            for i in 0..<R {
                let x = Floats(repeating: a[i])
                sums[i][0] = cr_dot_pairs(sums[i][0], x, low)
                sums[i][1] = cr_dot_pairs(sums[i][1], x, high)
            }
            a += slots
            b += 32
        }
        for i in 0..<R {
            cr_store_all_floats(result + i * 32, sums[i][0])
            cr_store_all_floats(result + i * 32 + 16, sums[i][1])
        }
    }
}
