// Matrices rounded to bfloat16 and packed in pairs of k, as multiplyPairs reads them (KernelInterface/
// PairProductCall.swift names the slots and says how they lie). Where k runs along the source's lines, pairs are
// neighbours there, and are turned round in registers, 8 lines at a time; where it runs across, two rows of the
// source make a row of pairs.

import CPUFeatures
import KernelInterface

/// Pairs of a line that are turned round at a time.
private let chunk = 64

let packPairsKernel: Kernel = { call, begin, end, scratch in
    typealias Slot = PackPairsSlot
    let arguments = Arguments(call)
    let source: UnsafePointer<Float> = arguments.input(0)
    let target: UnsafeMutablePointer<Float> = arguments.output(1)
    let pairs = (arguments.integer(Slot.depth) + 1) / 2
    let groups = PairGroups(bits: arguments.integer(Slot.groups))
    let (pairStep, groupStep) = (arguments.integer(Slot.pairsPerPiece), arguments.integer(Slot.groupsPerPiece))
    let along = (pairs + pairStep - 1) / pairStep
    let across = (groups.count + groupStep - 1) / groupStep
    for piece in begin..<end {
        let matrix = piece / (along * across)
        let rest = piece - matrix * along * across
        let pair = rest / across * pairStep
        let group = rest % across * groupStep
        var one = PairPacking(
            source: source + matrix * arguments.integer(Slot.batch),
            target: target + matrix * groups.firstSlot(groups.count) * pairRows(pairs), lines: arguments.integer(Slot.lines),
            depth: arguments.integer(Slot.depth), pairs: pairs, groups: groups,
            padding: UInt32(truncatingIfNeeded: arguments.integer(Slot.padding)))
        one.endPair = pair + pairStep < pairs ? pair + pairStep : pairs
        one.endGroup = group + groupStep < groups.count ? group + groupStep : groups.count
        if arguments.integer(Slot.depthStride) == 1 {
            let room = scratch.unsafelyUnwrapped.assumingMemoryBound(to: Float.self)
            one.turn(pair, group, arguments.integer(Slot.lineStride), room)
        } else {
            one.interleave(pair, group, arguments.integer(Slot.depthStride))
        }
    }
}

private struct PairPacking {
    let source: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>
    let lines: Int
    let depth: Int
    let pairs: Int
    let groups: PairGroups
    let padding: UInt32
    var height: Int { pairRows(pairs) }
    var endPair = 0
    var endGroup = 0

    /// Pairs are neighbours in the source.
    @inline(never)
    func turn(_ firstPair: Int, _ firstGroup: Int, _ lineStride: Int, _ room: UnsafeMutablePointer<Float>) {
        for group in firstGroup..<endGroup {
            let slots = groups.slots(group)
            let base = target + groups.firstSlot(group) * height
            let firstLine = groups.firstLine(group)
            var line = 0
            while line < groups.lines(group) && firstLine + line < lines {
                let count = lines - firstLine - line < 8 ? lines - firstLine - line : 8
                var pair = firstPair
                while pair < endPair {
                    let length = endPair - pair < chunk ? endPair - pair : chunk
                    for i in 0..<count {
                        let from = source + (firstLine + line + i) * lineStride + 2 * pair
                        round(from, depth - 2 * pair, length, to: room + i * chunk)
                    }
                    var k = 0
                    while k < length {
                        cr_transpose_8x4_float(room + k, chunk, base + (pair + k) * slots + line, slots)
                        k += 4
                    }
                    pair += length
                }
                line += 8
            }
        }
    }

    /// Some pairs of one line, of which `left` elements are there.
    @inline(__always)
    private func round(_ from: UnsafePointer<Float>, _ left: Int, _ length: Int, to: UnsafeMutablePointer<Float>) {
        var i = 0
        while i < length {
            let low = left - 2 * i < 16 ? left - 2 * i : 16
            let high = left - 2 * i < 32 ? left - 2 * i - low : 16
            let (first, second) = (cr_load_floats(from + 2 * i, low), cr_load_floats(from + 2 * i + 16, high))
            cr_store_all_floats(to + i, cr_pair_neighbours(first, second))
            i += 16
        }
        if left < 2 * length {
            let last = to + (length - 1)
            last.pointee = Float(bitPattern: last.pointee.bitPattern | padding)
        }
    }

    /// Pairs lie one row under the other in the source.
    @inline(never)
    func interleave(_ firstPair: Int, _ firstGroup: Int, _ depthStride: Int) {
        let pad = Floats(repeating: Float(bitPattern: padding << 16))
        for pair in firstPair..<endPair {
            let row = source + 2 * pair * depthStride
            let isWhole = 2 * pair + 1 < depth
            for group in firstGroup..<endGroup {
                let slots = groups.slots(group)
                let to = target + groups.firstSlot(group) * height + pair * slots
                var line = groups.firstLine(group)
                var slot = 0
                while slot < slots {
                    let left = lines - line
                    let count = left < 16 ? (left > 0 ? left : 0) : 16
                    let first = cr_load_floats(row + line, count)
                    let second = isWhole ? cr_load_floats(row + depthStride + line, count) : pad
                    cr_store_floats(to + slot, cr_pair(first, second), slots - slot < 16 ? 8 : 16)
                    slot += 16
                    line += 16
                }
            }
        }
    }
}
