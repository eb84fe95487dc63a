// multihead_attention with its attention weights as a second output, as torch.nn.MultiheadAttention with
// need_weights=True: a kind of its own, since multihead_attention never has all weights at once. Here all scores
// are nodes, so gradients go through the weights too.

import Tensors

struct MultiheadAttentionWithWeights: CompositeLayer {
    static let kind = "multihead_attention_with_weights"
    static let className: String? = "MultiheadAttentionWithWeights"
    static let documentation =
        "multihead_attention, and what it weighs values with: weights [batch, time, source], the mean over the heads, or [batch, num_heads, "
        + "time, source] with average_attn_weights=false, after dropout; source counts added keys too. Masks hold real numbers. All weights are kept, which "
        + "multihead_attention does without"
    static let attributes =
        MultiheadAttention.attributes + [
            AttributeSpecification("average_attn_weights", .boolean, default: "true", "whether weights are the mean over the heads")
        ]
    static let inputCount = MultiheadAttention.inputCount
    static let inputRoles = MultiheadAttention.inputRoles
    static let outputRoles = ["output", "weights"]
    static let parameterShapes = MultiheadAttention.parameterShapes

    let core: MultiheadAttention
    let averages: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        core = try MultiheadAttention(attributes)
        averages = attributes.boolean("average_attn_weights")
    }

    /// Scores of keys that are masked; far below all others, and finite, so that 0 comes of it.
    private static let hidden = "-1e30"
    private static let hiding = "-2e30"

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        var shapes: [Shape] = []
        for input in inputs { shapes.append(graph.shape(input)) }
        _ = try core.outputShapes(shapes)
        let (queries, keys, size) = (shapes[core.query][1], shapes[core.key][1], core.size / core.heads)
        var projections = try self.projections(graph, inputs, shapes)
        projections.query = try graph.add("mul", "value=\(1 / Double(size).squareRoot())", [projections.query])

        var scores = try graph.add("matmul", "", [projections.query, try graph.add("transpose", "dim0=2 dim1=3", [projections.key])])
        scores = try masked(graph, inputs, shapes, scores, queries: queries, keys: keys)
        let biases = try addedKeys(graph, projections.query)
        if !biases.scores.isEmpty { scores = try graph.add("concat", "dim=3", [scores] + biases.scores) }
        var weights = try graph.add("softmax", "dim=3", [scores])
        // A query without keys weighs none.
        weights = try graph.add("mul", "", [weights, try graph.add("gt", "value=\(Self.hidden)", [scores])])
        if core.dropout > 0 { weights = try graph.add("dropout", "p=\(core.dropout)", [weights]) }

        let own = core.freeKeys == 0 ? weights : try graph.add("slice", "dim=3 end=\(keys)", [weights])
        var heads = try graph.add("matmul", "", [own, projections.value])
        if let bias = biases.value {
            let share = try graph.add("slice", "dim=3 start=\(keys) end=\(keys + 1)", [weights])
            heads = try graph.add("add", "", [heads, try graph.add("mul", "", [share, bias])])
        }
        let rows = try graph.add("transpose", "dim0=1 dim1=2", [heads])
        let joined = try graph.add("reshape", "shape=\(lead(shapes[core.query]))\(queries),\(core.size)", [rows])
        let bound = (1 / Double(core.size)).squareRoot()
        let output = try graph.add(
            "linear", "out_features=\(core.size) bias=\(core.hasBias) weight_init=uniform(\(-bound),\(bound)) bias_init=zeros", joined,
            name: "out_proj")
        return [output, averages ? try graph.add("mean", "dim=1", [weights]) : weights]
    }

    /// Sizes that a reshape is told before those of a sample.
    private func lead(_ shape: Shape) -> String { shape.isBatched ? "" : "\(shape[0])," }

    /// Queries, keys and values [batch, heads, time, size].
    private func projections(
        _ graph: any GraphBuilding, _ inputs: [Int], _ shapes: [Shape]
    ) throws(ChainruleError) -> (query: Int, key: Int, value: Int) {
        let size = core.size
        func weight(_ name: String, _ rows: Int, _ columns: Int) throws(ChainruleError) -> Int {
            let bound = (6 / Double(rows + columns)).squareRoot()
            return try graph.add("parameter", "shape=\(rows),\(columns) init=uniform(\(-bound),\(bound))", [], name: name)[0]
        }
        let packed = core.isPacked ? try weight("in_proj_weight", 3 * size, size) : nil
        let sizes = [size, core.keySize, core.valueSize]
        var weights: [Int] = []
        for (part, name) in ["q_proj_weight", "k_proj_weight", "v_proj_weight"].enumerated() {
            if let packed {
                weights.append(try graph.add("slice", "dim=0 start=\(part * size) end=\((part + 1) * size)", [packed]))
            } else {
                weights.append(try weight(name, size, sizes[part]))
            }
        }
        let bias = core.hasBias ? try graph.add("parameter", "shape=\(3 * size) init=zeros", [], name: "in_proj_bias")[0] : nil
        func projection(_ part: Int, _ place: Int) throws(ChainruleError) -> Int {
            var sources = [inputs[place], weights[part]]
            if let bias { sources.append(try graph.add("slice", "dim=0 start=\(part * size) end=\((part + 1) * size)", [bias])) }
            let rows = try graph.add("linear", "out_features=\(size) bias=\(core.hasBias)", sources)
            let heads = "\(shapes[place][1]),\(core.heads),\(size / core.heads)"
            return try graph.add("transpose", "dim0=1 dim1=2", [try graph.add("reshape", "shape=\(lead(shapes[place]))\(heads)", [rows])])
        }
        return (try projection(0, core.query), try projection(1, core.key), try projection(2, core.value))
    }

    private func masked(
        _ graph: any GraphBuilding, _ inputs: [Int], _ shapes: [Shape], _ scores: Int, queries: Int, keys: Int
    ) throws(ChainruleError) -> Int {
        var scores = scores
        if let mask = core.mask { scores = try graph.add("add", "", [scores, inputs[mask]]) }
        if let padding = core.padding {
            let row = try graph.add("reshape", "shape=\(lead(shapes[padding]))1,1,\(keys)", [inputs[padding]])
            let hiding = try graph.add("mul", "value=\(Self.hiding)", [try graph.add("ne", "value=0", [row])])
            scores = try graph.add("add", "", [scores, hiding])
        }
        if core.isCausal {
            let hiding = try graph.add("constant", "shape=\(queries),\(keys) value=\(Self.hiding)", [], name: "later")[0]
            scores = try graph.add("add", "", [scores, try graph.add("triu", "diagonal=1", [hiding])])
        }
        return try graph.add("maximum", "value=\(Self.hidden)", [scores])
    }

    /// Scores [batch, heads, time, 1] of the keys that masks don't know of, and bias_v [heads, 1, size].
    private func addedKeys(_ graph: any GraphBuilding, _ query: Int) throws(ChainruleError) -> (scores: [Int], value: Int?) {
        var scores: [Int] = []
        var value: Int?
        if core.addsBias {
            let deviation = (2 / Double(2 * core.size)).squareRoot()
            var biases: [Int] = []
            for name in ["bias_k", "bias_v"] {
                let bias = try graph.add("parameter", "shape=1,1,\(core.size) init=normal(0,\(deviation))", [], name: name)[0]
                biases.append(try graph.add("reshape", "shape=\(core.heads),1,\(core.size / core.heads)", [bias]))
            }
            scores.append(try graph.add("sum", "dim=3 keepdim=true", [try graph.add("mul", "", [query, biases[0]])]))
            value = biases[1]
        }
        if core.addsZeros { scores.append(try graph.add("sum", "dim=3 keepdim=true", [try graph.add("mul", "value=0", [query])])) }
        return (scores, value)
    }
}
