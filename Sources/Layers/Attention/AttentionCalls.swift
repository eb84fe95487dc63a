// Attention as layers append it: arrays of heads under strides, so that nobody need move a head to its own
// place, and the pieces that the kernels' work is cut into.

import KernelInterface
import Tensors

/// An array of heads: rows of a sample and head, somewhere in a value.
struct HeadArray {
    var value: Value
    /// Elements before the first.
    var offset = 0
    var strides: AttentionStrides

    func operand(_ slot: Int, _ access: Access, _ program: Program) -> Operand {
        Operand(slot, value, access, byteOffset: offset * program.elementSize)
    }
}

struct Attention {
    var shape: AttentionShape
    var query: HeadArray
    var key: HeadArray
    var value: HeadArray
    var output: HeadArray
    var logSums: Value
    var mask: Value?
    var padding: Value?
    /// Seed and step, where weights are dropped.
    var random: Value?

    /// - batch, heads, queries, keys: of the problem; `size` and `valueSize` elements in a row.
    init(
        _ program: Program, batch: Int, heads: Int, queries: Int, keys: Int, size: Int, valueSize: Int, query: HeadArray,
        key: HeadArray, value: HeadArray, output: HeadArray
    ) {
        var shape = AttentionShape()
        shape.batch = batch
        shape.heads = heads
        shape.queries = queries
        shape.keys = keys
        shape.size = size
        shape.valueSize = valueSize
        shape.scale = 1 / Double(size).squareRoot()
        shape.query = query.strides
        shape.key = key.strides
        shape.value = value.strides
        shape.output = output.strides
        self.shape = shape
        (self.query, self.key, self.value, self.output) = (query, key, value, output)
        logSums = program.value(elements: batch * heads * queries)
    }

    /// Adds a mask of a shape that broadcasts to [batch, heads, queries, keys].
    mutating func add(mask: Value, _ shape: Shape) {
        let full = Shape([self.shape.batch, self.shape.heads, self.shape.queries, self.shape.keys - self.shape.freeKeys])
        let strides = shape.broadcastStrides(to: full)
        self.mask = mask
        self.shape.mask = AttentionStrides(batch: strides[0], head: strides[1], row: strides[2])
        self.shape.maskColumn = strides[3]
    }

    mutating func setCausal(_ isCausal: Bool) {
        shape.isCausal = isCausal
        // Small blocks of queries reach less far behind the diagonal.
        shape.queryBlock = isCausal ? attentionBlock / 2 : attentionBlock
    }

    mutating func setDropout(_ probability: Double, _ emit: Emitter) {
        guard emit.isTraining, probability > 0 else { return }
        shape.dropout = probability
        shape.channel = emit.node
        random = emit.randomState
    }

    private var isEmpty: Bool { shape.batch == 0 || shape.heads == 0 || shape.queries == 0 || shape.keys == 0 }
    private var units: Int { shape.batch * shape.heads }
    private var queryBlocks: Int { (shape.queries + shape.queryBlock - 1) / shape.queryBlock }
    private var keyBlocks: Int { (shape.keys + attentionBlock - 1) / attentionBlock }

    /// Nanoseconds of `products` products of scores' size.
    private func cost(_ products: Double, _ program: Program) -> Double {
        let scores = Double(units) * Double(shape.queries) * Double(shape.keys) * (shape.isCausal ? 0.6 : 1)
        return scores * (products * Double(shape.size + shape.valueSize) / (program.isDouble ? 50 : 100) + 0.5)
    }

    private func inputs(_ program: Program) -> [Operand] {
        var operands = [
            Operand(AttentionSlot.shape, program.table(shape), .read), query.operand(AttentionSlot.query, .read, program),
            key.operand(AttentionSlot.key, .read, program), value.operand(AttentionSlot.value, .read, program),
        ]
        if let mask { operands.append(Operand(AttentionSlot.mask, mask, .read)) }
        if let padding { operands.append(Operand(AttentionSlot.padding, padding, .read)) }
        if let random { operands.append(Operand(AttentionSlot.random, random, .read)) }
        return operands
    }

