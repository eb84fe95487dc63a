// A trainer's losses, and which of the model's outputs and of the caller's targets each of them takes.

import Graph
import Layers
import Losses
import Tensors

struct TrainedLoss {
    let choice: LossChoice
    /// Among the model's outputs.
    let outputs: Range<Int>
    /// Among all targets.
    let targets: Range<Int>
    /// The outputs' shapes, with the open batch.
    let shapes: [Shape]

    var loss: any Loss { choice.loss }
    /// Metrics look at the loss's first prediction and its target.
    var firstOutput: Int { outputs.lowerBound }
    var firstTarget: Int { targets.lowerBound }

    /// What metrics have before them.
    var metricTask: MetricTask {
        let shape = shapes[0]
        let hasClasses = shape.rank >= 2 && (loss.link.hasClasses || labelMask != 0)
        return MetricTask(
            columns: hasClasses ? shape[1] : shape.dimensions.dropFirst().reduce(1, *), link: loss.link,
            loss: loss.kind, isUsual: !(loss is CustomLoss) || hasUsualTarget)
    }

    /// Whether the target of a loss of the host program is like that of the library's own: built-in metrics read it so.
    private var hasUsualTarget: Bool {
        guard let target = (try? specifications(integers: [true], freeSize: 0))?.first else { return false }
        let shape = shapes[0]
        if target.labels == nil { return target.shape == shape }
        return shape.rank >= 2 && target.shape.dimensions == [shape[0]] + shape.dimensions.dropFirst(2)
    }

    /// What the targets must be, with the open batch.
    func specifications(integers: [Bool], freeSize: Int) throws(ChainruleError) -> [TargetSpecification] {
        try loss.targets(for: shapes, integers: integers, freeSize: freeSize)
    }

    /// One loss for each output, or for as many as it takes; none for "none".
    static func parse(_ text: String, _ model: Model) throws(ChainruleError) -> [TrainedLoss] {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        var choices: [LossChoice] = []
        var position = 0
        for part in parts {
            // Spaces in place of the parts before, so that positions in messages are those in the text.
            if let choice = try LossCatalog.make(String(repeating: " ", count: position) + part) { choices.append(choice) }
            position += part.utf8.count + 1
        }
        if let each = choices.first(where: { $0.reduction == .none }) {
            throw ChainruleError(
                .attribute, "\(each.loss.kind)'s reduction", expected: "mean, sum or batchmean in training, which needs one number",
                got: "none")
        }
        let outputs = model.outputs.count
        if choices.isEmpty {
            let node = model.nodes[model.outputs[0]]
            guard parts.count == 1, outputs == 1, node.outputShape.elementCount == 1, !node.outputShape.isBatched else {
                throw ChainruleError(
                    .shape, "the output under loss \"none\"", expected: "one number, not one for each sample",
                    got: outputs == 1 ? "\(node.outputShape)" : "\(outputs) outputs")
            }
            return []
        }
        let taken = choices.reduce(0) { $0 + $1.predictionCount }
        guard taken == outputs, parts.count == choices.count else {
            throw ChainruleError(
                .invalidArgument, "the number of losses",
                expected: taken == choices.count ? "one for each of the \(outputs) outputs" : "losses that take \(outputs) outputs in all",
                got: taken == choices.count ? "\"\(text)\"" : "\"\(text)\", which take \(taken)")
        }
        guard choices.count <= Control.maximumLosses else {
            throw ChainruleError(
                .invalidArgument, "the number of losses", expected: "at most \(Control.maximumLosses)", got: "\(choices.count)")
        }
        var losses: [TrainedLoss] = []
        var output = 0
        var target = 0
        for choice in choices {
            let range = output..<output + choice.predictionCount
            let nodes = range.map { model.nodes[model.outputs[$0]] }
            let loss = TrainedLoss(
                choice: choice, outputs: range, targets: target..<target + choice.targetCount, shapes: nodes.map { $0.outputShape })
            try loss.check(nodes)
            losses.append(loss)
            output = range.upperBound
            target = loss.targets.upperBound
        }
        return losses
    }

    /// Refuses what can never fit, such as cross_entropy on rank 1.
    private func check(_ nodes: [Node]) throws(ChainruleError) {
        for (index, node) in nodes.enumerated() where node.isInteger {
            throw ChainruleError(
                .dataType, "\(loss.kind)'s \(loss.predictionRoles[index])", expected: "an output of real numbers",
                got: "whole numbers, of \(node.kind) \"\(node.name)\"")
        }
        for shape in shapes where shape.isBatched != shapes[0].isBatched {
            throw ChainruleError(
                .shape, "\(loss.kind)'s predictions", expected: "a sample in each for each of the batch, or in none",
                got: "\(shapes[0]) and \(shape)")
        }
        _ = try specifications(integers: targets.map { _ in true }, freeSize: largestFreeSize)
    }

    /// For what is said before a target has been seen: its labels are at most as many as there are places.
    var largestFreeSize: Int { shapes[0].rank > 1 ? shapes[0][1] : 1 }

    /// Bits of the targets that may be labels.
    var labelMask: UInt64 {
        var mask: UInt64 = 0
        let found = (try? specifications(integers: targets.map { _ in true }, freeSize: largestFreeSize)) ?? []
        for (index, specification) in found.enumerated() where specification.labels != nil {
            mask |= 1 << UInt64(targets.lowerBound + index)
        }
        return mask
    }

    func integers(_ labels: UInt64) -> [Bool] { targets.map { labels & (1 << UInt64($0)) != 0 } }
}
