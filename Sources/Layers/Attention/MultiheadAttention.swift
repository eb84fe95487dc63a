// Attention with projections before and after (Vaswani et al. 2017), as torch.nn.MultiheadAttention with
// batch_first=True and need_weights=False. Projected rows stay [batch, time, embed]: the kernel finds its
// heads there, and one product makes queries, keys and values where they come from one input.

import KernelInterface
import Tensors

struct MultiheadAttention: Layer, RoundingLayer {
    static let kind = "multihead_attention"
    static let className: String? = "MultiheadAttention"
    static let documentation =
        "attention in num_heads heads of embed_dim/num_heads with projections of query, key, value and output; inputs "
        + "[batch, time, size]; without key and value: self-attention, without value: the key is the value. attn_mask is added to "
        + "the scores: [time, source] or what broadcasts to [batch, heads, time, source]; key_padding_mask [batch, source], real or "
        + "whole numbers: keys that are not 0 there are ignored. A query without keys gets 0 from its heads. With kdim or vdim q_proj_weight, k_proj_weight "
        + "and v_proj_weight stand in for in_proj_weight; bias_k and bias_v are those of add_bias_kv"
    static let attributes = [
        AttributeSpecification("embed_dim", .integer(.sizes), "size of queries and of the output"),
        AttributeSpecification("num_heads", .integer(.sizes), "heads; they divide embed_dim"),
        AttributeSpecification("dropout", .real(.probability), default: "0.0", "probability of dropping an attention weight in training"),
        AttributeSpecification("bias", .boolean, default: "true", "whether the projections add biases"),
        AttributeSpecification("add_bias_kv", .boolean, default: "false", "whether a trained key and value are added, which every query sees"),
        AttributeSpecification("add_zero_attn", .boolean, default: "false", "whether a key and value of zeros are added, which every query sees"),
        AttributeSpecification("kdim", .integer(.sizes), optional: true, "size of keys; without it embed_dim"),
        AttributeSpecification("vdim", .integer(.sizes), optional: true, "size of values; without it embed_dim"),
        batchFirst,
        AttributeSpecification("is_causal", .boolean, default: "false", "whether query i sees keys 0 to i only; a mask may be given besides"),
    ]
    static let inputCount = 1...5
    static let inputRoles = ["query", "key", "value", "key_padding_mask", "attn_mask"]
    static let eitherInputs: Set<String> = ["key_padding_mask"]
    static let parameterShapes = [
        (name: "in_proj_weight", shape: "[3 embed_dim, embed_dim]"), (name: "q_proj_weight", shape: "[embed_dim, embed_dim]"),
        (name: "k_proj_weight", shape: "[embed_dim, kdim]"), (name: "v_proj_weight", shape: "[embed_dim, vdim]"),
        (name: "in_proj_bias", shape: "[3 embed_dim]"), (name: "bias_k", shape: "[1, 1, embed_dim]"), (name: "bias_v", shape: "[1, 1, embed_dim]"),
        (name: "out_proj.weight", shape: "[embed_dim, embed_dim]"), (name: "out_proj.bias", shape: "[embed_dim]"),
    ]

    let size: Int
    let heads: Int
    let dropout: Double
    let hasBias: Bool
    let addsBias: Bool
    let addsZeros: Bool
    let keySize: Int
    let valueSize: Int
    let isCausal: Bool
    /// The inputs' places.
    let query: Int
    let key: Int
    let value: Int
    let padding: Int?
    let mask: Int?

