// Encoder, decoder and both together, of the layers in TransformerLayers.swift; parameters are named as in
// PyTorch (layers.0.self_attn.in_proj_weight, norm.weight, encoder.layers.0...).

import Tensors

struct TransformerEncoder: CompositeLayer {
    static let kind = "transformer_encoder"
    static let className: String? = "TransformerEncoder"
    static let keepsShape = true
    static let documentation =
        "num_layers transformer_encoder_layers, one after the other, and a layer_norm if norm=true; src [batch, time, d_model], masks as "
        + "in multihead_attention"
    static let attributes = [numberOfLayers] + TransformerSettings.attributes + [finalNorm, causal]
    static let inputCount = 1...3
    static let inputRoles = ["src", "mask", "src_key_padding_mask"]
    static let parameterShapes = [(name: "layers.0.*", shape: "as transformer_encoder_layer, for each layer"), (name: "norm.weight, norm.bias", shape: "[d_model], if norm=true")]

    static let numberOfLayers = AttributeSpecification("num_layers", .integer(1...1024), "how many layers")
    static let finalNorm = AttributeSpecification("norm", .boolean, default: "false", "whether a layer_norm comes last")
    static let causal = AttributeSpecification("is_causal", .boolean, default: "false", "whether a position sees only itself and those before")

    let settings: TransformerSettings
    let count: Int
    let hasNorm: Bool
    let isCausal: Bool
    let roles: [String]

    init(_ attributes: Attributes) throws(ChainruleError) {
        settings = try TransformerSettings(attributes)
        count = attributes.integer("num_layers")
        hasNorm = attributes.boolean("norm")
        isCausal = attributes.boolean("is_causal")
        roles = attributes.inputRoles
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        [try settings.encoder(graph, GivenInputs(roles, inputs), prefix: "", count: count, isCausal: isCausal, hasNorm: hasNorm)]
    }
}

struct TransformerDecoder: CompositeLayer {
    static let kind = "transformer_decoder"
    static let className: String? = "TransformerDecoder"
    static let documentation =
        "num_layers transformer_decoder_layers, one after the other, and a layer_norm if norm=true; tgt [batch, time, d_model], memory "
        + "[batch, source, d_model], masks as in multihead_attention"
    static let attributes = [TransformerEncoder.numberOfLayers] + TransformerSettings.attributes + [TransformerEncoder.finalNorm]
        + TransformerDecoderLayer.causal
    static let inputCount = 2...6
    static let inputRoles = TransformerDecoderLayer.inputRoles
    static let parameterShapes = [(name: "layers.0.*", shape: "as transformer_decoder_layer, for each layer"), (name: "norm.weight, norm.bias", shape: "[d_model], if norm=true")]

    let settings: TransformerSettings
    let count: Int
    let hasNorm: Bool
    let causal: (target: Bool, memory: Bool)
    let roles: [String]

    init(_ attributes: Attributes) throws(ChainruleError) {
        settings = try TransformerSettings(attributes)
        count = attributes.integer("num_layers")
        hasNorm = attributes.boolean("norm")
        causal = (attributes.boolean("tgt_is_causal"), attributes.boolean("memory_is_causal"))
        roles = attributes.inputRoles
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        [try settings.decoder(graph, GivenInputs(roles, inputs), prefix: "", count: count, causal: causal, hasNorm: hasNorm)]
    }
}

struct Transformer: CompositeLayer {
    static let kind = "transformer"
    static let className: String? = "Transformer"
    static let documentation =
        "an encoder of src and a decoder of tgt that looks at it, each with a layer_norm at its end (Vaswani et al. 2017); src [batch, "
        + "source, d_model], tgt [batch, time, d_model], masks as in multihead_attention; linear1 and linear2 are xavier_uniform"
    static let attributes =
        [
            AttributeSpecification("d_model", .integer(.sizes), default: "512", "size of a position"),
            AttributeSpecification("nhead", .integer(.sizes), default: "8", "heads; they divide d_model"),
            AttributeSpecification("num_encoder_layers", .integer(1...1024), default: "6", "layers of the encoder"),
            AttributeSpecification("num_decoder_layers", .integer(1...1024), default: "6", "layers of the decoder"),
        ] + Array(TransformerSettings.attributes.dropFirst(2)) + [AttributeSpecification("src_is_causal", .boolean, default: "false", "the encoder's causality")]
        + TransformerDecoderLayer.causal
    static let inputCount = 2...8
    static let inputRoles = [
        "src", "tgt", "src_mask", "tgt_mask", "memory_mask", "src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask",
    ]
    static let parameterShapes = [
        (name: "encoder.layers.0.*", shape: "as transformer_encoder_layer"), (name: "encoder.norm.weight, encoder.norm.bias", shape: "[d_model]"),
        (name: "decoder.layers.0.*", shape: "as transformer_decoder_layer"), (name: "decoder.norm.weight, decoder.norm.bias", shape: "[d_model]"),
    ]

    let settings: TransformerSettings
    let encoderLayers: Int
    let decoderLayers: Int
    let sourceIsCausal: Bool
    let causal: (target: Bool, memory: Bool)
    let roles: [String]

    init(_ attributes: Attributes) throws(ChainruleError) {
        var settings = try TransformerSettings(attributes)
        settings.weightInitializer = "xavier_uniform"
        self.settings = settings
        encoderLayers = attributes.integer("num_encoder_layers")
        decoderLayers = attributes.integer("num_decoder_layers")
        sourceIsCausal = attributes.boolean("src_is_causal")
        causal = (attributes.boolean("tgt_is_causal"), attributes.boolean("memory_is_causal"))
        roles = attributes.inputRoles
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let given = GivenInputs(roles, inputs)
        var source = GivenInputs()
        source["src"] = given["src"]
        source["mask"] = given["src_mask"]
        source["src_key_padding_mask"] = given["src_key_padding_mask"]
        var target = given
        target["memory"] = try settings.encoder(
            graph, source, prefix: "encoder.", count: encoderLayers, isCausal: sourceIsCausal, hasNorm: true)
        return [try settings.decoder(graph, target, prefix: "decoder.", count: decoderLayers, causal: causal, hasNorm: true)]
    }
}

extension TransformerSettings {
    func encoder(
        _ graph: any GraphBuilding, _ given: GivenInputs, prefix: String, count: Int, isCausal: Bool, hasNorm: Bool
    ) throws(ChainruleError) -> Int {
        var x = given["src"] ?? 0
        for layer in 0..<count {
            x = try encoderLayer(
                graph, x, mask: given["mask"], padding: given["src_key_padding_mask"], isCausal: isCausal, prefix: "\(prefix)layers.\(layer).")
        }
        return hasNorm ? try norm(graph, x, "\(prefix)norm") : x
    }

    func decoder(
        _ graph: any GraphBuilding, _ given: GivenInputs, prefix: String, count: Int, causal: (target: Bool, memory: Bool), hasNorm: Bool
    ) throws(ChainruleError) -> Int {
        var x = given["tgt"] ?? 0
        for layer in 0..<count { x = try decoderLayer(graph, x, given, causal: causal, prefix: "\(prefix)layers.\(layer).") }
        return hasNorm ? try norm(graph, x, "\(prefix)norm") : x
    }
}
