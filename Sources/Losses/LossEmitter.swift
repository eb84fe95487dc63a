// A loss's view of the program while it appends its operations, and the ends that losses share: sums of
// weights, divisors, the last addition.

import KernelInterface
import Layers
import Tensors

public final class LossEmitter {
    public let program: Program
    public let predictions: [Value]
    /// Of the predictions: concrete, with the batch first.
    public let shapes: [Shape]
    public let targets: [Value]
    public let specifications: [TargetSpecification]
    /// One number a sample.
    public let sampleWeights: Value?
    /// By prediction; nil where nobody wants them.
    public let gradients: [Value]?
    /// One Double.
    public let result: Value
    /// One Double: what the mean was divided by, in samples' worth of weight.
    public let weightSum: Value
    /// Whether it was; otherwise the divisor is known beforehand.
    public private(set) var usesWeightSum = false
    /// The losses before they are summed, and their shape, if they are wanted.
    public private(set) var losses: (value: Value, shape: Shape)?
    private let reduction: LossReduction
    private let factor: Double

    public init(
        _ program: Program, _ choice: LossChoice, predictions: [Value], shapes: [Shape], targets: [Value],
        specifications: [TargetSpecification], sampleWeights: Value?, gradients: [Value]?, result: Value, weightSum: Value
    ) {
        self.program = program
        self.predictions = predictions
        self.shapes = shapes
        self.targets = targets
        self.specifications = specifications
        self.sampleWeights = sampleWeights
        self.gradients = gradients
        self.result = result
        self.weightSum = weightSum
        reduction = choice.reduction
        factor = choice.factor
    }

    /// The same place for a loss of other arrays.
    private init(_ other: LossEmitter, prediction: Value, shape: Shape, target: Value, gradient: Value?) {
        program = other.program
        predictions = [prediction]
        shapes = [shape]
        targets = [target]
        specifications = [TargetSpecification(shape: shape)]
        sampleWeights = other.sampleWeights
        gradients = gradient.map { [$0] }
        result = other.result
        weightSum = other.weightSum
        reduction = other.reduction
        factor = other.factor
    }

    /// The end of a loss that has computed its numbers, so many for each sample, itself: the result; and if
    /// gradients are wanted, an array like the losses of what each of them counts in it.
    func reduce(_ losses: Value, elements: Int) -> Value? {
        let count = rows * elements
        // Of a target of 1, hinge_embedding is its prediction.
        let ones = program.value(elements: count)
        program.fill(ones, with: 1, count: count)
        let shares = gradients.map { _ in program.value(elements: count) }
        let sum = LossEmitter(self, prediction: losses, shape: [rows, elements], target: ones, gradient: shares)
        sum.elements(.hingeEmbedding)
        usesWeightSum = sum.usesWeightSum
        self.losses = sum.losses.map { ($0.value, elements == 1 ? [rows] : $0.shape) }
        return shares
    }

    /// Where a kernel writes each loss, if somebody wants them.
    func place(_ shape: Shape) -> Value? {
        guard reduction == .none else { return nil }
        let value = program.value(elements: shape.elementCount)
        losses = (value, shape)
        return value
    }

    /// The losses that are wanted are sums over the last dimension of those that were placed.
    func sumLosses() {
        guard let (each, shape) = losses, let sums = place(Shape(shape.dimensions.dropLast())) else { return }
        program.sum(each, shape, over: [shape.rank - 1], into: sums)
    }

    /// Samples.
    var rows: Int { shapes[0].rank == 0 ? 1 : shapes[0][0] }
    /// Elements of a sample's prediction.
    var columns: Int { shapes[0].rank == 0 ? 1 : shapes[0].dimensions.dropFirst().reduce(1, *) }
    func hasLabels(_ target: Int = 0) -> Bool { specifications[target].labels != nil }
    func gradient(_ index: Int = 0) -> Value? { gradients?[index] }
    var takesMeanOverElements: Bool { reduction == .mean }

    /// What the sum of all losses is divided by.
    struct Scale {
        var divisor: Double
        /// Divides too.
        var weightSum: Value?
    }

