// One layer of a transformer's encoder and one of its decoder: attention and two linear layers, each added
// to what it was given, with a layer_norm before (norm_first) or after.

import Tensors

struct TransformerEncoderLayer: CompositeLayer {
    static let kind = "transformer_encoder_layer"
    static let className: String? = "TransformerEncoderLayer"
    static let keepsShape = true
    static let documentation =
        "x = norm1(x + self_attn(x)); x = norm2(x + linear2(activation(linear1(x)))), or with the norms inside (norm_first) (Vaswani et "
        + "al. 2017); src [batch, time, d_model], masks as in multihead_attention"
    static let attributes = TransformerSettings.attributes + [TransformerEncoder.causal]
    static let inputCount = 1...3
    static let inputRoles = ["src", "src_mask", "src_key_padding_mask"]
    static let parameterShapes = [
        (name: "self_attn.*", shape: "as multihead_attention"), (name: "linear1.weight", shape: "[dim_feedforward, d_model]"),
        (name: "linear2.weight", shape: "[d_model, dim_feedforward]"), (name: "norm1.weight, norm2.weight", shape: "[d_model]"),
        (name: "*.bias", shape: "of each, if bias=true"),
    ]

    let settings: TransformerSettings
    let isCausal: Bool
    let roles: [String]

    init(_ attributes: Attributes) throws(ChainruleError) {
        settings = try TransformerSettings(attributes)
        isCausal = attributes.boolean("is_causal")
        roles = attributes.inputRoles
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let given = GivenInputs(roles, inputs)
        return [
            try settings.encoderLayer(
                graph, given["src"] ?? 0, mask: given["src_mask"], padding: given["src_key_padding_mask"], isCausal: isCausal, prefix: "")
        ]
    }
}

struct TransformerDecoderLayer: CompositeLayer {
    static let kind = "transformer_decoder_layer"
    static let className: String? = "TransformerDecoderLayer"
    static let documentation =
        "x = norm1(x + self_attn(x)); x = norm2(x + multihead_attn(x, memory)); x = norm3(x + linear2(activation(linear1(x)))), or with "
        + "the norms inside (norm_first) (Vaswani et al. 2017); tgt [batch, time, d_model], memory [batch, source, d_model]"
    static let attributes = TransformerSettings.attributes + causal
    static let inputCount = 2...6
    static let inputRoles = ["tgt", "memory", "tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask"]
    static let parameterShapes = [
        (name: "self_attn.*, multihead_attn.*", shape: "as multihead_attention"), (name: "linear1.weight", shape: "[dim_feedforward, d_model]"),
        (name: "linear2.weight", shape: "[d_model, dim_feedforward]"), (name: "norm1.weight, norm2.weight, norm3.weight", shape: "[d_model]"),
        (name: "*.bias", shape: "of each, if bias=true"),
    ]
    static let causal = [
        AttributeSpecification("tgt_is_causal", .boolean, default: "false", "whether a position of tgt sees only itself and those before"),
        AttributeSpecification("memory_is_causal", .boolean, default: "false", "whether position i of tgt sees only positions 0 to i of memory"),
    ]

    let settings: TransformerSettings
    let causal: (target: Bool, memory: Bool)
    let roles: [String]

    init(_ attributes: Attributes) throws(ChainruleError) {
        settings = try TransformerSettings(attributes)
        causal = (attributes.boolean("tgt_is_causal"), attributes.boolean("memory_is_causal"))
        roles = attributes.inputRoles
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let given = GivenInputs(roles, inputs)
        return [try settings.decoderLayer(graph, given["tgt"] ?? 0, given, causal: causal, prefix: "")]
    }
}

/// Nodes by the roles they were given for.
struct GivenInputs {
    private var nodes: [String: Int] = [:]
    init() {}
    init(_ roles: [String], _ inputs: [Int]) {
        for (role, node) in zip(roles, inputs) { nodes[role] = node }
    }
    subscript(_ role: String) -> Int? {
        get { nodes[role] }
        set { nodes[role] = newValue }
    }
}

/// What all layers of a transformer have in common, and the nodes that they are made of.
struct TransformerSettings: Sendable {
    static let attributes = [
        AttributeSpecification("d_model", .integer(.sizes), "size of a position"),
        AttributeSpecification("nhead", .integer(.sizes), "heads; they divide d_model"),
        AttributeSpecification("dim_feedforward", .integer(.sizes), default: "2048", "outputs of the first linear layer"),
        AttributeSpecification("dropout", .real(.probability), default: "0.1", "of attention weights, of the activation, and of what is added"),
        AttributeSpecification("activation", .word(["relu", "gelu"]), default: "relu", "between the linear layers"),
        AttributeSpecification("layer_norm_eps", .real(.notNegative), default: "1e-05", "of the layer norms"),
        MultiheadAttention.batchFirst,
        AttributeSpecification("norm_first", .boolean, default: "false", "whether norms come before attention and linear layers, not after"),
        AttributeSpecification("bias", .boolean, default: "true", "whether linear layers, projections and norms have biases"),
    ]

