// A matrix product whose operands are rounded to bfloat16 first. Products of two such numbers are exact in
// float32, and are summed as those of the ordinary product are: a chain of FMAs over each block of k. Where the CPU
// multiplies pairs (AVX-512 BF16), both operands are packed in pairs of k and the tile is that of KernelsBF16;
// elsewhere, and where a matrix is too small to gain by it, rounded copies are multiplied by the ordinary kernels.
// The bits are the same, denormal numbers counting as zeros everywhere.

import KernelInterface

struct RoundedProduct {
    typealias Step = MatrixMultiplyPlan.Step
    typealias Role = MatrixMultiplyPlan.Role

    private(set) var p: MatrixMultiplyProblem
    private let tile: TileSizes
    private let multipliesPairs: Bool

    init(_ problem: MatrixMultiplyProblem, _ kernels: KernelSet) {
        p = problem
        tile = kernels.tileSizes
        multipliesPairs = kernels.multipliesPairs
        // A batch whose rows of A and C follow each other is one taller matrix.
        if p.batchCount > 1 && p.bBatchStride == 0 && p.aColumnStride == 1 && p.aBatchStride == p.m * p.aRowStride
            && p.cBatchStride == p.m * p.cRowStride && p.savedRowStride == p.cRowStride
        {
            p.m *= p.batchCount
            p.batchCount = 1
        }
        if p.batchCount == 1 { (p.aBatchStride, p.bBatchStride, p.cBatchStride) = (0, 0, 0) }
    }

    /// Whatever the number of rows, so that weights can be prepared for all of them.
    private var usesPairs: Bool { multipliesPairs && p.n >= 16 && p.k >= 16 && !p.accumulate && !p.biasOfRows }

    /// - isPrepared: `packing` has been run.
    func plan(isPrepared: Bool) -> MatrixMultiplyPlan {
        usesPairs ? pairPlan(isPrepared: isPrepared) : copiedPlan(isPrepared: isPrepared)
    }

    /// What prepares B, for a batch of one.
    var packing: (step: Step, bytes: Int) {
        let (step, bytes) = usesPairs ? packPairs(.b) : copy(.b)
        let slots: [(role: Role, slot: Int)] = [(.b, 0), (.workspace, 1)]
        return (Step(kernel: step.kernel, call: step.call, operandSlots: slots, pieces: step.pieces, cost: step.cost), bytes)
    }

    // MARK: - rounded copies

    @_optimize(size)
    private func copiedPlan(isPrepared: Bool) -> MatrixMultiplyPlan {
        let a = copy(.a)
        let b = copy(.b)
        var dense = p
        (dense.aRowStride, dense.aColumnStride) = p.aColumnStride == 1 ? (p.k, 1) : (1, p.m)
        (dense.bRowStride, dense.bColumnStride) = p.bColumnStride == 1 ? (p.n, 1) : (1, p.k)
        if p.aBatchStride != 0 { dense.aBatchStride = p.m * p.k }
        if p.bBatchStride != 0 { dense.bBatchStride = p.k * p.n }
        let layout = MatrixMultiplyLayout(dense, tile: tile, packing: .automatic, packRows: nil, pieces: nil)
        var plan = MatrixMultiplyPlan()
        plan.workspaceBytes = layout.workspaceBytes
        plan.roundedBytes = (a.bytes, b.bytes)
        plan.steps = isPrepared ? [a.step] : [a.step, b.step]
        var narrow = MatrixMultiplyPlan.narrowStep(dense)
        narrow?.call.integers[MatrixMultiplySlot.flags] |= MatrixMultiplyFlags.flushes
        for step in narrow.map({ [$0] }) ?? layout.steps {
            let slots = step.operandSlots.map { role, slot in
                (role: role == .a ? Role.roundedA : role == .b ? .roundedB : role, slot: slot)
            }
            let kernel = step.kernel == .matrixMultiply ? KernelName.multiplyRounded : step.kernel
            plan.steps.append(
                Step(kernel: kernel, call: step.call, operandSlots: slots, pieces: step.pieces, cost: step.cost))
        }
        return plan
    }

    @_optimize(size)
    private func copy(_ role: Role) -> (step: Step, bytes: Int) {
        let isA = role == .a
        let isAlongK = isA ? p.aColumnStride == 1 : p.bColumnStride != 1
        let other = isA ? p.m : p.n
        let lines = isAlongK ? other : p.k
        let length = isAlongK ? p.k : other
        var call = KernelCall()
        call.integers[0] = lines
        call.integers[1] = length
        call.integers[2] = isA ? (isAlongK ? p.aRowStride : p.aColumnStride) : (isAlongK ? p.bColumnStride : p.bRowStride)
        call.integers[3] = isA ? p.aBatchStride : p.bBatchStride
        let perPiece = max(1, 2 * elementsPerPiece / length)
        call.integers[4] = perPiece
        let count = call.integers[3] == 0 ? 1 : p.batchCount
        let step = Step(
            kernel: .roundMatrix, call: call, operandSlots: [(role, 0), (isA ? .roundedA : .roundedB, 1)],
            pieces: (lines + perPiece - 1) / perPiece * count, cost: Double(lines * length * count) / 10)
        return (step, count * lines * length * 4)
    }
}
