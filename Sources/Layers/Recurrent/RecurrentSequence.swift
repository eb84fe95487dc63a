// One recurrent layer in one direction: the product of x with W_ih for all time steps at once, then one
// kernel call that walks through time, a piece of the samples at a time (Kernels/RecurrentSequence.swift).
// Backward the same: one call for the gates' gradients, then each gradient in a weight and the one in x
// is one product over all steps. So a plan has the same few operations for 10 steps and for 10,000. Only a single sample
// through a large weight is a call for each step (`unitsPerPiece`), so that threads can share the weight.

import KernelDispatch
import KernelInterface
import Tensors

/// Where the states of one layer and direction lie in an array [batch, layers * directions, size].
struct StatePlace {
    let value: Value
    /// Elements before the first sample's state, and between samples.
    let offset: Int
    let stride: Int
}

struct RecurrentSequence {
    let unit: RecurrentUnit
    let sizes: RecurrentSizes
    /// Elements of x at one step.
    let inputSize: Int
    /// What the parameters' names end in: "_l0_reverse", or nothing.
    let suffix: String
    let isReverse: Bool
    let hasBias: Bool
    let hasProjection: Bool
    /// Where this direction's part of the output begins in a step, and how far steps are apart.
    let outputOffset: Int
    let outputStride: Int
    /// Checked, or nil.
    let lengths: Value?

    private typealias Slot = RecurrentSlot
    private var steps: Int { sizes.batch * sizes.time }
    private var hasCell: Bool { unit == .lstm }

    // Forward

    /// - first: the states (and cells) to begin with; nil: zeros.
    /// - last: receives those at the end.
    func forward(
        _ emit: Emitter, x: Value, output: Value, first: (state: StatePlace?, cell: StatePlace?),
        last: (state: StatePlace?, cell: StatePlace?)
    ) {
        guard let inputWeight = emit.parameter("weight_ih" + suffix), let weight = emit.parameter("weight_hh" + suffix) else { return }
        let program = emit.program
        let gates = emit.workspace(elements: steps * sizes.gates)
        program.matrixProduct(
            m: steps, n: sizes.gates, k: inputSize, a: x, b: inputWeight, into: gates, bias: emit.parameter("bias_ih" + suffix))
        let work = emit.workspace(elements: sizes.forwardWork)
        begin(program, work, first)
        var operands = [
            Operand(Slot.gates, gates, .read), Operand(Slot.gates, gates, .write), Operand(Slot.work, work, .read),
            Operand(Slot.work, work, .write),
            Operand(Slot.output, output, .write, byteOffset: outputOffset * program.elementSize),
        ]
        if let bias = emit.parameter("bias_hh" + suffix) { operands.append(Operand(Slot.bias, bias, .read)) }
        if emit.keepsResults {
            let previous = emit.workspace(elements: steps * sizes.state)
            operands.append(Operand(Slot.previous, previous, .write))
            emit.save("previous" + suffix, previous)
            emit.save("gates" + suffix, gates)
            emit.save("x" + suffix, x)
            let keptCount = (unit == .lstm || unit == .gru ? 1 : 0) + (hasProjection ? 1 : 0)
            if keptCount > 0 {
                let kept = emit.workspace(elements: keptCount * steps * sizes.hidden)
                operands.append(Operand(Slot.kept, kept, .write))
                emit.save("kept" + suffix, kept)
            }
        }
        let product = MatrixMultiplyProblem(m: rowsPerPiece, n: sizes.gates, k: sizes.state, isDouble: emit.isDouble)
        let projection = MatrixMultiplyProblem(m: rowsPerPiece, n: sizes.state, k: sizes.hidden, isDouble: emit.isDouble)
        walk(
            emit, .recurrentForward, &operands, product, weight, projection, emit.parameter("weight_hr" + suffix), wantsInitial: false)
        let stateAt = unitsPerPiece(emit) > 0 && sizes.time % 2 == 1 ? sizes.fullAt : sizes.stateAt
        if let state = last.state { finish(program, work, at: stateAt, size: sizes.state, state) }
        if let cell = last.cell { finish(program, work, at: sizes.cellAt, size: sizes.hidden, cell) }
    }

    // Backward