    let size: Int
    let heads: Int
    let inner: Int
    let dropout: Double
    let activation: String
    let eps: Double
    let normFirst: Bool
    let hasBias: Bool
    /// Of the linear layers.
    var weightInitializer = "default"

    init(_ attributes: Attributes) throws(ChainruleError) {
        try MultiheadAttention.checkBatchFirst(attributes)
        size = attributes.integer("d_model")
        heads = attributes.integer("nhead")
        inner = attributes.integer("dim_feedforward")
        dropout = attributes.real("dropout")
        activation = attributes.text("activation")
        eps = attributes.real("layer_norm_eps")
        normFirst = attributes.boolean("norm_first")
        hasBias = attributes.boolean("bias")
    }

    func encoderLayer(
        _ graph: any GraphBuilding, _ input: Int, mask: Int?, padding: Int?, isCausal: Bool, prefix: String
    ) throws(ChainruleError) -> Int {
        let x = try added(graph, input, "\(prefix)norm1") { x throws(ChainruleError) in
            try attention(graph, x, nil, mask, padding, isCausal, "\(prefix)self_attn")
        }
        return try added(graph, x, "\(prefix)norm2") { x throws(ChainruleError) in try feedForward(graph, x, prefix) }
    }

    func decoderLayer(
        _ graph: any GraphBuilding, _ input: Int, _ given: GivenInputs, causal: (target: Bool, memory: Bool), prefix: String
    ) throws(ChainruleError) -> Int {
        var x = try added(graph, input, "\(prefix)norm1") { x throws(ChainruleError) in
            try attention(graph, x, nil, given["tgt_mask"], given["tgt_key_padding_mask"], causal.target, "\(prefix)self_attn")
        }
        x = try added(graph, x, "\(prefix)norm2") { x throws(ChainruleError) in
            try attention(
                graph, x, given["memory"], given["memory_mask"], given["memory_key_padding_mask"], causal.memory, "\(prefix)multihead_attn")
        }
        return try added(graph, x, "\(prefix)norm3") { x throws(ChainruleError) in try feedForward(graph, x, prefix) }
    }

    /// x + dropped(part(norm(x))), or norm(x + dropped(part(x))).
    private func added(
        _ graph: any GraphBuilding, _ x: Int, _ name: String, _ part: (Int) throws(ChainruleError) -> Int
    ) throws(ChainruleError) -> Int {
        let inside = try part(normFirst ? norm(graph, x, name) : x)
        let sum = try graph.add("add", "", [x, dropped(graph, inside)])
        return normFirst ? sum : try norm(graph, sum, name)
    }

    func norm(_ graph: any GraphBuilding, _ x: Int, _ name: String) throws(ChainruleError) -> Int {
        try graph.add("layer_norm", "normalized_shape=\(size) eps=\(eps) bias=\(hasBias)", x, name: name)
    }

    private func dropped(_ graph: any GraphBuilding, _ x: Int) throws(ChainruleError) -> Int {
        dropout == 0 ? x : try graph.add("dropout", "p=\(dropout)", [x])
    }

    private func attention(
        _ graph: any GraphBuilding, _ query: Int, _ memory: Int?, _ mask: Int?, _ padding: Int?, _ isCausal: Bool, _ name: String
    ) throws(ChainruleError) -> Int {
        let given: [(String, Int?)] = [("query", query), ("key", memory), ("key_padding_mask", padding), ("attn_mask", mask)].filter { $0.1 != nil }
        let words = [
            "embed_dim=\(size)", "num_heads=\(heads)", "dropout=\(dropout)", "bias=\(hasBias)", "is_causal=\(isCausal)",
            "inputs=\(given.map { $0.0 }.joined(separator: ","))",
        ]
        return try graph.add("multihead_attention", words.joined(separator: " "), given.compactMap { $0.1 }, name: name)[0]
    }

    private func feedForward(_ graph: any GraphBuilding, _ x: Int, _ prefix: String) throws(ChainruleError) -> Int {
        let words = "bias=\(hasBias) weight_init=\(weightInitializer)"
        let wide = try graph.add("linear", "out_features=\(inner) \(words)", x, name: "\(prefix)linear1")
        let active = try dropped(graph, graph.add(activation, "", [wide]))
        return try graph.add("linear", "out_features=\(size) \(words)", active, name: "\(prefix)linear2")
    }
}
