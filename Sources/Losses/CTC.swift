// Connectionist temporal classification (Graves et al. 2006): the probability of a sequence of labels, summed
// over all ways to lay it out in time with blanks and repetitions.

import KernelInterface
import Layers
import Tensors

struct CTC: Loss {
    static let kind = "ctc"
    static let className: String? = "CTCLoss"
    static let documentation = """
        -log of the probability of the labels under log-probabilities [batch, time, classes] (batch first); targets: labels \
        [batch, longest], input_lengths [batch], target_lengths [batch]. The mean divides each sample's by its number of \
        labels. The gradient is that in the log-probabilities themselves
        """
    static let attributes: [AttributeSpecification] = [
        AttributeSpecification("blank", .integer(0...(1 << 31 - 1)), default: "0", "the class that stands for nothing"),
        .reduction,
        AttributeSpecification("zero_infinity", .boolean, default: "false", "samples whose labels don't fit into their time count 0"),
    ]
    static let targetRoles = [
        TargetRole("target", .labels), TargetRole("input_lengths", .labels), TargetRole("target_lengths", .labels),
    ]
    static let freeTarget: Int? = 0

    let blank: Int
    let zeroesInfinity: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        blank = attributes.integer("blank")
        zeroesInfinity = attributes.boolean("zero_infinity")
    }

    func targets(
        for predictions: [Shape], integers: [Bool], freeSize: Int
    ) throws(ChainruleError) -> [TargetSpecification] {
        let shape = predictions[0]
        guard shape.rank == 3, shape[2] > 0 else {
            throw ChainruleError(.shape, "ctc's prediction", expected: "log-probabilities [batch, time, classes]", got: "\(shape)")
        }
        guard blank < shape[2] else {
            throw ChainruleError(.attribute, "ctc's blank", expected: "a class from 0 to \(shape[2] - 1)", got: "\(blank)")
        }
        // Two states for each label, at each time: so many numbers must be sayable.
        _ = try Shape([max(shape[0], 1), shape[1], 2 * freeSize + 5]).validated(what: "ctc's workspace")
        return [
            TargetSpecification(shape: [shape[0], freeSize], labels: LabelRange(classes: shape[2], isPadded: true)),
            TargetSpecification(shape: [shape[0]], labels: LabelRange(classes: shape[1] + 1, isLength: true)),
            TargetSpecification(shape: [shape[0]], labels: LabelRange(classes: freeSize + 1, isLength: true)),
        ]
    }

    func check(_ target: (Int) -> UnsafePointer<Int32>?, sizes: (Int) -> Int, batch: Int) throws(ChainruleError) {
        guard let lengths = target(2), let labels = target(0) else { return }
        let longest = sizes(0)
        for sample in 0..<batch {
            for index in 0..<Int(lengths[sample]) {
                let label = labels[sample * longest + index]
                guard label >= 0, Int(label) != blank else {
                    throw ChainruleError(
                        .value, "ctc's target, sample \(sample), label \(index)", expected: "a class that is not the blank (\(blank))",
                        got: label < 0 ? "a number that is no class" : "\(label)")
                }
            }
        }
    }

    func emit(_ emit: LossEmitter) {
        let shape = emit.shapes[0]
        let longest = emit.specifications[0].shape[1]
        let samples = shape[0]
        let scale = emit.scale(elements: 1)
        let program = emit.program
        let partials = program.value(bytes: samples * 8)
        // Alpha for each time, five rows beside it; two cells before and behind each row.
        let row = 2 * longest + 5
        let workspace = program.value(elements: samples * (shape[1] + 5) * row)
        var list = [
            Operand(0, emit.predictions[0], .read), Operand(1, emit.targets[0], .read), Operand(2, emit.targets[1], .read),
            Operand(3, emit.targets[2], .read), Operand(5, workspace, .write), Operand(6, partials, .write),
        ]
        if let weights = emit.sampleWeights { list.append(Operand(4, weights, .read)) }
        if let gradient = emit.gradient() { list.append(Operand(7, gradient, .write)) }
        if let weightSum = scale.weightSum { list.append(Operand(8, weightSum, .read)) }
        if let losses = emit.place([samples]) { list.append(Operand(9, losses, .write)) }
        program.call(.connectionistLoss, list, pieces: samples, cost: Double(samples * shape[1] * (row * 10 + shape[2]))) {
            $0.integers[0] = shape[1]
            $0.integers[1] = shape[2]
            $0.integers[2] = longest
            $0.integers[3] = blank
            $0.integers[4] = zeroesInfinity ? 1 : 0
            $0.integers[5] = emit.takesMeanOverElements ? 1 : 0
            $0.scalars[0] = scale.divisor
        }
        emit.finish(partials, samples, scale)
    }
}
