// -log softmax(x) at the label, as torch.nn.CrossEntropyLoss: logits in, labels or probabilities as
// targets, label smoothing, class weights (the mean is then divided by the labels' weights).

import KernelInterface
import Layers
import Tensors

struct CrossEntropy: Loss {
    static let kind = "cross_entropy"
    static let documentation = "-log softmax(x) at the label; x are logits [batch, classes], targets labels [batch] or probabilities [batch, classes]"
    static let attributes = [
        AttributeSpecification("label_smoothing", .real(.probability), default: "0", "share of the target spread over all classes"),
        AttributeSpecification("class_weights", .reals, optional: true, "one weight a class"),
    ]

    let smoothing: Double
    let classWeights: [Double]

    init(_ attributes: Attributes) throws(ChainruleError) {
        smoothing = attributes.real("label_smoothing")
        classWeights = attributes.reals("class_weights")
        guard classWeights.allSatisfy({ $0 >= 0 }), !attributes.has("class_weights") || !classWeights.isEmpty else {
            throw ChainruleError(
                .attribute, "cross_entropy's class_weights", expected: "one number of 0 or more for each class", got: "\(classWeights)")
        }
    }

    var hasWeights: Bool { !classWeights.isEmpty }

    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification {
        guard prediction.rank == 2, prediction[1] > 0 else {
            throw ChainruleError(
                .shape, "cross_entropy's prediction", expected: "logits [batch, classes]", got: "\(prediction)")
        }
        let classes = prediction[1]
        guard classWeights.isEmpty || classWeights.count == classes else {
            throw ChainruleError(
                .attribute, "cross_entropy's class_weights", expected: "\(classes) numbers", got: "\(classWeights.count)")
        }
        return isInteger
            ? TargetSpecification(shape: [prediction[0]], classes: classes)
            : TargetSpecification(shape: prediction, alternative: " or int32/int64 labels [batch]")
    }

    func emit(_ program: Program, _ operands: LossOperands) {
        let rows = operands.shape[0]
        let columns = operands.shape[1]
        let rowsPerPiece = StridedSpace.rowsPerPiece(columns: columns)
        let pieces = max((rows + rowsPerPiece - 1) / rowsPerPiece, 1)
        let partials = program.value(bytes: pieces * 8)
        let classes = classWeights.isEmpty ? nil : program.constant(classWeights)
        // Class weights count in the divisor for labels only, as in PyTorch.
        let weighted = operands.sampleWeights != nil || (classes != nil && operands.hasLabels)
        if weighted {
            program.weightSum(
                rows: rows, samples: operands.sampleWeights, classes: operands.hasLabels ? classes : nil,
                labels: operands.hasLabels ? operands.target : nil, into: operands.weightSum)
        }
        var list = [
            Operand(0, operands.prediction, .read), Operand(1, operands.target, .read), Operand(5, partials, .write),
        ]
        if let weights = operands.sampleWeights { list.append(Operand(2, weights, .read)) }
        if let classes { list.append(Operand(3, classes, .read)) }
        if let gradient = operands.gradient { list.append(Operand(4, gradient, .write)) }
        if weighted { list.append(Operand(6, operands.weightSum, .read)) }
        let divisor = weighted ? 1 : Double(rows)
        program.call(.crossEntropy, list, pieces: pieces, cost: Double(rows * columns) * 2) {
            $0.integers[0] = rows
            $0.integers[1] = columns
            $0.integers[2] = rowsPerPiece
            $0.integers[3] = operands.hasLabels ? 0 : 1
            $0.scalars[0] = divisor
            $0.scalars[1] = smoothing
        }
        program.finishLoss(partials, pieces, weighted ? operands.weightSum : nil, operands.result, divisor: divisor)
    }
}
