// Elementwise functions right behind a matrix product become part of its last store, so that the
// product's result passes through the cache once: activations forward, their derivatives backward.

import KernelDispatch
import KernelInterface
import Layers

extension Program {
    /// Merges what can be; results don't change by a bit.
    public func fuse() {
        var readers: [Int: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            for operand in operation.operands where operand.access == .read {
                readers[root(operand.value).index, default: []].append(index)
            }
        }
        var removed = Set<Int>()
        for index in operations.indices {
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

    private func merge(
        _ index: Int, _ problem: MatrixMultiplyProblem, _ user: Int, _ kernel: KernelName, _ call: KernelCall,
        _ product: Value, _ removed: inout Set<Int>
    ) {
        let operands = operations[user].operands
        guard let function = UnaryFunction(rawValue: call.integers[0]) else { return }
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
