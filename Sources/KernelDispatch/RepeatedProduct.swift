// A matrix product that another kernel runs many times with the same B (a recurrent layer's states
// times its weight, at every time step): how it is called, and how B is packed once for all of them.

import KernelInterface

public struct RepeatedProduct {
    /// The kernel's call (`matrixMultiply`): pointers are nil, integers may get fewer rows than m.
    public let call: KernelCall
    /// Columns of C in turn; all rows are in each.
    public let pieces: Int
    /// What packs B, and the bytes it writes; nil where B is read as it lies.
    public let packing: (step: MatrixMultiplyPlan.Step, bytes: Int)?

    /// - times: how many products there will be.
    public init(_ problem: MatrixMultiplyProblem, times: Int, kernels: KernelSet = .current) {
        var problem = problem
        // One column would be turned into a row, and rows could not be left out.
        problem.savedRowStride = problem.n + 1
        let distance = problem.bRowStride * (problem.isDouble ? 8 : 4)
        let isPacked = problem.bColumnStride != 1
            || MatrixMultiplyLayout.packs(rows: problem.m * times, distance: distance, kernels.tileSizes)
        let layout = MatrixMultiplyLayout(
            problem, tile: kernels.tileSizes, packing: isPacked ? .prepared : .never, packRows: nil, pieces: 1)
        let step = layout.steps[0]
        call = step.call
        pieces = step.pieces
        packing = isPacked ? layout.packing : nil
    }
}
