// A row of a table for every index. Max_norm shortens the rows that are used: forward works with the
// shortened ones, and the table itself follows when a training step has succeeded.

import KernelInterface
import Tensors

struct Embedding: Layer {
    static let kind = "embedding"
    static let className: String? = "Embedding"
    static let documentation = "row i of weight [num_embeddings, embedding_dim] for every index i of the input, whole numbers of any rank"
    static let attributes = [
        EmbeddingTable.numEmbeddings, EmbeddingTable.embeddingDim, EmbeddingTable.paddingIndex, EmbeddingTable.maxNorm,
        EmbeddingTable.normType, EmbeddingTable.scaleGradByFreq, EmbeddingTable.sparse, EmbeddingTable.weightInit,
    ]
    static let parameterShapes = [(name: "weight", shape: "[num_embeddings, embedding_dim]")]
    static let integerInputs: Set<String> = ["input"]

    let table: EmbeddingTable

    init(_ attributes: Attributes) throws(ChainruleError) { table = try EmbeddingTable(attributes, kind: Self.kind) }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [Shape(inputs[0].dimensions + [table.columns])] }

    func parameters(_ inputs: [Shape]) throws(ChainruleError) -> [ParameterSpecification] { [try table.parameter()] }

    func forward(_ emit: Emitter) {
        guard let weight = emit.parameter("weight") else { return }
        let entries = emit.inputShapes[0].elementCount
        let indices = emit.indices(0, limit: table.rows)
        emit.save("indices", indices)
        emit.gatherRows(table, weight, indices, entries, into: emit.output())
        emit.renormalizeAtCommit(table, weight, indices, entries)
    }

    func backward(_ emit: Emitter) {
        guard let gradient = emit.parameterGradient("weight"), let indices = emit.saved("indices") else { return }
        emit.embeddingGradient(table, indices, emit.inputShapes[0].elementCount, [Operand(3, gradient, .write)])
    }
}

/// What embedding and embedding_bag have in common.
struct EmbeddingTable {
    static let numEmbeddings = AttributeSpecification("num_embeddings", .integer(1...Int(Int32.max)), "rows of the table")
    static let embeddingDim = AttributeSpecification("embedding_dim", .integer(.sizes), "size of a row")
    static let paddingIndex = AttributeSpecification(
        "padding_idx", .integer(.any), optional: true, "a row that gets no gradient, at first zeros; negative: from the end")
    static let maxNorm = AttributeSpecification(
        "max_norm", .real(.positive), optional: true, "used rows with a larger norm are scaled down to it")
    static let normType = AttributeSpecification("norm_type", .real(.positive), default: "2", "exponent of that norm")
    static let scaleGradByFreq = AttributeSpecification(
        "scale_grad_by_freq", .boolean, default: "false", "whether a row's gradient is divided by the number of its uses in the batch")
    static let sparse = AttributeSpecification(
        "sparse", .boolean, default: "false",
        "whether a trainer's step updates only the rows in use, which takes no time for the others: with sgd or adagrad without "
            + "momentum, decay, clip_norm and accumulation, where it changes nothing else; other optimizers need the whole table")
    static let weightInit = AttributeSpecification("weight_init", .text, default: "normal(0,1)", "initializer of the table")

    let rows: Int
    let columns: Int
    let padding: Int?
    let maxNorm: Double?
    let normType: Double
    let isScaledByFrequency: Bool
    let isSparse: Bool
    let initializer: String

    init(_ attributes: Attributes, kind: String) throws(ChainruleError) {
        rows = attributes.integer("num_embeddings")
        columns = attributes.integer("embedding_dim")
        maxNorm = attributes.has("max_norm") ? attributes.real("max_norm") : nil
        normType = attributes.real("norm_type")
        isScaledByFrequency = attributes.boolean("scale_grad_by_freq")
        isSparse = attributes.boolean("sparse")
        initializer = attributes.text("weight_init")
        guard attributes.has("padding_idx") else {
            padding = nil
            return
        }
        let index = attributes.integer("padding_idx")
        guard index >= -rows, index < rows else {
            throw ChainruleError(.attribute, "\(kind)'s padding_idx", expected: "\(-rows) to \(rows - 1)", got: "\(index)")
        }
        padding = index < 0 ? index + rows : index
    }