    /// - elements: losses that a sample has, for the mean over them.
    /// - share: what each loss is divided by in any case.
    func scale(elements: Int, share: Int = 1) -> Scale {
        var scale = Scale(divisor: Double(share) / factor)
        if reduction == .sum || reduction == .none { return scale }
        if reduction == .mean { scale.divisor *= Double(max(elements, 1)) }
        if let sampleWeights {
            addWeights(rows: rows, samples: sampleWeights)
            scale.weightSum = weightSum
        } else {
            scale.divisor *= Double(rows)
        }
        return scale
    }

    /// The mean over labels divides by what they count for: their samples' and their classes' weights,
    /// nothing for those that are ignored.
    /// - positions: labels of a sample.
    func scale(labels: Value, positions: Int, classWeights: Value?) -> Scale {
        guard reduction == .mean else { return scale(elements: positions) }
        addWeights(rows: rows * positions, positions: positions, samples: sampleWeights, classes: classWeights, labels: labels)
        return Scale(divisor: 1 / factor, weightSum: weightSum)
    }

    private func addWeights(rows: Int, positions: Int = 1, samples: Value?, classes: Value? = nil, labels: Value? = nil) {
        usesWeightSum = true
        var list = [Operand(3, weightSum, .write)]
        if let samples { list.append(Operand(0, samples, .read)) }
        if let classes { list.append(Operand(1, classes, .read)) }
        if let labels { list.append(Operand(2, labels, .read)) }
        program.call(.weightSum, list) {
            $0.integers[0] = rows
            $0.integers[1] = positions
        }
    }

    /// Adds the pieces' sums (Double) and divides.
    func finish(_ partials: Value, _ count: Int, _ scale: Scale) {
        var list = [Operand(0, partials, .read), Operand(2, result, .write)]
        if let weightSum = scale.weightSum { list.append(Operand(1, weightSum, .read)) }
        program.call(.lossFinish, list) {
            $0.integers[0] = count
            $0.scalars[0] = scale.divisor
        }
    }
}

extension LossEmitter {
    /// Numbers of a loss's formula.
    struct Numbers {
        var a = 0.0
        var b = 0.0
        var flag = false
        /// One for each column of a sample: what its loss counts, and a number of the formula.
        var columnWeights: Value?
        var columnNumbers: Value?
    }

    /// A loss that is a mean over elements.
    /// - second: the second prediction and its gradient, where they are not those that were given.
    func elements(
        _ loss: ElementLoss, _ numbers: Numbers = Numbers(), target: Value? = nil, share: Int = 1,
        second: (prediction: Value, gradient: Value?)? = nil
    ) {
        let rows = rows
        let columns = columns
        let scale = scale(elements: columns / share, share: share)
        let rowsPerPiece = StridedSpace.rowsPerPiece(columns: columns)
        let pieces = max((rows + rowsPerPiece - 1) / rowsPerPiece, 1)
        let partials = program.value(bytes: pieces * 8)
        var list = [
            Operand(0, predictions[0], .read), Operand(1, target ?? targets[0], .read), Operand(5, partials, .write),
        ]
        if let sampleWeights { list.append(Operand(2, sampleWeights, .read)) }
        if let weights = numbers.columnWeights { list.append(Operand(3, weights, .read)) }
        if let gradient = gradient() { list.append(Operand(4, gradient, .write)) }
        if let weightSum = scale.weightSum { list.append(Operand(6, weightSum, .read)) }
        if predictions.count > 1 {
            let second = second ?? (predictions[1], gradient(1))
            list.append(Operand(7, second.prediction, .read))
            if let gradient = second.gradient { list.append(Operand(8, gradient, .write)) }
        }
        if let column = numbers.columnNumbers { list.append(Operand(9, column, .read)) }
        if let losses = place(shapes[0]) { list.append(Operand(10, losses, .write)) }
        let isFinished = pieces == 1 && predictions.count == 1
        if isFinished { list.append(Operand(11, result, .write)) }
        program.call(.elementLoss, list, pieces: pieces, cost: Double(rows * columns)) {
            $0.integers[0] = rows
            $0.integers[1] = columns
            $0.integers[2] = rowsPerPiece
            $0.integers[3] = loss.rawValue
            $0.integers[4] = numbers.flag ? 1 : 0
            $0.scalars[0] = scale.divisor
            $0.scalars[1] = numbers.a
            $0.scalars[2] = numbers.b
        }
        if !isFinished { finish(partials, pieces, scale) }
    }

