// A small batch through a large weight: the blocks of k are multiplied apart, each into a matrix of its own, and then added
// up. The rows of the weight that make a block are a run of memory, as the pieces of the optimizer's pass are; so with two
// threads each multiplies by the rows that it updates. Cut at columns or at the batch, half of the weight would change cores
// twice a step, which can take longer than all arithmetic. A single sample through a weight that comes from memory goes the
// same way, for its own reason: rows of whole length are what the CPU fetches fastest. Bits are those of a product in one go,
// which sums over k in the same blocks.

import KernelInterface

extension MatrixMultiplyPlan {
    private static let rowsPerPiece = 32
    /// Weights with rows of so many bytes and more are cut at columns.
    private static let wideRow = 4096

    /// The two steps, where that pays.
    static func splitPlan(_ problem: MatrixMultiplyProblem, _ kernels: KernelSet) -> MatrixMultiplyPlan? {
        let size = problem.isDouble ? 8 : 4
        let length = blockLength(depth: problem.k, isDouble: problem.isDouble)
        let blocks = problem.k / length
        let weight = problem.k * problem.n * size
        let isSmallBatch =
            problem.m >= 8 && 2 * problem.m <= problem.k && problem.m * problem.n * problem.k >= 2_000_000 && weight >= 128 << 10
            && weight <= 2 << 20 && problem.n * size < wideRow
        let isStream = problem.m == 1 && weight >= 4 << 20 && problem.bRowStride == problem.n
        guard (2...4).contains(blocks), problem.k % length == 0, problem.batchCount == 1, isSmallBatch || isStream,
            problem.aColumnStride == 1, problem.bColumnStride == 1, problem.cRowStride == problem.n, !problem.gathersB,
            !problem.biasOfRows, !problem.accumulate, !problem.hasColumnSums
        else { return nil }
        switch problem.epilogue {
        case .none, .forward: break
        case .backward: return nil
        }
        var parts = problem
        parts.k = length
        parts.batchCount = blocks
        parts.aBatchStride = length * problem.aColumnStride
        parts.bBatchStride = length * problem.bRowStride
        parts.cBatchStride = problem.m * problem.n
        parts.hasBias = false
        parts.epilogue = .none
        let layout = MatrixMultiplyLayout(parts, tile: kernels.tileSizes, packing: .automatic, packRows: nil, pieces: nil)
        guard layout.workspaceBytes == 0, layout.steps.count == 1 else { return nil }
        let product = layout.steps[0]
        var plan = MatrixMultiplyPlan()
        plan.workspaceBytes = blocks * problem.m * problem.n * size
        plan.steps = [
            Step(
                kernel: product.kernel, call: product.call,
                operandSlots: product.operandSlots.map { $0.role == .c ? (.workspace, $0.slot) : $0 }, pieces: product.pieces,
                cost: product.cost),
            sumStep(problem, blocks),
        ]
        return plan
    }

    private static func sumStep(_ problem: MatrixMultiplyProblem, _ blocks: Int) -> Step {
        typealias Slot = MatrixMultiplySlot
        let epilogue = problem.epilogue.encoded
        var call = KernelCall()
        call.isDouble = problem.isDouble
        call.integers[Slot.rows] = problem.m
        call.integers[Slot.columns] = problem.n
        call.integers[Slot.depth] = blocks
        call.integers[Slot.pieceShape] = rowsPerPiece
        call.integers[Slot.flags] = epilogue.flags | (problem.hasBias ? MatrixMultiplyFlags.bias : 0)
        call.scalars[Slot.functionA] = epilogue.a
        call.scalars[Slot.functionB] = epilogue.b
        var slots: [(role: Role, slot: Int)] = [(.workspace, Slot.workspace), (.c, Slot.c)]
        if problem.hasBias { slots.append((.bias, Slot.bias)) }
        return Step(
            kernel: .sumBlocks, call: call, operandSlots: slots, pieces: (problem.m + rowsPerPiece - 1) / rowsPerPiece,
            cost: Double(problem.m * problem.n * blocks) * 0.1)
    }
}
