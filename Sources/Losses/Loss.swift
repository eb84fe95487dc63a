// What a loss is: which targets it takes, and the operations that give its value and, in the same
// pass, its gradient in the prediction. A new one is a file with a type of this protocol and a line
// in LossCatalog.swift.

import KernelInterface
import Layers
import Tensors

/// What a loss's target must be.
public struct TargetSpecification: Sendable, Equatable {
    /// With the open batch.
    public var shape: Shape
    /// Labels from 0 to under this; nil: real numbers.
    public var classes: Int?
    /// What would do as well, for messages: " or ...".
    public var alternative: String

    public init(shape: Shape, classes: Int? = nil, alternative: String = "") {
        self.shape = shape
        self.classes = classes
        self.alternative = alternative
    }
}

public struct LossOperands {
    public var prediction: Value
    /// Concrete, with the batch first.
    public var shape: Shape
    public var target: Value
    public var hasLabels: Bool
    /// One number a sample.
    public var sampleWeights: Value?
    /// Written if somebody wants it.
    public var gradient: Value?
    /// One Double.
    public var result: Value
    /// One Double: what the mean was divided by, in samples' worth of weight. Written when there are
    /// weights of any kind.
    public var weightSum: Value

    public init(
        prediction: Value, shape: Shape, target: Value, hasLabels: Bool, sampleWeights: Value?, gradient: Value?,
        result: Value, weightSum: Value
    ) {
        self.prediction = prediction
        self.shape = shape
        self.target = target
        self.hasLabels = hasLabels
        self.sampleWeights = sampleWeights
        self.gradient = gradient
        self.result = result
        self.weightSum = weightSum
    }
}

public protocol Loss: Sendable {
    static var kind: String { get }
    static var documentation: String { get }
    static var attributes: [AttributeSpecification] { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// What the target must be for a prediction of this shape (with the open batch), when an array
    /// with integers or real numbers is given.
    func target(for prediction: Shape, isInteger: Bool) throws(ChainruleError) -> TargetSpecification

    /// Whether the mean is divided by a sum of weights even without sample weights.
    var hasWeights: Bool { get }
    /// Predictions above it mean "yes", for accuracy.
    var decisionThreshold: Double { get }

    func emit(_ program: Program, _ operands: LossOperands)
}

extension Loss {
    public static var attributes: [AttributeSpecification] { [] }
    public var hasWeights: Bool { false }
    public var decisionThreshold: Double { 0.5 }
}

extension Program {
    /// A loss that is a mean over elements.
    func elementLoss(_ loss: ElementLoss, delta: Double = 0, _ operands: LossOperands) {
        let rows = operands.shape.rank == 0 ? 1 : operands.shape[0]
        let columns = rows == 0 ? 1 : operands.shape.elementCount / rows
        let rowsPerPiece = StridedSpace.rowsPerPiece(columns: columns)
        let pieces = max((rows + rowsPerPiece - 1) / rowsPerPiece, 1)
        let partials = value(bytes: pieces * 8)
        let weighted = operands.sampleWeights != nil
        if weighted { weightSum(rows: rows, samples: operands.sampleWeights, into: operands.weightSum) }
        var list = [
            Operand(0, operands.prediction, .read), Operand(1, operands.target, .read), Operand(5, partials, .write),
        ]
        if let weights = operands.sampleWeights {
            list += [Operand(2, weights, .read), Operand(6, operands.weightSum, .read)]
        }
        if let gradient = operands.gradient { list.append(Operand(4, gradient, .write)) }
        let divisor = Double(weighted ? columns : rows * columns)
        call(.elementLoss, list, pieces: pieces, cost: Double(rows * columns)) {
            $0.integers[0] = rows
            $0.integers[1] = columns
            $0.integers[2] = rowsPerPiece
            $0.integers[3] = loss.rawValue
            $0.scalars[0] = divisor
            $0.scalars[1] = delta
        }
        finishLoss(partials, pieces, weighted ? operands.weightSum : nil, operands.result, divisor: divisor)
    }

    func weightSum(rows: Int, samples: Value?, classes: Value? = nil, labels: Value? = nil, into result: Value) {
        var list = [Operand(3, result, .write)]
        if let samples { list.append(Operand(0, samples, .read)) }
        if let classes, let labels { list += [Operand(1, classes, .read), Operand(2, labels, .read)] }
        call(.weightSum, list) { $0.integers[0] = rows }
    }

    func finishLoss(_ partials: Value, _ count: Int, _ weightSum: Value?, _ result: Value, divisor: Double) {
        var list = [Operand(0, partials, .read), Operand(2, result, .write)]
        if let weightSum { list.append(Operand(1, weightSum, .read)) }
        call(.lossFinish, list) {
            $0.integers[0] = count
            $0.scalars[0] = divisor
        }
    }
}
