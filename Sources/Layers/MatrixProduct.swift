// Matrix products in a program. They stay whole until the plan has fused what follows them into their
// last store, then become the steps that KernelDispatch's plan makes of them.

import KernelDispatch
import KernelInterface
import Tensors

extension Program {
    /// c[m x n] = a . b (+ bias), dense and row-major; `transposeA` and `transposeB` mean that the
    /// arrays hold the transposes. `columnSums` receives the sums of b's columns.
    public func matrixProduct(
        m: Int, n: Int, k: Int, a: Value, transposeA: Bool = false, b: Value, transposeB: Bool = false, into c: Value,
        bias: Value? = nil, columnSums: Value? = nil
    ) {
        let problem = MatrixMultiplyProblem(
            m: m, n: n, k: k, transposedA: transposeA, transposedB: transposeB, isDouble: isDouble)
        matrixProduct(problem, a: a, b: b, into: c, bias: bias, columnSums: columnSums)
    }

    public func matrixProduct(
        _ problem: MatrixMultiplyProblem, a: Value, aOffset: Int = 0, b: Value, bOffset: Int = 0, into c: Value,
        bias: Value? = nil, columnSums: Value? = nil, space: Value? = nil
    ) {
        var problem = problem
        problem.hasBias = bias != nil
        problem.hasColumnSums = columnSums != nil
        var operands = [
            Operand(role: .a, a, .read, byteOffset: aOffset * elementSize),
            Operand(role: .b, b, .read, byteOffset: bOffset * elementSize), Operand(role: .c, c, .write),
        ]
        // What is added to is read too: nothing may take it before.
        if problem.accumulate { operands.append(Operand(role: .c, c, .read)) }
        if let bias { operands.append(Operand(role: .bias, bias, .read)) }
        if let columnSums { operands.append(Operand(role: .columnSums, columnSums, .write)) }
        if let space { operands.append(Operand(role: .space, space, .read)) }
        append(Operation(.matrixProduct(problem), operands))
    }

    /// Makes a product one of rounded operands. The sums of B's columns are not products: they are taken beforehand.
    func round(_ operation: inout Operation, _ problem: MatrixMultiplyProblem) {
        var problem = problem
        problem.roundsOperands = true
        func operand(_ role: MatrixMultiplyPlan.Role) -> Operand? { operation.operands.first { $0.slot == role.rawValue } }
        if problem.hasColumnSums, let b = operand(.b), let sums = operand(.columnSums) {
            problem.hasColumnSums = false
            let first = operations.count
            sum(b.value, [problem.k, problem.n], over: [0], into: sums.value)
            for index in first..<operations.count {
                for place in operations[index].operands.indices {
                    let value = operations[index].operands[place].value
                    if value == b.value { operations[index].operands[place].byteOffset = b.byteOffset }
                    if value == sums.value { operations[index].operands[place].byteOffset = sums.byteOffset }
                }
            }
        }
        operation.work = .matrixProduct(problem)
    }

    /// Products of this many rows with a weight pay for its packed copy. Where operands are rounded any number does: to
    /// round a weight takes longer than to multiply it by a row.
    private static let rowsForPacking = 65

    /// A product's second matrix, if it is a weight that is kept packed.
    private func packedWeight(_ operation: Operation, _ problem: MatrixMultiplyProblem) -> Value? {
        guard keeper != nil, problem.roundsOperands || problem.m >= Program.rowsForPacking,
            let b = operation.operands.first(where: { $0.slot == MatrixMultiplyPlan.Role.b.rawValue }), b.byteOffset == 0,
            case .block(.parameters, _) = values[root(b.value).index].home, MatrixMultiplyPlan.packing(problem) != nil
        else { return nil }
        // The same for all numbers of rows.
        var many = MatrixMultiplyProblem(m: 1024, n: problem.n, k: problem.k, isDouble: isDouble)
        many.roundsOperands = problem.roundsOperands
        guard let packing = MatrixMultiplyPlan.packing(many) else { return nil }
        let packed = value(bytes: packing.bytes)
        return keep(Operation(packing.step, packs: b.value, into: packed), [:]) ? packed : nil
    }

