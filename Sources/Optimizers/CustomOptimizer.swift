// An optimizer that the host program computes: its function changes one parameter at a time. Gradients reach it
// scaled and clipped; learning rate and step come with each call. Nothing is known of how far it goes, so each of
// its steps is made with a copy at hand (Training/Update.swift), and undone when it fails.

import Layers
import Tensors

/// What one call of the host's function changes: the parameter, its gradient, then the state, as operands.
public struct CustomUpdate: Sendable {
    public var text: String
    public var isDouble: Bool
    public var shape: Shape
    /// Kept as [columns, rows].
    public var isTransposed: Bool
    public var stateCount: Int
}

public struct CustomOptimizer: TensorOptimizer {
    public static let kind = "custom"
    public static let className = ""
    public static let documentation = "an optimizer of the host program"
    public static let attributes: [AttributeSpecification] = []
    public static let maximumState = 8

    private let text: String
    private let stateCount: Int
    private let work: @Sendable (CustomUpdate) -> CustomWork

    public init(_ attributes: Attributes) throws(ChainruleError) { throw ChainruleError(.internal, "a custom optimizer without its function") }

    /// - work: makes the call; its numbers are the learning rate and the step.
    public init(text: String, stateCount: Int, work: @escaping @Sendable (CustomUpdate) -> CustomWork) {
        self.text = text
        self.stateCount = stateCount
        self.work = work
    }

    public var maximize: Bool { false }

    public func state(of shape: Shape, name: String) throws(ChainruleError) -> [StateArray] {
        (0..<stateCount).map { StateArray("state\($0)") }
    }

    public func append(_ update: TensorUpdate) {
        let program = update.program
        var operands = [Operand(0, update.parameter, .write), Operand(1, gradient(update), .read)]
        for (index, value) in update.state.enumerated() { operands.append(Operand(2 + index, value, .write)) }
        let call = CustomUpdate(
            text: text, isDouble: program.isDouble, shape: update.shape, isTransposed: update.isTransposed, stateCount: stateCount)
        program.append(Operation(.custom(work(call)), operands))
    }

    /// Clipped: what gradient descent from 0 with the learning rate -1 arrives at.
    private func gradient(_ update: TensorUpdate) -> Value {
        guard update.scale != nil || update.clipValue < .infinity else { return update.gradient }
        let clipped = update.program.value(elements: update.count)
        update.withoutStepNumbers {
            update.program.fill(clipped, with: 0, count: update.count)
            update.program.call(.sgd, update.readsGradient([Operand(0, clipped, .write)]), pieces: update.pieces) {
                $0.integers[0] = update.count
                $0.scalars[0] = -1
                $0.scalars[7] = update.clipValue
            }
        }
        return clipped
    }

    public func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = at.lr
        scalars[1] = Double(at.step)
        return scalars
    }

    public func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double { .infinity }
}
