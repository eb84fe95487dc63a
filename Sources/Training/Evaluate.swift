// Loss and metrics over a whole set, exact: sums over batches, divided once.

import Graph
import Layers
import Losses
import Tensors

extension Trainer {
    /// Samples that are evaluated at a time.
    static let evaluationBatch = 256

    public func evaluate(_ arrays: [ArrayView], hasWeights: Bool) throws(ChainruleError) -> [Double] {
        let source = try DataSource(self, arrays, hasWeights: hasWeights, what: "")
        // What counts is the mean of the weights, if one is kept.
        let before = update.usesAverage
        update.useAverage(true)
        defer { update.useAverage(before) }
        return try evaluate(source)
    }

    /// The loss, then the metrics (for several outputs, all metrics of each in turn).
    func evaluate(_ source: DataSource) throws(ChainruleError) -> [Double] {
        guard source.count > 0 else { throw emptyBatch() }
        var totals = LossTotals(count: losses.count)
        let measures = makeMeasures()
        let step = model.isSeparable ? Trainer.evaluationBatch : source.count
        var first = 0
        while first < source.count {
            let batch = min(step, source.count - first)
            let entry = try plan(
                StepKey(
                    batch: firstBatchedInput == nil ? nil : batch, labels: source.labels, hasWeights: source.hasWeights,
                    isTraining: false))
            try source.load(entry, first: first, batch: batch, order: nil)
            try executor.runForward(entry.plan)
            executor.run(entry.plan, .loss)
            totals.add(entry, self)
            measure(measures, entry, batch: batch)
            first += batch
        }
        return [totals.value] + measures.map { $0.value }
    }

    /// Names of what `evaluate` returns.
    public var measureNames: [String] {
        var names = ["loss"]
        for index in losses.indices {
            let prefix = losses.count == 1 ? "" : model.nodes[model.outputs[index]].name + "_"
            names += metrics.map { prefix + $0.kind }
        }
        return names
    }

    func makeMeasures() -> [any Metric] { losses.indices.flatMap { _ in metrics.map { $0.init() } } }

    /// Adds the batch whose forward pass has just run.
    func measure(_ measures: [any Metric], _ entry: StepPlan, batch: Int) {
        guard !metrics.isEmpty else { return }
        for output in losses.indices {
            guard let address = executor.address(entry.outputs[output], in: entry.plan),
                let target = entry.plan.externalAddress(inputCount + output)
            else { continue }
            let shape = entry.outputShapes[output]
            let rows = shape.rank > 0 ? shape[0] : 1
            let hasLabels = entry.key.labels & (1 << UInt32(output)) != 0
            let weights = entry.key.hasWeights ? entry.plan.externalAddress(inputCount + losses.count) : nil
            let view = MetricBatch(
                rows: rows, columns: rows > 0 ? shape.elementCount / rows : 0, prediction: reader(address),
                target: hasLabels ? nil : reader(target),
                labels: hasLabels ? UnsafePointer(target.assumingMemoryBound(to: Int32.self)) : nil,
                weight: weights.map { reader($0) }, threshold: losses[output].decisionThreshold)
            for index in metrics.indices { measures[output * metrics.count + index].add(view) }
        }
    }

    private func reader(_ address: UnsafeMutableRawPointer) -> (Int) -> Double {
        if model.isDouble {
            let numbers = address.assumingMemoryBound(to: Double.self)
            return { numbers[$0] }
        }
        let numbers = address.assumingMemoryBound(to: Float.self)
        return { Double(numbers[$0]) }
    }
}

/// Weighted sums of the losses of batches.
struct LossTotals {
    private var sums: [Double]
    private var weights: [Double]
    /// Loss "none".
    private var plain = 0.0
    private var plainCount = 0.0

    init(count: Int) {
        sums = Array(repeating: 0, count: count)
        weights = sums
    }

    mutating func add(_ entry: StepPlan, _ trainer: Trainer) {
        if sums.isEmpty {
            plain += entry.loss(trainer.executor)
            plainCount += 1
        }
        for index in sums.indices {
            let (loss, weight) = entry.lossAndWeight(index, trainer.executor, trainer.losses[index])
            sums[index] += loss * weight
            weights[index] += weight
        }
    }

    var value: Double {
        if sums.isEmpty { return plainCount > 0 ? plain / plainCount : 0 }
        var total = 0.0
        for index in sums.indices where weights[index] > 0 { total += sums[index] / weights[index] }
        return total
    }
}