    init(_ attributes: Attributes) throws(ChainruleError) {
        size = attributes.integer("embed_dim")
        heads = attributes.integer("num_heads")
        dropout = attributes.real("dropout")
        hasBias = attributes.boolean("bias")
        addsBias = attributes.boolean("add_bias_kv")
        addsZeros = attributes.boolean("add_zero_attn")
        keySize = attributes.has("kdim") ? attributes.integer("kdim") : size
        valueSize = attributes.has("vdim") ? attributes.integer("vdim") : size
        isCausal = attributes.boolean("is_causal")
        query = attributes.input("query") ?? 0
        key = attributes.input("key") ?? query
        value = attributes.input("value") ?? key
        padding = attributes.input("key_padding_mask")
        mask = attributes.input("attn_mask")
        guard size % heads == 0 else {
            throw ChainruleError(.attribute, "\(Self.kind)'s num_heads", expected: "a divisor of embed_dim, \(size)", got: "\(heads)")
        }
        guard size <= 1 << 30, keySize <= 1 << 30, valueSize <= 1 << 30 else {
            throw ChainruleError(.attribute, "\(Self.kind)'s sizes", expected: "at most \(1 << 30)", got: "\(max(size, keySize, valueSize))")
        }
        try Self.checkBatchFirst(attributes)
        guard attributes.input("value") == nil || attributes.input("key") != nil else {
            throw ChainruleError(.attribute, "\(Self.kind)'s inputs", expected: "a key where there is a value", got: "a value alone")
        }
    }

    /// PyTorch's name for the only layout there is here.
    static let batchFirst = AttributeSpecification("batch_first", .boolean, default: "true", "must be true: arrays are [batch, time, size]")

    static func checkBatchFirst(_ attributes: Attributes) throws(ChainruleError) {
        guard attributes.boolean("batch_first") else {
            throw ChainruleError(.attribute, "attribute batch_first", expected: "true: arrays are [batch, time, size]", got: "\"false\"")
        }
    }

    /// One matrix for all three projections, as PyTorch has it.
    var isPacked: Bool { keySize == size && valueSize == size }
    /// Keys that are added; masks don't know of them.
    var freeKeys: Int { (addsBias ? 1 : 0) + (addsZeros ? 1 : 0) }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let shape = inputs[query]
        for (role, place, size) in [("query", query, size), ("key", key, keySize), ("value", value, valueSize)] {
            let own = inputs[place]
            guard own.rank == 3, own[0] == shape[0], own[2] == size, own[1] >= 0 else {
                throw ChainruleError(
                    .shape, "the \(role) of \(Self.kind)", expected: "[\(role == "query" ? "batch" : "the query's batch"), time, \(size)]", got: "\(own)")
            }
        }
        guard inputs[key][1] == inputs[value][1] else {
            throw ChainruleError(.shape, "the value of \(Self.kind)", expected: "the key's \(inputs[key][1]) rows", got: "\(inputs[value])")
        }
        if let padding, inputs[padding].dimensions != [shape[0], inputs[key][1]] {
            throw ChainruleError(
                .shape, "the key_padding_mask of \(Self.kind)", expected: "\(Shape([shape[0], inputs[key][1]]))", got: "\(inputs[padding])")
        }
        if let mask {
            try checkAttentionMask(
                inputs[mask], Shape([shape[0], heads, shape[1], inputs[key][1]]), what: "the attn_mask of \(Self.kind)")
        }
        return [shape]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] {
        func weight(_ name: String, _ rows: Int, _ columns: Int) -> ParameterSpecification {
            let bound = (6 / Double(rows + columns)).squareRoot()
            return ParameterSpecification(name, [rows, columns], Initializer(.uniform(low: -bound, high: bound)), isTransposed: true)
        }
        var list = isPacked
            ? [weight("in_proj_weight", 3 * size, size)]
            : [weight("q_proj_weight", size, size), weight("k_proj_weight", size, keySize), weight("v_proj_weight", size, valueSize)]
        if hasBias { list.append(ParameterSpecification("in_proj_bias", [3 * size], .zeros)) }
        if addsBias {
            // PyTorch's xavier_normal of a [1, 1, size] tensor.
            let deviation = (2 / Double(2 * size)).squareRoot()
            for name in ["bias_k", "bias_v"] {
                list.append(ParameterSpecification(name, [1, 1, size], Initializer(.normal(mean: 0, deviation: deviation))))
            }
        }
        let bound = (1 / Double(size)).squareRoot()
        list.append(ParameterSpecification("out_proj.weight", [size, size], Initializer(.uniform(low: -bound, high: bound)), isTransposed: true))
        if hasBias { list.append(ParameterSpecification("out_proj.bias", [size], .zeros)) }
        return list
    }

