// Whole arrays, or single elements, several times. Gradients are sums over the repetitions.

import Tensors

struct Tile: Repetition {
    static let kind = "tile"
    static let documentation = "the array dims[i] times along dimension i; missing numbers are 1, in front (NumPy's tile); the batch stays"
    static let attributes = [AttributeSpecification("dims", .integers, "how often, for each dimension; 1 for the batch")]
    let counts: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) {
        counts = attributes.integers("dims")
        try Self.check(counts, "dims")
    }

    var leastRank: Int { counts.count }
    func steps(_ shape: Shape) throws(ChainruleError) -> [RepetitionStep] { try Self.steps(shape, counts, "dims") }
}

struct Repeat: Repetition {
    static let kind = "repeat"
    static let documentation = "the array sizes[i] times along dimension i, for all dimensions (PyTorch's repeat); the batch stays"
    static let attributes = [AttributeSpecification("sizes", .integers, "how often, for each dimension; 1 for the batch")]
    let counts: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) {
        counts = attributes.integers("sizes")
        try Self.check(counts, "sizes")
    }

    var leastRank: Int { counts.count }
    func steps(_ shape: Shape) throws(ChainruleError) -> [RepetitionStep] {
        guard counts.count >= shape.rank else {
            throw ChainruleError(.attribute, "repeat's sizes", expected: "\(shape.rank) numbers or more", got: "\(counts)")
        }
        return try Self.steps(shape, counts, "sizes")
    }
}

struct RepeatInterleave: Repetition {
    static let kind = "repeat_interleave"
    static let documentation = "each element repeats times along dim (NumPy's repeat); the batch stays"
    static let attributes = [
        AttributeSpecification("repeats", .integer(0...(1 << 40)), "how often"),
        AttributeSpecification("dim", .integer(.any), "the dimension; not the batch"),
    ]
    let count: Int
    let dimension: Int
    init(_ attributes: Attributes) throws(ChainruleError) {
        count = attributes.integer("repeats")
        dimension = attributes.integer("dim")
    }

    func steps(_ shape: Shape) throws(ChainruleError) -> [RepetitionStep] {
        let axis = try shape.axis(dimension, what: "repeat_interleave's dim")
        guard shape[axis] != Shape.batch else {
            throw ChainruleError(.attribute, "repeat_interleave's dim", expected: "1 or more, so that the batch stays", got: "\(dimension)")
        }
        return [RepetitionStep(axis: axis, count: count, isWhole: false)]
    }
}

/// One dimension becomes `count` times as long.
struct RepetitionStep {
    let axis: Int
    let count: Int
    /// The dimension as a whole is repeated, not each of its elements.
    let isWhole: Bool
}

protocol Repetition: Layer {
    /// The output has at least this rank: missing dimensions are put in front.
    var leastRank: Int { get }
    func steps(_ shape: Shape) throws(ChainruleError) -> [RepetitionStep]
}

extension Repetition {
    static var passesIntegers: Bool { true }
    var leastRank: Int { 0 }

    static func check(_ counts: [Int], _ name: String) throws(ChainruleError) {
        guard counts.allSatisfy({ $0 >= 0 && $0 <= 1 << 40 }) else {
            throw ChainruleError(.attribute, "\(kind)'s \(name)", expected: "numbers from 0 to 2^40", got: "\(counts)")
        }
    }

    static func steps(_ shape: Shape, _ counts: [Int], _ name: String) throws(ChainruleError) -> [RepetitionStep] {
        let more = counts.count - shape.rank
        guard !shape.isBatched || (more <= 0 && (more < 0 || counts[0] == 1)) else {
            throw ChainruleError(
                .attribute, "\(kind)'s \(name)", expected: "at most \(shape.rank) numbers, 1 for the batch", got: "\(counts)")
        }
        return counts.enumerated().filter { $0.element != 1 }.map {
            RepetitionStep(axis: $0.offset - min(more, 0), count: $0.element, isWhole: true)
        }
    }

    /// The input's shape with the new dimensions in front that `tile` and `repeat` may add.
    private func extended(_ shape: Shape, _ steps: [RepetitionStep], rank: Int) -> [Int] {
        Array(repeating: 1, count: rank - shape.rank) + shape.dimensions
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let steps = try steps(inputs[0])
        var sizes = extended(inputs[0], steps, rank: max(leastRank, inputs[0].rank))
        for step in steps {
            let (size, overflow) = sizes[step.axis].multipliedReportingOverflow(by: step.count)
            guard !overflow else {
                throw ChainruleError(.shape, "\(Self.kind)'s sizes", expected: "a size that fits memory", got: "an overflow")
            }
            sizes[step.axis] = size
        }
        return [Shape(sizes)]
    }

    func forward(_ emit: Emitter) {
        guard let steps = try? steps(emit.inputShapes[0]), emit.outputShapes[0].elementCount > 0 else { return }
        guard !steps.isEmpty else { return emit.setOutput(as: emit.input()) }
        var sizes = extended(emit.inputShapes[0], steps, rank: emit.outputShapes[0].rank)
        var from = emit.input()
        for (number, step) in steps.enumerated() {
            let form = FoldForm(Shape(sizes), axis: step.axis)
            let to =
                number == steps.count - 1
                ? emit.output() : emit.workspace(elements: sizes.reduce(1, *) * step.count)
            let target =
                step.isWhole
                ? [form.outer, step.count, form.columns * form.inner] : [form.outer * form.columns, step.count, form.inner]
            emit.program.copyStrided(
                from, strides: [target[2], 0, 1], into: to, strides: Shape(target).strides, sizes: target)
            sizes[step.axis] *= step.count
            from = to
        }
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient(), let steps = try? steps(emit.inputShapes[0]) else { return }
        guard !steps.isEmpty else { return emit.setInputGradient(as: emit.outputGradient()) }
        guard emit.outputShapes[0].elementCount > 0 else {
            return emit.program.fill(emit.inputGradient(), with: 0, count: emit.inputShapes[0].elementCount)
        }
        var sizes = emit.outputShapes[0].dimensions
        var from = emit.outputGradient()
        for (number, step) in steps.enumerated().reversed() {
            sizes[step.axis] /= step.count
            let form = FoldForm(Shape(sizes), axis: step.axis)
            let to = number == 0 ? emit.inputGradient() : emit.workspace(elements: sizes.reduce(1, *))
            let source =
                step.isWhole
                ? [form.outer, step.count, form.columns * form.inner] : [form.outer * form.columns, step.count, form.inner]
            emit.program.sum(from, Shape(source), over: [1], into: to)
            from = to
        }
    }
}
