// What a loss is: which predictions and targets it takes, and the operations that give its value and, in the
// same pass, its gradient in the predictions. A new one is a file with a type of this protocol and a line in
// LossCatalog.swift.

import Layers
import Tensors

/// What one of a loss's targets must be.
public struct TargetSpecification: Sendable, Equatable {
    /// With the open batch.
    public var shape: Shape
    /// nil: real numbers.
    public var labels: LabelRange?
    /// What would do as well, for messages: " or ...".
    public var alternative: String

    public init(shape: Shape, labels: LabelRange? = nil, alternative: String = "") {
        self.shape = shape
        self.labels = labels
        self.alternative = alternative
    }
}

/// A target by name, and what it holds.
public struct TargetRole: Sendable {
    public enum Kind: String, Sendable { case numbers, labels, either = "labels or numbers" }
    public var name: String
    public var kind: Kind

    public init(_ name: String = "target", _ kind: Kind = .numbers) {
        self.name = name
        self.kind = kind
    }
}

public protocol Loss: Sendable {
    static var kind: String { get }
    /// The class in Python, PyTorch's name ("CrossEntropyLoss").
    static var className: String? { get }
    static var documentation: String { get }
    /// In the order of PyTorch's constructor. All losses have `reduction`; the catalog adds `factor`.
    static var attributes: [AttributeSpecification] { get }
    /// The model's outputs that it takes, one after another.
    static var predictionRoles: [String] { get }
    static var targetRoles: [TargetRole] { get }
    /// The target whose last size is the caller's to choose.
    static var freeTarget: Int? { get }

    /// The same of one loss: those of its type, unless the host program computes it.
    var kind: String { get }
    var predictionRoles: [String] { get }
    var targetRoles: [TargetRole] { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// What the targets must be for predictions of these shapes (with the open batch), when arrays with
    /// integers or real numbers are given, and the free target has this last size.
    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification]

    /// Looks at labels (as kernels see them) whose ranges depend on each other. Called at every step.
    /// - target: where target i lies; - sizes: how many numbers a sample has in it.
    func check(
        _ target: (Int) -> UnsafePointer<Int32>?, sizes: (Int) -> Int, batch: Int
    ) throws(ChainruleError)

    /// Whether the first prediction and the target can be compared by metrics.
    var isComparable: Bool { get }
    /// Predictions above it mean "yes", for metrics.
    var decisionThreshold: Double { get }
    /// How metrics get probabilities from predictions.
    var link: PredictionLink { get }

    func emit(_ emit: LossEmitter)
}

extension Loss {
    public static var className: String? { nil }
    public static var attributes: [AttributeSpecification] { [.reduction] }
    public static var predictionRoles: [String] { ["input"] }
    public static var targetRoles: [TargetRole] { [TargetRole()] }
    public static var freeTarget: Int? { nil }
    public var kind: String { Self.kind }
    public var predictionRoles: [String] { Self.predictionRoles }
    public var targetRoles: [TargetRole] { Self.targetRoles }
    public var isComparable: Bool { targetRoles.count == 1 && predictionRoles.count == 1 }
    public var decisionThreshold: Double { 0.5 }
    public var link: PredictionLink { .scores }
    public func check(_ target: (Int) -> UnsafePointer<Int32>?, sizes: (Int) -> Int, batch: Int) throws(ChainruleError) {}

    /// One target of the predictions' shape.
    public func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        try sameShapes(predictions)
        return Self.targetRoles.map { _ in TargetSpecification(shape: predictions[0]) }
    }

    func sameShapes(_ shapes: [Shape]) throws(ChainruleError) {
        for (index, shape) in shapes.enumerated() where shape != shapes[0] {
            throw ChainruleError(
                .shape, "\(Self.kind)'s \(Self.predictionRoles[index])", expected: "\(shapes[0]), as its \(Self.predictionRoles[0])",
                got: "\(shape)")
        }
    }

    /// The size of a prediction's dimension behind the batch.
    func dimension(_ shape: Shape, rank: ClosedRange<Int>, _ words: String) throws(ChainruleError) -> Int {
        guard rank.contains(shape.rank), shape[1] > 0 else {
            throw ChainruleError(.shape, "\(Self.kind)'s prediction", expected: words, got: "\(shape)")
        }
        return shape[1]
    }

    /// Weights of classes or columns, each 0 or more; empty when not given.
    static func weights(_ attributes: Attributes, _ name: String) throws(ChainruleError) -> [Double] {
        let list = attributes.reals(name)
        guard list.allSatisfy({ $0 >= 0 }), !attributes.has(name) || !list.isEmpty else {
            throw ChainruleError(
                .attribute, "\(kind)'s \(name)", expected: "numbers of 0 or more, with commas", got: "\(list)")
        }
        return list
    }

    static func check(_ list: [Double], _ name: String, count: Int) throws(ChainruleError) {
        guard list.isEmpty || list.count == count else {
            throw ChainruleError(.attribute, "\(kind)'s \(name)", expected: "\(count) numbers", got: "\(list.count)")
        }
    }
}

/// What a loss takes its predictions for.
public enum PredictionLink: Sendable {
    /// Numbers that mean no probabilities, or only by accident.
    case scores
    /// Each a yes or no of its own.
    case probabilities, sigmoid
    /// One of several classes, which are dimension 1.
    case softmax, logProbabilities

    public var isColumnwise: Bool { self == .probabilities || self == .sigmoid }
    public var hasClasses: Bool { self == .softmax || self == .logProbabilities }
}

/// How the losses of samples become one number.
public enum LossReduction: String, CaseIterable, Sendable {
    /// Over elements (weighted, where samples or classes are).
    case mean
    case sum
    /// The sum over elements, the mean over samples.
    case batchmean
    /// Each by itself; the gradients are those of their sum.
    case none
}

extension AttributeSpecification {
    static var reduction: AttributeSpecification {
        AttributeSpecification(
            "reduction", .word(LossReduction.allCases.map(\.rawValue)), default: "mean",
            "over elements and samples; batchmean: sum over elements, mean over samples; none: each loss by itself, not for training")
    }
    static var factor: AttributeSpecification {
        AttributeSpecification("factor", .real(.finite), default: "1", "scales the loss, where several are added")
    }
}

/// A loss with what all of them have.
public struct LossChoice: Sendable {
    public let loss: any Loss
    public let reduction: LossReduction
    public let factor: Double

    /// The same loss, each by itself.
    public var unreduced: LossChoice { LossChoice(loss: loss, reduction: .none, factor: factor) }
    public var predictionCount: Int { loss.predictionRoles.count }
    public var targetCount: Int { loss.targetRoles.count }
    public var freeTarget: Int? { type(of: loss).freeTarget }
}