    func forward(_ program: Program) {
        if isEmpty {
            return program.fill(output.value, with: 0, count: units * shape.queries * shape.valueSize)
        }
        program.call(
            .attentionForward,
            inputs(program) + [
                output.operand(AttentionSlot.output, .write, program), Operand(AttentionSlot.logSums, logSums, .write),
            ], pieces: units * queryBlocks, cost: cost(2, program))
    }

    /// Writes the gradients that are given; those in keys and values go together. `mask` receives the gradient
    /// in the scores, [batch, heads, queries, keys].
    func backward(
        _ program: Program, outputGradient: HeadArray, query dQ: HeadArray?, keyAndValue: (key: HeadArray, value: HeadArray)?,
        mask dS: Value?
    ) {
        if isEmpty {
            if let dQ { program.fill(dQ.value, with: 0, count: units * shape.queries * shape.size) }
            if let (dK, dV) = keyAndValue {
                // Side by side, or each by itself.
                let (keyCount, valueCount) = (units * shape.keys * shape.size, units * shape.keys * shape.valueSize)
                program.fill(dK.value, with: 0, count: keyCount + (dV.value == dK.value ? valueCount : 0))
                if dV.value != dK.value { program.fill(dV.value, with: 0, count: valueCount) }
            }
            return
        }
        if let dS, shape.isCausal {
            program.fill(dS, with: 0, count: units * shape.queries * (shape.keys - shape.freeKeys))
        }
        // One pass over the scores where the heads are enough to share; otherwise each gradient has its own.
        let isOnePass = units >= 16 || (queryBlocks == 1 && keyBlocks == 1)
        let wantsQuery = dQ != nil || dS != nil
        if isOnePass || !wantsQuery || keyAndValue == nil {
            let rows = isOnePass || keyAndValue != nil ? queryBlocks : 1
            let keys = isOnePass || wantsQuery ? keyBlocks : 1
            pass(program, outputGradient, dQ, keyAndValue, dS, rows: rows, keys: keys)
        } else {
            pass(program, outputGradient, dQ, nil, dS, rows: 1, keys: keyBlocks)
            pass(program, outputGradient, nil, keyAndValue, nil, rows: queryBlocks, keys: 1)
        }
    }

    /// The scores' shape, without free keys.
    var scores: Shape { [shape.batch, shape.heads, shape.queries, shape.keys - shape.freeKeys] }

    /// Room for the gradient in the scores, if it is wanted; nil also where nobody could have that much: the
    /// plan then asks for more memory than there is, and is refused for that.
    func roomForScores(_ emit: Emitter, _ isWanted: Bool) -> Value? {
        guard isWanted else { return nil }
        if (try? scores.validated(what: "scores")) != nil { return emit.workspace(elements: scores.elementCount) }
        emit.program.fill(emit.workspace(elements: 1 << 50), with: 0, count: 1 << 50)
        return nil
    }

    private func pass(
        _ program: Program, _ outputGradient: HeadArray, _ dQ: HeadArray?, _ keyAndValue: (key: HeadArray, value: HeadArray)?,
        _ dS: Value?, rows: Int, keys: Int
    ) {
        var own = self
        if let dQ { own.shape.queryGradient = dQ.strides }
        if let (dK, dV) = keyAndValue {
            own.shape.keyGradient = dK.strides
            own.shape.valueGradient = dV.strides
        }
        var operands = own.inputs(program) + [
            output.operand(AttentionSlot.output, .read, program), Operand(AttentionSlot.logSums, logSums, .read),
            outputGradient.operand(AttentionSlot.outputGradient, .read, program),
        ]
        if let dQ { operands.append(dQ.operand(AttentionSlot.queryGradient, .write, program)) }
        if let (dK, dV) = keyAndValue {
            operands.append(dK.operand(AttentionSlot.keyGradient, .write, program))
            operands.append(dV.operand(AttentionSlot.valueGradient, .write, program))
        }
        if let dS { operands.append(Operand(AttentionSlot.maskGradient, dS, .write)) }
        let products = 2 + (keyAndValue == nil ? 0.0 : 2.0) + (dQ == nil ? 0 : 1)
        let pieces = units * ((queryBlocks + rows - 1) / rows) * ((keyBlocks + keys - 1) / keys)
        program.call(.attentionBackward, operands, pieces: pieces, cost: cost(products / 2, program)) {
            $0.integers[0] = rows
            $0.integers[1] = keys
        }
    }
}