    /// - outputGradient: nil where nobody used the output.
    /// - last: the gradients in the states (and cells) at the end; nil: zeros.
    /// - first: receives those in the states to begin with.
    /// - inputGradient: receives the gradient in x, or is added to.
    func backward(
        _ emit: Emitter, outputGradient: Value?, last: (state: StatePlace?, cell: StatePlace?),
        first: (state: StatePlace?, cell: StatePlace?), inputGradient: Value?, adds: Bool
    ) {
        guard let inputWeight = emit.parameter("weight_ih" + suffix), let weight = emit.parameter("weight_hh" + suffix),
            let gates = emit.saved("gates" + suffix), let x = emit.saved("x" + suffix),
            let previous = emit.saved("previous" + suffix)
        else { return }
        let program = emit.program
        let further = unit == .gru ? steps * sizes.gates : hasProjection ? steps * sizes.state : 0
        let gradients = emit.workspace(elements: steps * sizes.gates + further)
        let work = emit.workspace(elements: sizes.backwardWork)
        begin(program, work, last)
        var operands = [
            Operand(Slot.gates, gates, .read), Operand(Slot.gateGradients, gradients, .write), Operand(Slot.work, work, .read),
            Operand(Slot.work, work, .write),
        ]
        if unit == .gru { operands.append(Operand(Slot.previous, previous, .read)) }
        let kept = emit.saved("kept" + suffix)
        if let kept { operands.append(Operand(Slot.kept, kept, .read)) }
        if let outputGradient {
            operands.append(Operand(Slot.output, outputGradient, .read, byteOffset: outputOffset * program.elementSize))
        }
        let product = MatrixMultiplyProblem(
            m: rowsPerPiece, n: sizes.state, k: sizes.gates, transposedB: true, isDouble: emit.isDouble)
        let projection = MatrixMultiplyProblem(
            m: rowsPerPiece, n: sizes.hidden, k: sizes.state, transposedB: true, isDouble: emit.isDouble)
        walk(
            emit, .recurrentBackward, &operands, product, weight, projection, emit.parameter("weight_hr" + suffix),
            wantsInitial: first.state != nil, inPlace: further == 0 ? (gates, gradients) : nil)
        if let state = first.state { finish(program, work, at: sizes.stateAt, size: sizes.state, state) }
        if let cell = first.cell { finish(program, work, at: sizes.cellAt, size: sizes.hidden, cell) }

        // dW_ih^T = x^T dx-gates, dW_hh^T = h^T dh-gates, dW_hr^T = (h before it)^T d(h behind it)
        weightGradient(emit, "weight_ih", "bias_ih", x, rows: inputSize, gradients, at: 0, columns: sizes.gates)
        weightGradient(
            emit, "weight_hh", "bias_hh", previous, rows: sizes.state, gradients, at: unit == .gru ? further : 0, columns: sizes.gates)
        if hasProjection, let kept {
            weightGradient(
                emit, "weight_hr", nil, kept, from: steps * sizes.hidden, rows: sizes.hidden, gradients, at: steps * sizes.gates,
                columns: sizes.state)
        }
        guard let inputGradient else { return }
        var problem = MatrixMultiplyProblem(m: steps, n: inputSize, k: sizes.gates, transposedB: true, isDouble: emit.isDouble)
        problem.accumulate = adds
        program.matrixProduct(problem, a: gradients, b: inputWeight, into: inputGradient)
    }

    private func weightGradient(
        _ emit: Emitter, _ weight: String, _ bias: String?, _ x: Value, from xOffset: Int = 0, rows: Int, _ gradients: Value,
        at offset: Int, columns: Int
    ) {
        let biasGradient = bias.flatMap { emit.parameterGradient($0 + suffix) }
        guard let gradient = emit.parameterGradient(weight + suffix) ?? biasGradient.map({ _ in
            emit.workspace(elements: rows * columns)
        }) else { return }
        let problem = MatrixMultiplyProblem(m: rows, n: columns, k: steps, transposedA: true, isDouble: emit.isDouble)
        emit.program.matrixProduct(
            problem, a: x, aOffset: xOffset, b: gradients, bOffset: offset, into: gradient, columnSums: biasGradient)
    }

    // Both

    /// Samples in a piece: an even number of pieces, of up to a tile's rows, or more where a large weight
    /// is read anew for each.
    private var rowsPerPiece: Int {
        let most = sizes.state * sizes.gates > 1 << 18 ? 32 : 12
        let pieces = (sizes.batch + 2 * most - 1) / (2 * most) * 2
        return max(1, (sizes.batch + pieces - 1) / max(pieces, 1))
    }

    /// Units in a piece of a forward pass that is a call for each step; 0: it is one call, whose pieces are samples. A step
    /// of a smaller weight is over before another thread has begun, and a plan of many steps takes long to make.
    private func unitsPerPiece(_ emit: Emitter) -> Int {
        let isLong = sizes.state * sizes.gates >= 1 << 16
        let fits = sizes.batch == 1 && sizes.hidden % 64 == 0 && sizes.time <= 256 && !hasProjection
        return isLong && fits && !emit.isDouble && KernelSet.current.takesSteps ? 64 : 0
    }