    func forward(_ emit: Emitter) {
        guard let outWeight = emit.parameter("out_proj.weight") else { return }
        let projections = self.projections(emit)
        for (place, projection) in projections.enumerated() {
            let rows = emit.workspace(elements: projection.rows * projection.width)
            emit.save("projection\(place)", rows)
            projection.forward(emit, into: rows)
        }
        let rows = emit.inputShapes[query][0] * emit.inputShapes[query][1]
        emit.save("attended", emit.workspace(elements: rows * size))
        extend(emit)
        let attention = self.attention(emit)
        emit.save("logSums", attention.logSums)
        attention.forward(emit.program)
        emit.program.matrixProduct(
            m: rows, n: size, k: size, a: attention.output.value, b: outWeight, into: emit.output(), bias: emit.parameter("out_proj.bias"))
    }

    func backward(_ emit: Emitter) {
        guard let outWeight = emit.parameter("out_proj.weight"), let attended = emit.saved("attended") else { return }
        let program = emit.program
        let rows = emit.inputShapes[query][0] * emit.inputShapes[query][1]
        let dy = emit.outputGradient()
        if let gradient = emit.parameterGradient("out_proj.weight") {
            program.matrixProduct(
                m: size, n: size, k: rows, a: attended, transposeA: true, b: dy, into: gradient,
                columnSums: emit.parameterGradient("out_proj.bias"))
        }
        let dAttended = emit.workspace(elements: rows * size)
        program.matrixProduct(m: rows, n: size, k: size, a: dy, b: outWeight, transposeB: true, into: dAttended)

        var attention = self.attention(emit)
        if let logSums = emit.saved("logSums") { attention.logSums = logSums }
        let projections = self.projections(emit)
        let gradients = projections.map { emit.workspace(elements: $0.rows * $0.width) }
        let slopes = attention.roomForScores(emit, mask.map { emit.needsInputGradient($0) } ?? false)
        let keyAndValue: (key: HeadArray, value: HeadArray)
        if freeKeys > 0 {
            let (k, v) = (extended(emit, "key"), extended(emit, "value"))
            keyAndValue = (HeadArray(value: k.gradient, strides: k.array.strides), HeadArray(value: v.gradient, strides: v.array.strides))
        } else {
            keyAndValue = (headArray(emit, .key, gradients), headArray(emit, .value, gradients))
        }
        attention.backward(
            program, outputGradient: HeadArray(value: dAttended, strides: attention.output.strides),
            query: headArray(emit, .query, gradients), keyAndValue: keyAndValue, mask: slopes)
        if let slopes, let mask { program.sumTo(emit.inputShapes[mask], slopes, attention.scores, into: emit.inputGradient(mask)) }
        if freeKeys > 0 {
            shrink(emit, keyAndValue.key.value, "bias_k", to: headArray(emit, .key, gradients))
            shrink(emit, keyAndValue.value.value, "bias_v", to: headArray(emit, .value, gradients))
        }
        var arrived: [Int: Value] = [:]
        for (projection, gradient) in zip(projections, gradients) {
            guard let toInput = projection.backward(emit, from: gradient) else { continue }
            if let other = arrived[projection.input] {
                let sum = emit.workspace(elements: emit.inputShapes[projection.input].elementCount)
                program.addFlat(other, toInput, into: sum, count: emit.inputShapes[projection.input].elementCount)
                arrived[projection.input] = sum
            } else {
                arrived[projection.input] = toInput
            }
        }
        for (input, gradient) in arrived { emit.setInputGradient(input, as: gradient) }
    }
}
