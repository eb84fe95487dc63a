// A transpose in front of a matrix product (x @ w.T) is no copy: the product reads the matrix itself, rows for columns.

import KernelDispatch
import KernelInterface
import Layers

extension Program {
    /// Takes away the copies that nothing but products read.
    func readTransposed() {
        var removed = Set<Int>()
        for copy in operations.indices {
            guard let (rows, columns) = operations[copy].transposes else { continue }
            let source = operations[copy].operands[0].value
            let result = root(operations[copy].operands[1].value)
            guard values[result.index].home == .arena, !values[result.index].isPinned, isGiven(source) else { continue }
            var changed: [(index: Int, operation: Operation)] = []
            let isOnlyMultiplied = operations.indices.dropFirst(copy + 1).allSatisfy { index in
                // What is copied must still be there.
                guard !operations[index].writes(root(source), in: self) else { return false }
                guard operations[index].operands.contains(where: { root($0.value) == result }) else { return true }
                guard let product = operations[index].reading(source, for: result, rows, columns, in: self) else { return false }
                changed.append((index, product))
                return true
            }
            // More products would each pack what was turned round once.
            guard isOnlyMultiplied, 1...2 ~= changed.count else { continue }
            for (index, product) in changed { operations[index] = product }
            removed.insert(copy)
        }
        operations = operations.indices.filter { !removed.contains($0) }.map { operations[$0] }
    }

    /// Whether it is the caller's array or something computed: a parameter may lie packed.
    private func isGiven(_ value: Value) -> Bool {
        switch values[root(value).index].home {
        case .arena, .external: true
        default: false
        }
    }
}

extension Operation {
    /// The same product, of `source` instead of its transpose `result`; nil if there is none.
    fileprivate func reading(_ source: Value, for result: Value, _ rows: Int, _ columns: Int, in program: Program) -> Operation? {
        guard case .matrixProduct(var problem) = work, !problem.gathersB, problem.winogradTiles == 0, !problem.hasColumnSums
        else { return nil }
        var changed = self
        for place in operands.indices where program.root(operands[place].value) == result {
            guard let role = MatrixMultiplyPlan.Role(rawValue: operands[place].slot), operands[place].byteOffset == 0,
                problem.turn(role, rows: rows, columns: columns)
            else { return nil }
            changed.operands[place].value = source
        }
        changed.work = .matrixProduct(problem)
        return changed
    }
}

extension MatrixMultiplyProblem {
    /// Takes an operand to be the transpose of the dense matrix that it was; false if it is another one.
    fileprivate mutating func turn(_ role: MatrixMultiplyPlan.Role, rows: Int, columns: Int) -> Bool {
        // Other rows that share a matrix would no longer be one taller matrix.
        guard batchCount == 1 || (aBatchStride == m * k && bBatchStride == k * n) else { return false }
        switch role {
        case .a:
            guard Self.turn(&aRowStride, &aColumnStride, m, k, rows, columns) else { return false }
        case .b:
            guard Self.turn(&bRowStride, &bColumnStride, k, n, rows, columns) else { return false }
        default: return false
        }
        return true
    }

    private static func turn(
        _ rowStride: inout Int, _ columnStride: inout Int, _ down: Int, _ across: Int, _ rows: Int, _ columns: Int
    ) -> Bool {
        switch (rowStride, columnStride) {
        case (across, 1) where rows == down && columns == across: (rowStride, columnStride) = (1, down)
        case (1, down) where rows == across && columns == down: (rowStride, columnStride) = (across, 1)
        default: return false
        }
        return true
    }
}