    func parameter() throws(ChainruleError) -> ParameterSpecification {
        var specification = ParameterSpecification(
            "weight", [rows, columns],
            try Initializer(initializer, fanIn: columns, fanOut: rows, what: "attribute weight_init"))
        specification.isSparse = isSparse
        if let padding { specification.zeros = padding * columns..<(padding + 1) * columns }
        return specification
    }
}

extension Emitter {
    /// result[entry] = the row that the entry names.
    func gatherRows(_ table: EmbeddingTable, _ weight: Value, _ indices: Value, _ entries: Int, into result: Value) {
        let perPiece = StridedSpace.rowsPerPiece(columns: table.columns)
        let pieces = (entries + perPiece - 1) / perPiece
        let cost = Double(entries * table.columns) * 0.2
        if let maxNorm = table.maxNorm {
            program.call(
                .gatherNormalized, [Operand(0, weight, .read), Operand(1, indices, .read), Operand(2, result, .write)],
                pieces: pieces, cost: 2 * cost
            ) {
                $0.integers[0] = entries
                $0.integers[1] = table.columns
                $0.integers[2] = perPiece
                $0.scalars[0] = maxNorm
                $0.scalars[1] = table.normType
            }
            return
        }
        program.call(
            .gatherRows, [Operand(0, weight, .read), Operand(1, result, .write), Operand(2, indices, .read)],
            pieces: pieces, cost: cost
        ) {
            $0.integers[0] = entries
            $0.integers[1] = table.columns
            $0.integers[2] = table.columns
            $0.integers[3] = $0.isDouble ? 2 : 1
            $0.integers[4] = perPiece
            $0.integers[5] = $0.isDouble ? 1 : 0
            $0.integers[6] = 1
        }
    }

    func renormalizeAtCommit(_ table: EmbeddingTable, _ weight: Value, _ indices: Value, _ entries: Int) {
        guard let maxNorm = table.maxNorm, isTraining else { return }
        atCommit { program in
            program.call(
                .renormalizeRows, [Operand(0, weight, .write), Operand(1, indices, .read)], pieces: (table.rows + 8191) / 8192,
                cost: Double(entries * table.columns) * 0.5
            ) {
                $0.integers[0] = entries
                $0.integers[1] = table.columns
                $0.integers[2] = table.rows
                $0.scalars[0] = maxNorm
                $0.scalars[1] = table.normType
            }
        }
    }

    /// The gradient in the table from that in the output; `operands` are those of embeddingBackward from slot 3 on.
    func embeddingGradient(_ table: EmbeddingTable, _ indices: Value, _ entries: Int, _ operands: [Operand]) {
        let kept = touchedRows("weight")
        if let kept, let gradient = operands.first(where: { $0.slot == 3 })?.value {
            program.call(
                .clearTouchedRows, [Operand(1, gradient, .write), Operand(6, kept, .read)],
                pieces: (table.rows + rowsPerTouchedPiece - 1) / rowsPerTouchedPiece, cost: Double(table.rows) * 0.5
            ) {
                $0.integers[0] = table.rows
                $0.integers[1] = table.columns
            }
        }
        let first = kept ?? program.value(bytes: table.rows * 8)
        let next = program.value(bytes: entries * 8)
        program.call(
            .embeddingLists, [Operand(0, indices, .read), Operand(1, first, .write), Operand(2, next, .write)],
            cost: Double(entries + table.rows)
        ) {
            $0.integers[0] = entries
            $0.integers[1] = table.rows
            $0.integers[2] = table.padding ?? -1
        }
        let perPiece = StridedSpace.rowsPerPiece(columns: table.columns)
        program.call(
            .embeddingBackward,
            [Operand(0, outputGradient(), .read), Operand(1, first, .read), Operand(2, next, .read)] + operands,
            pieces: (table.rows + perPiece - 1) / perPiece, cost: Double((kept == nil ? table.rows + entries : entries) * table.columns) * 0.2
        ) {
            $0.integers[0] = table.rows
            $0.integers[1] = table.columns
            $0.integers[2] = perPiece
            $0.integers[3] = table.isScaledByFrequency ? 1 : 0
            $0.integers[4] = kept == nil ? 0 : 1
        }
    }
}
