// The plan of a product on a CPU that multiplies pairs of bfloat16 (KernelsBF16): packing A, packing B, and the
// product, in pieces whose number depends on the shape alone.

import KernelInterface

extension RoundedProduct {
    private var pairs: Int { (p.k + 1) / 2 }

    @_optimize(size)
    func pairPlan(isPrepared: Bool) -> MatrixMultiplyPlan {
        typealias Slot = MultiplyPairsSlot
        typealias Pointers = MatrixMultiplySlot
        typealias Flags = MatrixMultiplyFlags
        let a = packPairs(.a)
        let b = packPairs(.b)
        let groups = PairGroups(rows: p.m)
        let panels = PairGroups(columns: p.n).count
        let nanoseconds = Double(p.batchCount) * (50 + 2 * Double(p.m) * Double(p.n) * Double(p.k) / 200)
        // A block of 256 columns stays in the second-level cache; halved until there is a piece for each of some threads.
        var rowGroups = 16
        var columnGroups = 8
        func count() -> Int {
            (groups.count + rowGroups - 1) / rowGroups * ((panels + columnGroups - 1) / columnGroups) * p.batchCount
        }
        while nanoseconds > 20_000 && count() < 8 && (rowGroups > 2 || columnGroups > 2) {
            if rowGroups > columnGroups { rowGroups /= 2 } else { columnGroups /= 2 }
        }
        var call = KernelCall()
        call.integers[Slot.rows] = p.m
        call.integers[Slot.columns] = p.n
        call.integers[Slot.pairs] = pairs
        call.integers[Slot.blockPairs] = MatrixMultiplyPlan.blockLength(depth: p.k, isDouble: false) / 2
        call.integers[Slot.cRow] = p.cRowStride
        call.integers[Slot.savedRow] = p.savedRowStride
        call.integers[Slot.aBatch] = p.aBatchStride == 0 ? 0 : groups.firstSlot(groups.count) * pairRows(pairs)
        call.integers[Slot.bBatch] = p.bBatchStride == 0 ? 0 : panels * 32 * pairRows(pairs)
        call.integers[Slot.cBatch] = p.cBatchStride
        call.integers[Slot.groups] = groups.bits
        call.integers[Slot.rowGroupsPerPiece] = rowGroups
        call.integers[Slot.columnGroupsPerPiece] = columnGroups
        var slots: [(role: Role, slot: Int)] = [(.roundedA, Pointers.a), (.roundedB, Pointers.b), (.c, Pointers.c)]
        if p.hasBias {
            call.integers[Slot.flags] |= Flags.bias
            slots.append((.bias, Pointers.bias))
        }
        // relu and its derivative; no other function is fused into such a product (Graph/Fusion.swift).
        call.integers[Slot.flags] |= p.epilogue.encoded.flags
        if call.integers[Slot.flags] & Flags.reluGradient != 0 { slots.append((.saved, Pointers.saved)) }
        var plan = MatrixMultiplyPlan()
        plan.roundedBytes = (a.bytes, b.bytes)
        plan.steps = isPrepared ? [a.step] : [a.step, b.step]
        plan.steps.append(Step(kernel: .multiplyPairs, call: call, operandSlots: slots, pieces: count(), cost: nanoseconds))
        return plan
    }

    @_optimize(size)
    func packPairs(_ role: Role) -> (step: Step, bytes: Int) {
        typealias Slot = PackPairsSlot
        let isA = role == .a
        let lines = isA ? p.m : p.n
        let groups = isA ? PairGroups(rows: lines) : PairGroups(columns: lines)
        let isAlongK = isA ? p.aColumnStride == 1 : p.bColumnStride != 1
        var call = KernelCall()
        call.integers[Slot.lines] = lines
        call.integers[Slot.depth] = p.k
        call.integers[Slot.lineStride] = isAlongK ? (isA ? p.aRowStride : p.bColumnStride) : 1
        call.integers[Slot.depthStride] = isAlongK ? 1 : isA ? p.aColumnStride : p.bRowStride
        call.integers[Slot.batch] = isA ? p.aBatchStride : p.bBatchStride
        call.integers[Slot.groups] = groups.bits
        call.integers[Slot.padding] = isA ? 0x8000 : 0
        // Along k some lines at a time, across it some rows.
        let pairsPerPiece = isAlongK ? 256 : 16
        let groupsPerPiece = isAlongK ? 4 : max(1, (32 << 10) / (32 * pairsPerPiece))
        call.integers[Slot.pairsPerPiece] = pairsPerPiece
        call.integers[Slot.groupsPerPiece] = groupsPerPiece
        let count = call.integers[Slot.batch] == 0 ? 1 : p.batchCount
        let step = Step(
            kernel: .packPairs, call: call, operandSlots: [(role, 0), (isA ? .roundedA : .roundedB, 1)],
            pieces: count * ((pairs + pairsPerPiece - 1) / pairsPerPiece)
                * ((groups.count + groupsPerPiece - 1) / groupsPerPiece),
            cost: Double(count * lines * p.k) / 8)
        return (step, count * groups.firstSlot(groups.count) * pairRows(pairs) * 4)
    }
}
