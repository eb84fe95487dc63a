// A product of the forward pass that the update of the step before can compute: the input times a weight,
// while the update has the weight in registers (Kernels/ProductDescent.swift). A plan that has one runs
// phase `recall` or phase `first`, then the rest of the forward pass.

import KernelDispatch
import KernelInterface
import Layers

/// A product of one row of an input with a weight that lies as the update reads it.
public struct ForeseenProduct {
    /// The input's number.
    public let input: Int
    public let problem: MatrixMultiplyProblem
    /// Byte offsets in the block of parameters.
    public let weight: Int
    public let bias: Int?

    public init?(_ operation: Operation, in program: Program) {
        guard operation.phase == .forward, case .matrixProduct(let problem) = operation.work, problem.m == 1, !problem.accumulate,
            !problem.roundsOperands, problem.batchCount == 1, !problem.gathersB, !problem.biasOfRows, !problem.hasColumnSums,
            problem.aColumnStride == 1, problem.bColumnStride == 1, problem.bRowStride == problem.n
        else { return nil }
        func home(_ role: MatrixMultiplyPlan.Role) -> Home? {
            guard let operand = operation.operands.first(where: { $0.slot == role.rawValue }), operand.byteOffset == 0 else { return nil }
            return program.values[program.root(operand.value).index].home
        }
        guard case .external(let input) = home(.a), case .block(.parameters, let weight) = home(.b) else { return nil }
        if problem.hasBias {
            guard case .block(.parameters, let offset) = home(.bias) else { return nil }
            bias = offset
        } else {
            bias = nil
        }
        self.input = input
        self.problem = problem
        self.weight = weight
    }
}

extension Program {
    /// Moves the foreseen product to the front, and in front of it what takes its place.
    func separateForeseen() {
        guard let foreseen, let index = operations.firstIndex(where: { ForeseenProduct($0, in: self)?.weight == foreseen.weight }),
            case .matrixProduct(let problem) = operations[index].work,
            let result = operations[index].operands.first(where: { $0.slot == MatrixMultiplyPlan.Role.c.rawValue })?.value
        else { return }
        var product = operations.remove(at: index)
        product.phase = .first
        phase = .recall
        node = product.node
        // What was fused into the product's last store is applied to its result.
        if case .forward(let function, let a, let b) = problem.epilogue {
            unary(function, (a, b), from: foreseen.result, into: result, count: problem.n)
        } else {
            unary(.identity, (0, 0), from: foreseen.result, into: result, count: problem.n)
        }
        let recall = operations.removeLast()
        operations.insert(contentsOf: [recall, product], at: 0)
    }
}
