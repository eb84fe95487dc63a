// -log softmax(x) at the label, as torch.nn.CrossEntropyLoss: logits in, labels or probabilities as
// targets, label smoothing, class weights (the mean is then divided by the labels' weights).

import KernelInterface
import Layers
import Tensors

struct CrossEntropy: Loss {
    static let kind = "cross_entropy"
    static let className: String? = "CrossEntropyLoss"
    static let documentation = """
        -log softmax(x) at the label; x are logits [batch, classes, d1, ...], targets labels [batch, d1, ...] or \
        probabilities of the logits' shape
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("weight", .reals, optional: true, "what each class counts"),
        AttributeSpecification("ignore_index", .integer(.any), default: "-100", "a label that counts nothing"),
        .reduction,
        AttributeSpecification("label_smoothing", .real(.probability), default: "0", "share of the target spread over all classes"),
        AttributeSpecification("class_weights", .reals, optional: true, "another name of weight"),
    ]
    static let targetRoles = [TargetRole("target", .either)]

    let smoothing: Double
    let classWeights: [Double]
    let ignored: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        guard !attributes.has("weight") || !attributes.has("class_weights") else {
            throw ChainruleError(.attribute, "cross_entropy's weight", expected: "weight or class_weights", got: "both")
        }
        smoothing = attributes.real("label_smoothing")
        ignored = attributes.integer("ignore_index")
        classWeights = try Self.weights(attributes, attributes.has("weight") ? "weight" : "class_weights")
    }

    var link: PredictionLink { .softmax }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let shape = predictions[0]
        let classes = try dimension(shape, rank: 2...8, "logits [batch, classes, d1, ...]")
        try Self.check(classWeights, "weight", count: classes)
        guard integers[0] else {
            return [TargetSpecification(shape: shape, alternative: " or int32/int64 labels \(shape.withoutClasses)")]
        }
        return [
            TargetSpecification(
                shape: shape.withoutClasses, labels: LabelRange(classes: classes, ignored: ignored), alternative: shape.classesInWords)
        ]
    }

    func emit(_ emit: LossEmitter) {
        let rows = emit.classRows
        let program = emit.program
        let classes = classWeights.isEmpty ? nil : program.constant(classWeights)
        // Class weights count in the divisor for labels only, as in PyTorch.
        let scale = emit.hasLabels()
            ? emit.scale(labels: emit.targets[0], positions: rows.positions, classWeights: classes)
            : emit.scale(elements: rows.positions)
        let logits = emit.asRows(emit.predictions[0], rows)
        let target = emit.hasLabels() ? emit.targets[0] : emit.asRows(emit.targets[0], rows)
        // A row takes as long as one of whole vectors. Few rows are shared too: in the products before and behind, those
        // that a core computed are its own.
        let elements = rows.count * ((rows.classes + 15) / 16 * 16)
        let parts = max((elements + elementsPerPiece - 1) / elementsPerPiece, elements < 4096 ? 1 : 2)
        let rowsPerPiece = max((rows.count + parts - 1) / parts, 1)
        let pieces = max((rows.count + rowsPerPiece - 1) / rowsPerPiece, 1)
        let partials = program.value(bytes: pieces * 8)
        emit.withGradientRows(rows) { gradient in
            var list = [Operand(0, logits, .read), Operand(1, target, .read), Operand(5, partials, .write)]
            if let weights = emit.sampleWeights { list.append(Operand(2, weights, .read)) }
            if let classes { list.append(Operand(3, classes, .read)) }
            if let gradient { list.append(Operand(4, gradient, .write)) }
            if let weightSum = scale.weightSum { list.append(Operand(6, weightSum, .read)) }
            if let losses = emit.place(emit.shapes[0].withoutClasses) { list.append(Operand(7, losses, .write)) }
            program.call(.crossEntropy, list, pieces: pieces, cost: Double(elements)) {
                $0.integers[0] = rows.count
                $0.integers[1] = rows.classes
                $0.integers[2] = rowsPerPiece
                $0.integers[3] = emit.hasLabels() ? 0 : 1
                $0.integers[4] = rows.positions
                $0.scalars[0] = scale.divisor
                $0.scalars[1] = smoothing
            }
        }
        emit.finish(partials, pieces, scale)
    }
}
