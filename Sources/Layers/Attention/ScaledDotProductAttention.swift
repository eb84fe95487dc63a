// Attention of given queries, keys and values, as torch.nn.functional.scaled_dot_product_attention.

import KernelInterface
import Tensors

struct ScaledDotProductAttention: Layer {
    static let kind = "scaled_dot_product_attention"
    static let documentation =
        "softmax(query key^T scale + attn_mask) value (Vaswani et al. 2017); query [batch, heads, time, size], key and value "
        + "[batch, heads, source, ...], or all without heads; attn_mask is added and broadcasts to [batch, heads, time, source]; "
        + "a query all of whose keys have -inf gets 0, as in PyTorch; the scores are never stored as a whole"
    static let attributes = [
        AttributeSpecification("dropout_p", .real(.probability), default: "0.0", "probability of dropping a weight, in training only"),
        AttributeSpecification("is_causal", .boolean, default: "false", "whether query i sees keys 0 to i only"),
        AttributeSpecification("scale", .real(.finite), optional: true, "factor of the products; without it 1/sqrt(size)"),
    ]
    static let inputCount = 3...4
    static let inputRoles = ["query", "key", "value", "attn_mask"]

    let dropout: Double
    let isCausal: Bool
    let scale: Double?
    let maskInput: Int?
    let places: (query: Int, key: Int, value: Int)

    init(_ attributes: Attributes) throws(ChainruleError) {
        dropout = attributes.real("dropout_p")
        isCausal = attributes.boolean("is_causal")
        scale = attributes.has("scale") ? attributes.real("scale") : nil
        maskInput = attributes.input("attn_mask")
        places = (attributes.input("query") ?? 0, attributes.input("key") ?? 1, attributes.input("value") ?? 2)
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let (query, key, value) = (inputs[places.query], inputs[places.key], inputs[places.value])
        guard query.rank == 3 || query.rank == 4, query[query.rank - 2] != Shape.batch, query[query.rank - 1] > 0 else {
            throw ChainruleError(
                .shape, "the query of \(Self.kind)", expected: "[batch, heads, time, size] or [batch, time, size], size 1 or more", got: "\(query)")
        }
        let leading = query.dimensions.dropLast(2)
        guard key.rank == query.rank, key.dimensions.dropLast(2) == leading, key[key.rank - 1] == query[query.rank - 1] else {
            throw ChainruleError(
                .shape, "the key of \(Self.kind)", expected: "the query's sizes, but any time: \(query)", got: "\(key)")
        }
        guard value.rank == query.rank, value.dimensions.dropLast(1) == key.dimensions.dropLast(1), value[value.rank - 1] > 0 else {
            throw ChainruleError(
                .shape, "the value of \(Self.kind)", expected: "the key's sizes, but any last one of 1 or more: \(key)", got: "\(value)")
        }
        if let maskInput {
            let full = Shape(Array(query.dimensions.dropLast()) + [key[key.rank - 2]])
            try checkAttentionMask(inputs[maskInput], full, what: "the attn_mask of \(Self.kind)")
        }
        return [Shape(Array(query.dimensions.dropLast()) + [value[value.rank - 1]])]
    }

    private func problem(_ emit: Emitter) -> Attention {
        let query = emit.inputShapes[places.query]
        let key = emit.inputShapes[places.key]
        let rank = query.rank
        var attention = Attention(
            emit.program, batch: query[0], heads: rank == 4 ? query[1] : 1, queries: query[rank - 2], keys: key[rank - 2],
            size: query[rank - 1], valueSize: emit.outputShapes[0][rank - 1], query: heads(emit.input(places.query), query),
            key: heads(emit.input(places.key), key), value: heads(emit.input(places.value), emit.inputShapes[places.value]),
            output: heads(emit.output(), emit.outputShapes[0]))
        if let scale { attention.shape.scale = scale }
        attention.setCausal(isCausal)
        attention.setDropout(dropout, emit)
        if let maskInput { attention.add(mask: emit.input(maskInput), fourSizes(emit.inputShapes[maskInput], rank)) }
        return attention
    }

    /// A mask's shape with a place for the heads, where the arrays have none.
    private func fourSizes(_ mask: Shape, _ rank: Int) -> Shape {
        rank == 3 && mask.rank == 3 ? Shape([mask[0], 1, mask[1], mask[2]]) : mask
    }

    private func heads(_ value: Value, _ shape: Shape) -> HeadArray {
        let strides = shape.strides
        return HeadArray(
            value: value,
            strides: AttentionStrides(batch: strides[0], head: shape.rank == 4 ? strides[1] : 0, row: strides[shape.rank - 2]))
    }

    func forward(_ emit: Emitter) {
        let attention = problem(emit)
        emit.save("logSums", attention.logSums)
        attention.forward(emit.program)
    }

    func backward(_ emit: Emitter) {
        var attention = problem(emit)
        if let logSums = emit.saved("logSums") { attention.logSums = logSums }
        func gradient(_ place: Int) -> HeadArray {
            let count = emit.inputShapes[place].elementCount
            return heads(emit.needsInputGradient(place) ? emit.inputGradient(place) : emit.workspace(elements: count), emit.inputShapes[place])
        }
        let wantsMask = maskInput.map { emit.needsInputGradient($0) } ?? false
        let slopes = attention.roomForScores(emit, wantsMask)
        let wantsKeys = emit.needsInputGradient(places.key) || emit.needsInputGradient(places.value)
        attention.backward(
            emit.program, outputGradient: heads(emit.outputGradient(), emit.outputShapes[0]),
            query: emit.needsInputGradient(places.query) ? gradient(places.query) : nil,
            keyAndValue: wantsKeys ? (gradient(places.key), gradient(places.value)) : nil, mask: slopes)
        if let slopes, let maskInput {
            let mask = fourSizes(emit.inputShapes[maskInput], emit.inputShapes[places.query].rank)
            emit.program.sumTo(mask, slopes, attention.scores, into: emit.inputGradient(maskInput))
        }
    }
}

/// A mask must broadcast to the scores, without making them larger.
func checkAttentionMask(_ mask: Shape, _ full: Shape, what: String) throws(ChainruleError) {
    guard mask.rank >= 2, let shape = try? Shape.broadcast(mask, full), shape == full else {
        throw ChainruleError(.shape, what, expected: "2 sizes or more that broadcast to \(full)", got: "\(mask)")
    }
}
