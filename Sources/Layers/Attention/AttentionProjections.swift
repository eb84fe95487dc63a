// Multi-head attention's products before the scores: as few as its inputs allow, each making the columns of
// queries, keys and values that come from one input; and the keys that are added to those of the input.

import KernelDispatch
import KernelInterface
import Tensors

/// Columns `column..<column + width` of a weight (kept as [inputs, columns]) times the rows of an input.
struct AttentionProjection {
    enum Part: Int { case query, key, value }

    let input: Int
    let parts: [Part]
    let weight: String
    let column: Int
    let width: Int
    /// Columns of the whole weight.
    let columns: Int
    /// First of its elements in in_proj_bias.
    let bias: Int
    let rows: Int
    let depth: Int

    private func operand(_ role: MatrixMultiplyPlan.Role, _ value: Value, _ access: Access, _ program: Program, offset: Int) -> Operand {
        Operand(role.rawValue, value, access, byteOffset: offset * program.elementSize)
    }

    func forward(_ emit: Emitter, into result: Value) {
        guard let weight = emit.parameter(weight), rows > 0 else { return }
        var problem = MatrixMultiplyProblem(m: rows, n: width, k: depth, isDouble: emit.isDouble)
        problem.bRowStride = columns
        let program = emit.program
        var operands = [
            operand(.a, emit.input(input), .read, program, offset: 0), operand(.b, weight, .read, program, offset: column),
            operand(.c, result, .write, program, offset: 0),
        ]
        if let biases = emit.parameter("in_proj_bias") {
            problem.hasBias = true
            operands.append(operand(.bias, biases, .read, program, offset: bias))
        }
        program.append(Operation(.matrixProduct(problem), operands))
    }

    /// Writes its part of the weight's and the bias's gradients; returns that in the input, if it is wanted.
    func backward(_ emit: Emitter, from gradient: Value) -> Value? {
        let program = emit.program
        if let target = emit.parameterGradient(weight) {
            var problem = MatrixMultiplyProblem(m: depth, n: width, k: rows, transposedA: true, isDouble: emit.isDouble)
            problem.cRowStride = columns
            problem.savedRowStride = columns
            var operands = [
                operand(.a, emit.input(input), .read, program, offset: 0), operand(.b, gradient, .read, program, offset: 0),
                operand(.c, target, .write, program, offset: column),
            ]
            if let biases = emit.parameterGradient("in_proj_bias") {
                problem.hasColumnSums = true
                operands.append(operand(.columnSums, biases, .write, program, offset: bias))
            }
            program.append(Operation(.matrixProduct(problem), operands))
        }
        guard emit.needsInputGradient(input), let weight = emit.parameter(weight) else { return nil }
        let result = emit.workspace(elements: rows * depth)
        guard rows > 0 else { return result }
        var problem = MatrixMultiplyProblem(m: rows, n: depth, k: width, transposedB: true, isDouble: emit.isDouble)
        problem.bColumnStride = columns
        program.append(
            Operation(
                .matrixProduct(problem),
                [
                    operand(.a, gradient, .read, program, offset: 0), operand(.b, weight, .read, program, offset: column),
                    operand(.c, result, .write, program, offset: 0),
                ]))
        return result
    }
}

extension MultiheadAttention {
    func projections(_ emit: Emitter) -> [AttentionProjection] {
        func one(_ input: Int, _ parts: [AttentionProjection.Part]) -> AttentionProjection {
            let shape = emit.inputShapes[input]
            let names = ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
            let first = parts[0].rawValue * size
            return AttentionProjection(
                input: input, parts: parts, weight: isPacked ? "in_proj_weight" : names[parts[0].rawValue],
                column: isPacked ? first : 0, width: parts.count * size, columns: isPacked ? 3 * size : size, bias: first,
                rows: shape[0] * shape[1], depth: shape[2])
        }
        func isSame(_ a: Int, _ b: Int) -> Bool { emit.input(a) == emit.input(b) }
        guard isPacked, isSame(key, value) else { return [one(query, [.query]), one(key, [.key]), one(value, [.value])] }
        if isSame(query, key) { return [one(query, [.query, .key, .value])] }
        return [one(query, [.query]), one(key, [.key, .value])]
    }

