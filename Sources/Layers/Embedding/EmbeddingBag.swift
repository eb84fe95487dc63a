// Sums, means or largest elements of an embedding's rows over bags of indices, without the rows in between.

import KernelInterface
import Tensors

struct EmbeddingBag: Layer {
    static let kind = "embedding_bag"
    static let className: String? = "EmbeddingBag"
    static let documentation =
        "sum, mean or maximum of the rows of weight over each bag of indices: a row of the input [batch, n], or, with "
        + "offsets [bags], the entries of a flat input [n] from each offset to the next"
    static let attributes = [
        EmbeddingTable.numEmbeddings, EmbeddingTable.embeddingDim, EmbeddingTable.maxNorm, EmbeddingTable.normType,
        EmbeddingTable.scaleGradByFreq,
        AttributeSpecification("mode", .word(["sum", "mean", "max"]), default: "mean", "what is made of a bag's rows"),
        EmbeddingTable.sparse,
        AttributeSpecification(
            "include_last_offset", .boolean, default: "false", "whether offsets has one number more, the end of the last bag"),
        EmbeddingTable.paddingIndex, EmbeddingTable.weightInit,
    ]
    static let inputCount = 1...3
    static let inputRoles = ["input", "offsets", "per_sample_weights"]
    static let integerInputs: Set<String> = ["input", "offsets"]
    static let parameterShapes = [(name: "weight", shape: "[num_embeddings, embedding_dim]")]

    let table: EmbeddingTable
    let mode: String
    let includesLast: Bool
    let offsets: Int?
    let weights: Int?

    init(_ attributes: Attributes) throws(ChainruleError) {
        table = try EmbeddingTable(attributes, kind: Self.kind)
        mode = attributes.text("mode")
        includesLast = attributes.boolean("include_last_offset")
        offsets = attributes.input("offsets")
        weights = attributes.input("per_sample_weights")
        guard mode == "sum" || weights == nil else {
            throw ChainruleError(.attribute, "embedding_bag's mode", expected: "sum, as there are per_sample_weights", got: mode)
        }
        guard mode != "max" || !table.isScaledByFrequency else {
            throw ChainruleError(.attribute, "embedding_bag's scale_grad_by_freq", expected: "false, as mode is max", got: "true")
        }
        guard offsets != nil || !includesLast else {
            throw ChainruleError(.attribute, "embedding_bag's include_last_offset", expected: "false without offsets", got: "true")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        if let weights, inputs[weights] != inputs[0] {
            throw ChainruleError(
                .shape, "embedding_bag's per_sample_weights", expected: "the input's shape \(inputs[0])", got: "\(inputs[weights])")
        }
        guard let offsets else {
            guard inputs[0].rank == 2 else {
                throw ChainruleError(.shape, "embedding_bag's input", expected: "[batch, n], or offsets as well", got: "\(inputs[0])")
            }
            return [[inputs[0][0], table.columns]]
        }
        guard inputs[0].rank == 1, inputs[offsets].rank == 1 else {
            throw ChainruleError(
                .shape, "embedding_bag's inputs", expected: "an input [n] and offsets [bags]", got: "\(inputs[0]) and \(inputs[offsets])")
        }
        let bags = inputs[offsets][0]
        guard includesLast else { return [[bags, table.columns]] }
        guard bags != Shape.batch, bags > 0 else {
            throw ChainruleError(
                .shape, "embedding_bag's offsets", expected: "a fixed size of 1 or more (batched=false) with include_last_offset",
                got: "\(inputs[offsets])")
        }
        return [[bags - 1, table.columns]]
    }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { [try table.parameter()] }

    /// The next sample's offset is where a bag ends.
    func mixesSamples(_ inputs: [Shape]) -> Bool { offsets != nil }

    func forward(_ emit: Emitter) {
        guard let weight = emit.parameter("weight") else { return }
        let entries = emit.inputShapes[0].elementCount
        let bags = emit.outputShapes[0][0]
        let indices = emit.indices(0, limit: table.rows)
        let begins = emit.program.value(bytes: (bags + 1) * 8)
        let bagOf = emit.program.value(bytes: entries * 8)
        let factors = emit.workspace(elements: entries)
        var plan = [
            Operand(0, indices, .read), Operand(3, begins, .write), Operand(4, bagOf, .write), Operand(5, factors, .write),
        ]
        if let offsets { plan.append(Operand(1, emit.indices(offsets, limit: entries + 1), .read)) }
        if let weights { plan.append(Operand(2, emit.input(weights), .read)) }
        emit.program.call(.bagPlan, plan, cost: Double(2 * entries + bags)) {
            $0.integers[0] = entries
            $0.integers[1] = bags
            $0.integers[2] = offsets == nil ? emit.inputShapes[0][1] : 0
            $0.integers[3] = mode == "mean" ? 1 : 0
            $0.integers[4] = table.padding ?? -1
            $0.integers[5] = includesLast ? 1 : 0
        }
        emit.save("indices", indices)
        emit.save("bagOf", bagOf)
        emit.save("factors", factors)
        // Shortened rows are gathered first.
        if table.maxNorm != nil {
            let rows = emit.workspace(elements: entries * table.columns)
            emit.gatherRows(table, weight, indices, entries, into: rows)
            emit.save("rows", rows)
        }
        var operands = rows(emit, weight, indices) + [
            Operand(2, begins, .read), Operand(3, factors, .read), Operand(4, emit.output(), .write),
        ]
        if mode == "max" {
            let winners = emit.program.value(bytes: bags * table.columns * 8)
            operands.append(Operand(5, winners, .write))
            emit.save("winners", winners)
        }
        let perPiece = max(1, elementsPerPiece * max(bags, 1) / max(1, entries * table.columns))
        emit.program.call(
            .bagForward, operands, pieces: (bags + perPiece - 1) / perPiece, cost: Double(entries * table.columns) * 0.2
        ) {
            $0.integers[0] = bags
            $0.integers[1] = table.columns
            $0.integers[2] = perPiece
        }
        emit.renormalizeAtCommit(table, weight, indices, entries)
    }

    /// Slots 0 and 1: where an entry's row is.
    private func rows(_ emit: Emitter, _ weight: Value, _ indices: Value) -> [Operand] {
        if let rows = emit.saved("rows") { return [Operand(0, rows, .read)] }
        return [Operand(0, weight, .read), Operand(1, indices, .read)]
    }

    func backward(_ emit: Emitter) {
        guard let indices = emit.saved("indices"), let bagOf = emit.saved("bagOf"), let factors = emit.saved("factors"),
            let weight = emit.parameter("weight")
        else { return }
        let entries = emit.inputShapes[0].elementCount
        if let gradient = emit.parameterGradient("weight") {
            var operands = [Operand(3, gradient, .write), Operand(4, bagOf, .read), Operand(5, factors, .read)]
            if let winners = emit.saved("winners") { operands.append(Operand(6, winners, .read)) }
            emit.embeddingGradient(table, indices, entries, operands)
        }
        guard let weights, emit.needsInputGradient(weights) else { return }
        let perPiece = StridedSpace.rowsPerPiece(columns: table.columns)
        emit.program.call(
            .bagWeightBackward,
            rows(emit, weight, indices) + [
                Operand(2, bagOf, .read), Operand(3, emit.outputGradient(), .read), Operand(4, emit.inputGradient(weights), .write),
            ], pieces: (entries + perPiece - 1) / perPiece, cost: Double(entries * table.columns) * 0.2
        ) {
            $0.integers[0] = entries
            $0.integers[1] = table.columns
            $0.integers[2] = perPiece
        }
    }
}
