// The steps of a convolution by Winograd's algorithm (Kernels/Winograd.swift), in a plan of matrix products: the
// weights' values at the points, then everything else.

import KernelInterface

extension MatrixMultiplyPlan {
    mutating func planWinograd(_ problem: MatrixMultiplyProblem) {
        let channels = problem.k / 9
        workspaceBytes = Winograd.points * Winograd.weightStep(outputs: problem.m, channels: channels) * 4
        var filters = KernelCall()
        filters.integers[0] = problem.m
        filters.integers[1] = channels
        steps.append(
            Step(
                kernel: .winogradFilters, call: filters, operandSlots: [(.a, 0), (.workspace, 6)], pieces: (problem.m + 15) / 16,
                cost: Double(problem.m * channels) * 4))
        steps.append(winogradForward(problem))
    }

    private func winogradForward(_ problem: MatrixMultiplyProblem) -> Step {
        typealias Flags = MatrixMultiplyFlags
        let outputs = Winograd.part(problem.m, most: Winograd.outputs)
        let parts = (problem.m + outputs - 1) / outputs
        var call = KernelCall()
        call.integers[0] = problem.m
        call.integers[1] = outputs
        call.integers[2] = parts
        var slots: [(role: Role, slot: Int)] = [(.b, 1), (.c, 2), (.workspace, 6), (.space, 7)]
        if problem.hasBias { slots.append((.bias, 3)) }
        if let eps = problem.normEps {
            slots += [(.mean, 8), (.variance, 9), (.normWeight, 10), (.normBias, 11)]
            call.scalars[2] = eps
        }
        (call.integers[15], call.scalars[0], call.scalars[1]) = problem.epilogue.encoded
        if call.integers[15] & (Flags.reluGradient | Flags.backwardFunction) != 0 { slots.append((.saved, 5)) }
        return Step(
            kernel: .winogradForward, call: call, operandSlots: slots,
            pieces: (problem.winogradTiles + Winograd.tiles - 1) / Winograd.tiles * parts,
            cost: Double(problem.winogradTiles) * Double(problem.m) * Double(problem.k) * 16 / 150)
    }
}
