// NumPy's matmul: matrices in the last two dimensions, the others broadcast; vectors on either side.

import KernelDispatch
import KernelInterface
import Tensors

struct Matmul: Layer, RoundingLayer {
    static let kind = "matmul"
    static let documentation = "the matrix product of two inputs over their last two dimensions; leading ones broadcast"
    static let inputCount = 2...2

    init(_ attributes: Attributes) throws(ChainruleError) {}

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard inputs[0].rank > 0, inputs[1].rank > 0 else {
            throw ChainruleError(.shape, "matmul's inputs", expected: "1 dimension or more", got: "\(inputs[0]) and \(inputs[1])")
        }
        let form = Form(inputs[0], inputs[1])
        guard form.k == form.otherK, form.k != Shape.batch, form.n != Shape.batch else {
            throw ChainruleError(
                .shape, "matmul's inputs", expected: "the last size of the first equal to the last but one of the second",
                got: "\(inputs[0]) and \(inputs[1])")
        }
        let batch = try Shape.broadcast(form.aBatch, form.bBatch)
        var sizes = batch.dimensions
        if !form.aIsVector { sizes.append(form.m) }
        if !form.bIsVector { sizes.append(form.n) }
        guard !sizes.dropFirst().contains(Shape.batch) else {
            throw ChainruleError(.shape, "matmul's inputs", expected: "the batch to stay first", got: "\(inputs[0]) and \(inputs[1])")
        }
        return [Shape(sizes)]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { inputs[1].isBatched && inputs[1].rank <= 2 }

    func forward(_ emit: Emitter) {
        let form = Form(emit.inputShapes[0], emit.inputShapes[1])
        guard let batch = try? Shape.broadcast(form.aBatch, form.bBatch) else { return }
        guard emit.outputShapes[0].elementCount > 0 else { return }
        let a = spread(emit, emit.input(0), form.aBatch, batch, form.m * form.k)
        let b = spread(emit, emit.input(1), form.bBatch, batch, form.k * form.n)
        var problem = MatrixMultiplyProblem(m: form.m, n: form.n, k: form.k, isDouble: emit.isDouble)
        setBatch(&problem, batch.elementCount, a.isShared, b.isShared)
        emit.program.matrixProduct(problem, a: a.value, b: b.value, into: emit.output())
    }

    // dA = dC B^T, dB = A^T dC, summed over what was broadcast
    func backward(_ emit: Emitter) {
        let form = Form(emit.inputShapes[0], emit.inputShapes[1])
        guard let batch = try? Shape.broadcast(form.aBatch, form.bBatch) else { return }
        let count = batch.elementCount
        guard emit.outputShapes[0].elementCount > 0, form.k > 0 else {
            for side in 0..<2 where emit.needsInputGradient(side) {
                emit.program.fill(emit.inputGradient(side), with: 0, count: emit.inputShapes[side].elementCount)
            }
            return
        }
        let dc = emit.outputGradient()
        if emit.needsInputGradient(0) {
            let b = spread(emit, emit.input(1), form.bBatch, batch, form.k * form.n)
            var problem = MatrixMultiplyProblem(m: form.m, n: form.k, k: form.n, transposedB: true, isDouble: emit.isDouble)
            setBatch(&problem, count, false, b.isShared)
            product(emit, problem, dc, b.value, side: 0, batch, form.aBatch, [form.m, form.k])
        }
        if emit.needsInputGradient(1) {
            let a = spread(emit, emit.input(0), form.aBatch, batch, form.m * form.k)
            var problem = MatrixMultiplyProblem(m: form.k, n: form.n, k: form.m, transposedA: true, isDouble: emit.isDouble)
            setBatch(&problem, count, a.isShared, false)
            product(emit, problem, a.value, dc, side: 1, batch, form.bBatch, [form.k, form.n])
        }
    }

    private func setBatch(_ problem: inout MatrixMultiplyProblem, _ count: Int, _ aIsShared: Bool, _ bIsShared: Bool) {
        problem.batchCount = count
        if aIsShared { problem.aBatchStride = 0 }
        if bIsShared { problem.bBatchStride = 0 }
    }

    private func product(
        _ emit: Emitter, _ problem: MatrixMultiplyProblem, _ a: Value, _ b: Value, side: Int, _ batch: Shape,
        _ own: Shape, _ matrix: [Int]
    ) {
        let full = Shape(batch.dimensions + matrix)
        if own == batch {
            return emit.program.matrixProduct(problem, a: a, b: b, into: emit.inputGradient(side))
        }
        let value = emit.workspace(elements: full.elementCount)
        emit.program.matrixProduct(problem, a: a, b: b, into: value)
        emit.program.sumTo(Shape(own.dimensions + matrix), value, full, into: emit.inputGradient(side))
    }

    /// An operand as one matrix for each of the batch: as it is, one for all, or copied out.
    private func spread(
        _ emit: Emitter, _ value: Value, _ own: Shape, _ batch: Shape, _ size: Int
    ) -> (value: Value, isShared: Bool) {
        if own.elementCount == batch.elementCount { return (value, false) }
        if own.elementCount == 1 { return (value, true) }
        let copy = emit.workspace(elements: batch.elementCount * size)
        let source = Shape(own.dimensions + [size])
        let target = Shape(batch.dimensions + [size])
        emit.program.copyStrided(
            value, strides: source.broadcastStrides(to: target), into: copy, strides: target.strides,
            sizes: target.dimensions)
        return (copy, false)
    }

    /// The sizes of the matrices, and the dimensions before them.
    private struct Form {
        let m, k, otherK, n: Int
        let aIsVector, bIsVector: Bool
        let aBatch, bBatch: Shape

        init(_ a: Shape, _ b: Shape) {
            aIsVector = a.rank == 1
            bIsVector = b.rank == 1
            k = a[a.rank - 1]
            m = aIsVector ? 1 : a[a.rank - 2]
            otherK = bIsVector ? b[0] : b[b.rank - 2]
            n = bIsVector ? 1 : b[b.rank - 1]
            aBatch = Shape(Array(a.dimensions.dropLast(2)))
            bBatch = Shape(Array(b.dimensions.dropLast(2)))
        }
    }
}
