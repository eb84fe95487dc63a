// Small batches and plain gradient descent: large weights are updated straight from the two arrays
// whose product their gradient is, in one pass over the weight (Kernels/ProductDescent.swift). The
// promise that the parameters stay finite is kept by looking at the two arrays first: their norms bound
// the elements of the product, which must be below the limit of UpdateLimits.swift. If they may not be,
// the trainer takes the long way, with the gradient stored and looked at.

import Graph
import KernelDispatch
import KernelInterface
import Layers
import Optimizers
import Tensors

extension Program {
    /// Takes the products that are gradients of large weights out of the backward pass and appends the
    /// phases check and update for all parameters. False, and nothing changed, if there are none.
    /// - nextSample: the number of the caller's array that the next step reads as its input.
    func updateDirectly(_ update: Update, trainableBytes: Int, nextSample: Int) -> Bool {
        guard let kernel = update.productKernel, let programs = update.programs, let run = programs.layout.single else { return false }
        var direct: [DirectProduct] = []
        operations.removeAll { operation in
            guard let product = DirectProduct(operation, in: self) else { return false }
            direct.append(product)
            return true
        }
        guard !direct.isEmpty else { return false }
        let rest = DirectProduct.gaps(direct, elementSize: elementSize, in: trainableBytes)

        phase = .check
        let count = direct.count + rest.reduce(0) { $0 + flatPieces($1.count / elementSize) }
        let flags = value(bytes: count * 4)
        let limit = UpdateLimits(isDouble: isDouble).gradient
        for (index, product) in direct.enumerated() {
            let problem = product.problem
            call(
                .productBounds,
                [Operand(0, product.a, .read), Operand(1, product.b, .read), Operand(2, flags, .write, byteOffset: 4 * index)]
            ) {
                $0.integers[0] = problem.m * problem.k
                $0.integers[1] = problem.n * problem.k
                $0.scalars[0] = limit * limit
            }
        }
        let sources = rest.map { programs.source($0, self) }
        programs.appendCheck(to: self, sources, flags: flags, from: direct.count, count: count, scale: nil)

        phase = .update
        node = run.group
        // Where a gradient of 0 changes nothing, there is no weight decay, which the kernel would leave out.
        let decays = (programs.layout.groups[run.group].optimizer as? any FlatOptimizer)?.rowsKernel == nil
        let seen = decays ? nil : foresee(direct, nextSample: nextSample)
        for (index, product) in direct.enumerated() {
            let problem = product.problem
            var operands = [
                Operand(0, value(elements: problem.m * problem.n, home: .block(.parameters, product.offset)), .write),
                Operand(1, product.a, .read), Operand(2, product.b, .read),
            ]
            if let bias = product.biasOffset {
                operands.append(Operand(3, value(elements: problem.n, home: .block(.parameters, bias)), .write))
            }
            if let seen, seen.index == index { operands += seen.operands }
            let bytes = problem.m * problem.n * elementSize
            let height = product.staysWithOneCore(elementSize) ? problem.m : max(1, (256 << 10) / (problem.n * elementSize))
            call(kernel, operands, pieces: (problem.m + height - 1) / height, cost: Double(bytes) / 25) {
                $0.integers[0] = problem.m
                $0.integers[1] = problem.n
                $0.integers[3] = problem.k
                $0.integers[4] = height
                $0.integers[5] = MatrixMultiplyPlan.blockLength(depth: problem.m, isDouble: isDouble)
            }
        }
        for (range, source) in zip(rest, sources) {
            programs.append(to: self, run, range: range, gradient: source.value, scale: nil)
        }
        return true
    }

    /// Which update can compute a product of the next step's forward pass on the way, and its operands.
    private func foresee(_ direct: [DirectProduct], nextSample: Int) -> (index: Int, operands: [Operand])? {
        for operation in operations {
            guard let product = ForeseenProduct(operation, in: self),
                let index = direct.firstIndex(where: { $0.offset == product.weight && $0.biasOffset == product.bias }),
                direct[index].problem.k == 1, direct[index].staysWithOneCore(elementSize)
            else { continue }
            let result = value(elements: product.problem.n)
            pin(result)
            foreseen = (product.weight, product.input, result)
            let next = value(elements: product.problem.k, home: .external(nextSample))
            return (index, [Operand(4, next, .read), Operand(5, result, .write)])
        }
        return nil
    }
}

/// A gradient that is a product worth not storing.
private struct DirectProduct {
    let problem: MatrixMultiplyProblem
    let a: Value
    let b: Value
    /// Byte offsets in the block of parameters.
    let offset: Int
    let biasOffset: Int?

    init?(_ operation: Operation, in program: Program) {
        guard operation.phase == .backward, case .matrixProduct(let problem) = operation.work, case .none = problem.epilogue,
            !problem.accumulate, !problem.roundsOperands, problem.batchCount == 1, problem.k <= 32, problem.m * problem.n >= 8192,
            problem.aRowStride == 1, problem.aColumnStride == problem.m, problem.bColumnStride == 1,
            problem.bRowStride == problem.n, problem.cRowStride == problem.n
        else { return nil }
        func value(_ role: MatrixMultiplyPlan.Role) -> Value? { operation.operands.first { $0.slot == role.rawValue }?.value }
        func gradientOffset(_ value: Value?) -> Int? {
            if let value, case .block(.gradients, let offset) = program.values[value.index].home { return offset }
            return nil
        }
        guard let a = value(.a), let b = value(.b), let offset = gradientOffset(value(.c)) else { return nil }
        let sums = value(.columnSums)
        guard sums == nil || gradientOffset(sums) != nil else { return nil }
        self.problem = problem
        self.a = a
        self.b = b
        self.offset = offset
        biasOffset = gradientOffset(sums)
    }

    /// Weights that fit a core's own cache: it has read them just before.
    func staysWithOneCore(_ elementSize: Int) -> Bool { problem.m * problem.n * elementSize <= 2 << 20 }

    /// The byte ranges of parameters that none of the products is the gradient of.
    static func gaps(_ products: [DirectProduct], elementSize: Int, in total: Int) -> [Range<Int>] {
        var taken: [Range<Int>] = []
        for product in products {
            taken.append(product.offset..<product.offset + Storage.aligned(product.problem.m * product.problem.n * elementSize))
            if let bias = product.biasOffset { taken.append(bias..<bias + Storage.aligned(product.problem.n * elementSize)) }
        }
        var gaps: [Range<Int>] = []
        var place = 0
        for range in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if place < range.lowerBound { gaps.append(place..<range.lowerBound) }
            place = max(place, range.upperBound)
        }
        if place < total { gaps.append(place..<total) }
        return gaps
    }
}