    /// Numbers for the last dimension, or one for all, as one for each column of a sample.
    func columnConstant(_ numbers: [Double]) -> Value? {
        guard !numbers.isEmpty, columns > 0 else { return nil }
        return program.constant((0..<columns).map { numbers[$0 % numbers.count] })
    }
}

extension LossEmitter {
    /// What a loss over rows reads beside the predictions.
    struct Rows {
        var count: Int
        var columns: Int
        /// Rows of one sample.
        var positions = 1
        /// Of the losses; nil: one a sample.
        var shape: Shape?
        var x: Value
        var gradient: Value?
        var target: Value?
        var classWeights: Value?
        /// As many numbers as the prediction has.
        var workspace: Value?
        var a = 0.0
        var b = 0.0
        var c = 0.0
        var flag = false
    }

    /// A loss with one number for each row.
    func rows(_ loss: RowLoss, _ rows: Rows, _ scale: Scale) {
        let rowsPerPiece = StridedSpace.rowsPerPiece(columns: rows.columns)
        let pieces = max((rows.count + rowsPerPiece - 1) / rowsPerPiece, 1)
        let partials = program.value(bytes: pieces * 8)
        var list = [Operand(0, rows.x, .read), Operand(8, partials, .write)]
        for (index, prediction) in predictions.enumerated().dropFirst() {
            list.append(Operand(index, prediction, .read))
            if let gradient = gradient(index) { list.append(Operand(5 + index, gradient, .write)) }
        }
        if let target = rows.target { list.append(Operand(2, target, .read)) }
        if let sampleWeights { list.append(Operand(3, sampleWeights, .read)) }
        if let weights = rows.classWeights { list.append(Operand(4, weights, .read)) }
        if let workspace = rows.workspace { list.append(Operand(4, workspace, .write)) }
        if let gradient = rows.gradient { list.append(Operand(5, gradient, .write)) }
        if let weightSum = scale.weightSum { list.append(Operand(9, weightSum, .read)) }
        if let losses = place(rows.shape ?? [rows.count]) { list.append(Operand(10, losses, .write)) }
        program.call(.rowLoss, list, pieces: pieces, cost: Double(rows.count * rows.columns) * 3) {
            $0.integers[0] = rows.count
            $0.integers[1] = rows.columns
            $0.integers[2] = rowsPerPiece
            $0.integers[3] = loss.rawValue
            $0.integers[4] = rows.positions
            $0.integers[5] = rows.flag ? 1 : 0
            $0.scalars[0] = scale.divisor
            $0.scalars[1] = rows.a
            $0.scalars[2] = rows.b
            $0.scalars[3] = rows.c
        }
        finish(partials, pieces, scale)
    }
}

extension LossEmitter {
    /// Where classes lie in the middle, [batch, classes, d1, ...], rows of classes are made of them.
    struct ClassRows {
        var samples: Int
        var classes: Int
        /// Labels of a sample.
        var positions: Int
        var count: Int { samples * positions }
        fileprivate var sizes: [Int] { [samples, positions, classes] }
        fileprivate var outside: [Int] { [classes * positions, 1, positions] }
        fileprivate var inside: [Int] { [positions * classes, classes, 1] }
    }

    var classRows: ClassRows {
        ClassRows(samples: shapes[0][0], classes: shapes[0][1], positions: shapes[0].dimensions.dropFirst(2).reduce(1, *))
    }

    func asRows(_ value: Value, _ rows: ClassRows) -> Value {
        guard rows.positions > 1 else { return value }
        let copy = program.value(elements: rows.count * rows.classes)
        program.copyStrided(value, strides: rows.outside, into: copy, strides: rows.inside, sizes: rows.sizes)
        return copy
    }

    /// Calls the body with a place for the rows' gradient, and brings it into the prediction's order.
    func withGradientRows(_ rows: ClassRows, _ body: (Value?) -> Void) {
        guard let gradient = gradient(), rows.positions > 1 else { return body(gradient()) }
        let copy = program.value(elements: rows.count * rows.classes)
        body(copy)
        program.copyStrided(copy, strides: rows.inside, into: gradient, strides: rows.outside, sizes: rows.sizes)
    }
}