    /// Puts what a walk begins with into the first two parts of its work.
    private func begin(_ program: Program, _ work: Value, _ first: (state: StatePlace?, cell: StatePlace?)) {
        if first.state == nil || (hasCell && first.cell == nil) {
            program.fill(work, with: 0, count: sizes.batch * (sizes.state + (hasCell ? sizes.hidden : 0)))
        }
        for (place, start, size) in [(first.state, sizes.stateAt, sizes.state), (first.cell, sizes.cellAt, sizes.hidden)] {
            guard let place else { continue }
            program.copyStrided(
                place.value, strides: [place.stride, 1], offset: place.offset, into: work, strides: [size, 1], toOffset: start,
                sizes: [sizes.batch, size])
        }
    }

    /// Takes what a walk ends with from there.
    private func finish(_ program: Program, _ work: Value, at start: Int, size: Int, _ place: StatePlace) {
        program.copyStrided(
            work, strides: [size, 1], offset: start, into: place.value, strides: [place.stride, 1], toOffset: place.offset,
            sizes: [sizes.batch, size])
    }

    /// The kernel call, and before it the packing of its products' weights where that pays.
    private func walk(
        _ emit: Emitter, _ kernel: KernelName, _ operands: inout [Operand], _ problem: MatrixMultiplyProblem, _ weight: Value,
        _ projectionProblem: MatrixMultiplyProblem, _ projectionWeight: Value?, wantsInitial: Bool,
        inPlace: (read: Value, write: Value)? = nil
    ) {
        var problem = problem
        problem.hasBias = kernel == .recurrentForward && hasBias
        let rows = rowsPerPiece
        let units = kernel == .recurrentForward ? unitsPerPiece(emit) : 0
        let pieces = units > 0 ? sizes.hidden / units : (sizes.batch + rows - 1) / rows
        // A weight of which parts are wanted is read as it lies.
        if units > 0 { problem.n = units }
        let product = RepeatedProduct(problem, times: units > 0 ? 1 : pieces * sizes.time)
        operands.append(Operand(Slot.weight, ready(emit, weight, product), .read))
        var calls = [product.call]
        var projectionPieces = 0
        if units > 0 {
            problem.n = sizes.gates
            let whole = RepeatedProduct(problem, times: 1)
            calls.append(whole.call)
            projectionPieces = whole.pieces
        }
        if let projectionWeight {
            let projection = RepeatedProduct(projectionProblem, times: pieces * sizes.time)
            operands.append(Operand(Slot.projection, ready(emit, projectionWeight, projection), .read))
            calls.append(projection.call)
            projectionPieces = projection.pieces
        }
        operands.append(Operand(Slot.products, emit.program.table(calls), .read))
        if let lengths { operands.append(Operand(Slot.lengths, lengths, .read)) }
        // One row waits for the weight, some 80 bytes a nanosecond.
        let cost = Double(sizes.gates) * (Double(sizes.state) / 40 + 2) * (units > 0 ? 2 : Double(steps))
        for step in 0..<(units > 0 ? sizes.time : 1) {
            emit.program.call(kernel, operands, pieces: pieces, cost: cost, inPlace: inPlace) {
                $0.integers[Slot.batch] = sizes.batch
                $0.integers[Slot.time] = sizes.time
                $0.integers[Slot.hidden] = sizes.hidden
                $0.integers[Slot.state] = sizes.state
                $0.integers[Slot.unit] = unit.rawValue
                $0.integers[Slot.rowsPerPiece] = rows
                $0.integers[Slot.isReverse] = isReverse ? 1 : 0
                $0.integers[Slot.outputStride] = outputStride
                $0.integers[Slot.productPieces] = product.pieces
                $0.integers[Slot.projectionPieces] = projectionPieces
                $0.integers[Slot.wantsInitial] = wantsInitial ? 1 : 0
                $0.integers[Slot.unitsPerPiece] = units
                $0.integers[Slot.step] = step
            }
        }
    }

    /// A weight as a repeated product reads it.
    private func ready(_ emit: Emitter, _ weight: Value, _ product: RepeatedProduct) -> Value {
        guard let packing = product.packing else { return weight }
        let packed = emit.program.value(bytes: packing.bytes)
        emit.program.append(Operation(packing.step, packs: weight, into: packed))
        return packed
    }
}