    /// The plan of a product whose operand, an array of the caller, is turned round by a first step of its own.
    private func turningPlan(
        _ operation: Operation, _ problem: MatrixMultiplyProblem, _ role: MatrixMultiplyPlan.Role, _ kernels: KernelSet
    ) -> MatrixMultiplyPlan? {
        guard turnsInputs, operation.phase == .forward, let operand = operation.operands.first(where: { $0.slot == role.rawValue }),
            case .external = values[root(operand.value).index].home
        else { return nil }
        let plan = MatrixMultiplyPlan(problem, kernels: kernels, packing: .shared)
        return plan.steps.count == 2 && plan.workspaceBytes <= 1 << 20 ? plan : nil
    }

    /// Replaces whole products by their steps.
    public func lowerMatrixProducts(_ kernels: KernelSet) {
        var lowered: [Operation] = []
        var onInputs: [Operation] = []
        for operation in operations {
            guard case .matrixProduct(let problem) = operation.work else {
                lowered.append(operation)
                continue
            }
            let packed = packedWeight(operation, problem)
            var plan = MatrixMultiplyPlan(problem, kernels: kernels, packing: packed == nil ? .automatic : .prepared)
            let turning = plan.turned.flatMap { turningPlan(operation, problem, $0, kernels) }
            if let turning { plan = turning }
            // Memory of the product's own, and whether it is written yet.
            func room(_ bytes: Int, _ isPacked: Bool) -> (value: Value, isWritten: Bool)? {
                if let packed, isPacked { return (packed, true) }
                return bytes > 0 ? (value(bytes: bytes), false) : nil
            }
            var workspace = room(plan.workspaceBytes, !problem.roundsOperands)
            var roundedA = room(plan.roundedBytes.a, false)
            var roundedB = room(plan.roundedBytes.b, problem.roundsOperands)
            if turning != nil, let workspace { values[workspace.value.index].isPinned = true }
            for (number, step) in plan.steps.enumerated() {
                var operands: [Operand] = []
                func add(_ slot: Int, _ room: inout (value: Value, isWritten: Bool)?) {
                    guard let value = room?.value else { return }
                    operands.append(Operand(slot, value, room?.isWritten == true ? .read : .write))
                    room?.isWritten = true
                }
                for (role, slot) in step.operandSlots {
                    switch role {
                    case .workspace: add(slot, &workspace)
                    case .roundedA: add(slot, &roundedA)
                    case .roundedB: add(slot, &roundedB)
                    default:
                        guard var operand = operation.operands.first(where: { $0.slot == role.rawValue }) else { continue }
                        operand.slot = slot
                        operands.append(operand)
                    }
                }
                var one = Operation(.kernel(step.kernel, step.call), operands, pieces: step.pieces, cost: step.cost)
                one.node = operation.node
                one.phase = operation.phase
                if turning != nil && number == 0 {
                    one.phase = .inputs
                    onInputs.append(one)
                } else {
                    lowered.append(one)
                }
            }
        }
        let recalls = lowered.prefix { $0.phase == .recall }.count
        lowered.insert(contentsOf: onInputs, at: recalls)
        operations = lowered
    }
}

extension Operation {
    /// The step that packs a product's second matrix.
    init(_ step: MatrixMultiplyPlan.Step, packs matrix: Value, into packed: Value) {
        let operands = step.operandSlots.map { role, slot in
            role == .workspace ? Operand(slot, packed, .write) : Operand(slot, matrix, .read)
        }
        self.init(.kernel(step.kernel, step.call), operands, pieces: step.pieces, cost: step.cost)
    }
}

extension Operand {
    /// An operand of a whole product: the slot is the role.
    public init(role: MatrixMultiplyPlan.Role, _ value: Value, _ access: Access, byteOffset: Int = 0) {
        self.init(role.rawValue, value, access, byteOffset: byteOffset)
    }
}
