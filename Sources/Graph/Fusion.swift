// Elementwise functions right behind a matrix product become part of its last store, so that the
// product's result passes through the cache once: activations forward, their derivatives backward, and batch norm
// where it is a function of the element alone.

import KernelDispatch
import KernelInterface
import Layers

extension Program {
    /// Merges what can be; results don't change by a bit.
    public func fuse() {
        readTransposed()
        var readers: [Int: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            for operand in operation.operands where operand.access == .read {
                readers[root(operand.value).index, default: []].append(index)
            }
        }
        var removed = Set<Int>()
        for index in operations.indices {
            mergeNorm(index, readers, &removed)
            guard case .matrixProduct(let problem) = operations[index].work, case .none = problem.epilogue, !problem.accumulate,
                let product = operations[index].operands.first(where: { $0.slot == MatrixMultiplyPlan.Role.c.rawValue }),
                values[product.value.index].home == .arena, !values[product.value.index].isPinned,
                let users = readers[product.value.index], users.count == 1, let user = users.first, user > index,
                case .kernel(let kernel, let call) = operations[user].work
            else { continue }
            merge(index, problem, user, kernel, call, product.value, &removed)
        }
        operations = operations.indices.filter { !removed.contains($0) }.map { operations[$0] }
    }

    /// Batch norm with its running moments, right behind a convolution whose kernel can apply it.
    private func mergeNorm(_ index: Int, _ readers: [Int: [Int]], _ removed: inout Set<Int>) {
        guard case .matrixProduct(var problem) = operations[index].work, problem.winogradTiles > 0, case .none = problem.epilogue,
            let product = operations[index].operands.first(where: { $0.slot == MatrixMultiplyPlan.Role.c.rawValue })?.value,
            values[product.index].home == .arena, !values[product.index].isPinned, let users = readers[product.index],
            users.count == 1, let user = users.first, user > index, case .kernel(.normForward, let call) = operations[user].work,
            call.integers[1] == problem.batchCount, call.integers[2] == problem.n, call.integers[4] == problem.n,
            call.integers[5] == problem.m, call.integers[6] == 1, call.integers[9] == 1
        else { return }
        let operands = operations[user].operands
        // Its moments are given, and nobody wants them from it.
        guard let result = operands.first(where: { $0.slot == 1 }), operands.contains(where: { $0.slot == 6 }),
            operands.allSatisfy({ $0.access == .read || $0.slot == 1 || readers[root($0.value).index] == nil })
        else { return }
        problem.normEps = call.scalars[0]
        replace(index, with: problem, result: result.value, saved: nil)
        let roles: [(slot: Int, role: MatrixMultiplyPlan.Role)] = [(6, .mean), (7, .variance), (2, .normWeight), (3, .normBias)]
        for (slot, role) in roles {
            guard let operand = operands.first(where: { $0.slot == slot }) else { continue }
            operations[index].operands.append(Operand(role: role, operand.value, .read))
        }
        removed.insert(user)
    }

    private func merge(
        _ index: Int, _ problem: MatrixMultiplyProblem, _ user: Int, _ kernel: KernelName, _ call: KernelCall,
        _ product: Value, _ removed: inout Set<Int>
    ) {
        let operands = operations[user].operands
        guard let function = UnaryFunction(rawValue: call.integers[0]) else { return }
        // Rounded operands: other functions than these do not count denormal numbers as zeros.
        if problem.roundsOperands && function != .relu && function != .identity { return }
        var problem = problem
        if kernel == .unaryForward, let result = operands.first(where: { $0.slot == 1 }) {
            problem.epilogue = .forward(function, call.scalars[0], call.scalars[1])
            replace(index, with: problem, result: result.value, saved: nil)
        } else if kernel == .unaryBackward, let saved = operands.first(where: { $0.slot == 1 }),
            let result = operands.first(where: { $0.slot == 2 }), root(operands[0].value) == root(product),
            operations[..<index].contains(where: { $0.writes(root(saved.value), in: self) })
        {
            problem.epilogue = .backward(function, call.scalars[0], call.scalars[1])
            replace(index, with: problem, result: result.value, saved: saved.value)
        } else {
            return
        }
        removed.insert(user)
    }

    private func replace(_ index: Int, with problem: MatrixMultiplyProblem, result: Value, saved: Value?) {
        operations[index].work = .matrixProduct(problem)
        for place in operations[index].operands.indices where operations[index].operands[place].slot == MatrixMultiplyPlan.Role.c.rawValue {
            operations[index].operands[place].value = result
        }
        if let saved { operations[index].operands.append(Operand(role: .saved, saved, .read)) }
    }
}

extension Operation {
    func writes(_ value: Value, in program: Program) -> Bool {
        operands.contains { $0.access == .write && program.root($0.value) == value }
    }
}