    /// Where a part's heads lie in the projections' results, or in their gradients.
    func headArray(_ emit: Emitter, _ part: AttentionProjection.Part, _ values: [Value]? = nil) -> HeadArray {
        let list = projections(emit)
        let number = list.firstIndex { $0.parts.contains(part) } ?? 0
        let place = list[number].parts.firstIndex(of: part) ?? 0
        let time = emit.inputShapes[list[number].input][1]
        let width = list[number].width
        let value = values?[number] ?? emit.saved("projection\(number)") ?? emit.input(query)
        return HeadArray(
            value: value, offset: place * size, strides: AttentionStrides(batch: time * width, head: size / heads, row: width))
    }

    func attention(_ emit: Emitter) -> Attention {
        let shape = emit.inputShapes[query]
        let keys = emit.inputShapes[key][1]
        let attended = emit.saved("attended") ?? emit.output()
        let isExtended = freeKeys > 0
        var attention = Attention(
            emit.program, batch: shape[0], heads: heads, queries: shape[1], keys: keys + freeKeys, size: size / heads,
            valueSize: size / heads, query: headArray(emit, .query),
            key: isExtended ? extended(emit, "key").array : headArray(emit, .key),
            value: isExtended ? extended(emit, "value").array : headArray(emit, .value),
            output: HeadArray(value: attended, strides: AttentionStrides(batch: shape[1] * size, head: size / heads, row: size)))
        attention.shape.freeKeys = freeKeys
        attention.setCausal(isCausal)
        attention.setDropout(dropout, emit)
        if let mask { attention.add(mask: emit.input(mask), emit.inputShapes[mask]) }
        if let padding { attention.padding = emit.input(padding) }
        return attention
    }

    /// Keys or values with added ones in front, and room for the gradient in them.
    func extended(_ emit: Emitter, _ name: String) -> (array: HeadArray, gradient: Value) {
        let rows = emit.inputShapes[key][1] + freeKeys
        let count = emit.inputShapes[key][0] * rows * size
        func kept(_ name: String) -> Value {
            if let value = emit.saved(name) { return value }
            let value = emit.workspace(elements: count)
            emit.save(name, value)
            return value
        }
        let strides = AttentionStrides(batch: rows * size, head: size / heads, row: size)
        return (HeadArray(value: kept("extended " + name), strides: strides), kept("gradient in " + name))
    }

    /// Writes the extended keys and values.
    func extend(_ emit: Emitter) {
        guard freeKeys > 0 else { return }
        let (batch, keys) = (emit.inputShapes[key][0], emit.inputShapes[key][1])
        for (name, part, bias) in [("key", AttentionProjection.Part.key, "bias_k"), ("value", AttentionProjection.Part.value, "bias_v")] {
            let source = headArray(emit, part)
            let target = extended(emit, name).array
            let strides = [target.strides.batch, size, 1]
            if addsZeros { emit.program.fill(target.value, with: 0, count: batch * (keys + freeKeys) * size) }
            if let bias = emit.parameter(bias) {
                emit.program.copyStrided(
                    bias, strides: [0, 0, 1], into: target.value, strides: strides, toOffset: (freeKeys - 1) * size, sizes: [batch, 1, size])
            }
            emit.program.copyStrided(
                source.value, strides: [source.strides.batch, source.strides.row, 1], offset: source.offset, into: target.value,
                strides: strides, toOffset: freeKeys * size, sizes: [batch, keys, size])
        }
    }

    /// Takes the gradients in extended keys or values to those of the input's and to the added one.
    func shrink(_ emit: Emitter, _ gradient: Value, _ bias: String, to target: HeadArray) {
        let (batch, keys) = (emit.inputShapes[key][0], emit.inputShapes[key][1])
        let strides = [(keys + freeKeys) * size, size, 1]
        emit.program.copyStrided(
            gradient, strides: strides, offset: freeKeys * size, into: target.value,
            strides: [target.strides.batch, target.strides.row, 1], toOffset: target.offset, sizes: [batch, keys, size])
        guard let biasGradient = emit.parameterGradient(bias) else { return }
        let rows = emit.workspace(elements: batch * size)
        emit.program.copyStrided(
            gradient, strides: [strides[0], 1], offset: (freeKeys - 1) * size, into: rows, strides: [size, 1], sizes: [batch, size])
        emit.program.sum(rows, [batch, size], over: [0], into: biasGradient)
    }
}
