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
        var totals = LossTotals(self)
        let measures = try makeMeasures()
        let step = evaluationStep(source)
        var first = 0
        while first < source.count {
            let batch = min(step, source.count - first)
            let entry = try plan(source.key(batch: batch, isTraining: false))
            try source.load(entry, first: first, batch: batch, order: nil)
            try executor.runForward(entry.plan, through: .loss)
            totals.add(entry, self)
            try measure(measures, entry)
            first += batch
        }
        return try values(totals, measures)
    }

    func values(_ totals: LossTotals, _ measures: [any Metric]) throws(ChainruleError) -> [Double] {
        var list = [totals.value]
        for measure in measures { list.append(try measure.value()) }
        return list
    }

    private func evaluationStep(_ source: DataSource) -> Int {
        model.isSeparable ? min(Trainer.evaluationBatch, source.count) : source.count
    }

    /// Makes the plans for evaluating a source, so that the arena has its size before training.
    func planEvaluation(_ source: DataSource, what: String) throws(ChainruleError) {
        guard source.count > 0 else { throw emptyBatch().after(what) }
        let step = evaluationStep(source)
        _ = try plan(source.key(batch: step, isTraining: false))
        if source.count % step != 0 { _ = try plan(source.key(batch: source.count % step, isTraining: false)) }
    }

    /// Names of what `evaluate` returns.
    public var measureNames: [String] {
        var names = ["loss"]
        for trained in measured {
            let prefix = losses.count == 1 ? "" : model.nodes[model.outputs[trained.firstOutput]].name + "_"
            names += metrics.map { prefix + $0.name }
        }
        return names
    }

    /// Whether the measure at this place in `measureNames` is better when it's larger.
    func largerIsBetter(_ index: Int) -> Bool {
        index > 0 && !metrics.isEmpty && metrics[(index - 1) % metrics.count].sample.largerIsBetter
    }

    func makeMeasures() throws(ChainruleError) -> [any Metric] {
        var list: [any Metric] = []
        for _ in measured { for choice in metrics { list.append(try choice.make()) } }
        return list
    }

    /// Refuses metrics where no loss has anything for them to compare.
    public func setMetrics(_ text: String) throws(ChainruleError) {
        let list = try MetricCatalog.parse(text)
        guard list.isEmpty || losses.isEmpty || !measured.isEmpty else {
            throw ChainruleError(
                .invalidArgument, "the metrics", expected: "none: the loss has no target that a prediction could be compared with",
                got: "\"\(text)\"")
        }
        for trained in measured {
            let task = trained.metricTask
            for choice in list {
                guard task.isUsual || choice.sample.readsArrays else {
                    throw choice.sample.refuse(task, expected: "a target of the prediction's shape, or labels of its rows")
                }
                try choice.sample.check(task)
            }
        }
        metrics = list
        metricsText = text
    }

    /// Adds the batch whose forward pass has just run.
    func measure(_ measures: [any Metric], _ entry: StepPlan) throws(ChainruleError) {
        guard !metrics.isEmpty else { return }
        for (place, trained) in measured.enumerated() {
            let slot = inputCount + trained.firstTarget
            guard let address = executor.address(entry.outputs[trained.firstOutput], in: entry.plan),
                let target = entry.plan.externalAddress(slot)
            else { continue }
            let shape = entry.outputShapes[trained.firstOutput]
            let weights = entry.key.hasWeights ? entry.plan.externalAddress(inputCount + targetCount) : nil
            let isLabels = entry.expected[slot].labels != nil
            var view = metricBatch(
                shape, address, target, isLabels: isLabels, weights: weights.map { reader($0) }, trained.loss)
            view.arrays = MetricArrays(
                isDouble: model.isDouble, prediction: (address, shape), target: (target, entry.targetShapes[slot - inputCount]),
                hasLabels: isLabels, weights: weights)
            for index in metrics.indices { try measures[place * metrics.count + index].add(view) }
        }
    }

    /// Classes [batch, classes, d1, ...] with labels [batch, d1, ...] or numbers of the same shape: a row for
    /// each position. Other predictions: a row for each sample.
    private func metricBatch(
        _ shape: Shape, _ address: UnsafeMutableRawPointer, _ target: UnsafeMutableRawPointer, isLabels: Bool,
        weights: ((Int) -> Double)?, _ loss: any Loss
    ) -> MetricBatch {
        let samples = shape.rank > 0 ? shape[0] : 1
        var batch = MetricBatch(
            rows: samples, columns: samples > 0 ? shape.elementCount / samples : 0, prediction: reader(address),
            threshold: loss.decisionThreshold, link: loss.link)
        let labels = isLabels ? UnsafePointer(target.assumingMemoryBound(to: Int32.self)) : nil
        batch.labels = labels
        batch.target = isLabels ? nil : reader(target)
        batch.weight = weights
        guard shape.rank >= 2, isLabels || loss.link.hasClasses else { return batch }
        let classes = shape[1]
        let positions = shape.dimensions.dropFirst(2).reduce(1, *)
        batch.rows = samples * positions
        batch.columns = classes
        guard positions != 1 else { return batch }
        func atPosition(_ read: @escaping (Int) -> Double) -> (Int) -> Double {
            { index in
                let (row, column) = (index / classes, index % classes)
                return read((row / positions * classes + column) * positions + row % positions)
            }
        }
        batch.prediction = atPosition(batch.prediction)
        batch.target = batch.target.map { atPosition($0) }
        if let weights { batch.weight = { row in weights(row / positions) } }
        return batch
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

/// The losses of batches, put together as each loss's reduction does it.
struct LossTotals {
    private var sums: [Double]
    private var weights: [Double]
    private let areSums: [Bool]
    /// Loss "none".
    private var plain = 0.0
    private var plainCount = 0.0

    init(_ trainer: Trainer) {
        areSums = trainer.losses.map { $0.choice.reduction == .sum }
        sums = Array(repeating: 0, count: areSums.count)
        weights = sums
    }

    mutating func clear() {
        for index in sums.indices {
            sums[index] = 0
            weights[index] = 0
        }
        (plain, plainCount) = (0, 0)
    }

    mutating func add(_ entry: StepPlan, _ trainer: Trainer) {
        if sums.isEmpty {
            plain += entry.loss(trainer.executor)
            plainCount += 1
        }
        for index in sums.indices {
            let (loss, weight) = entry.lossAndWeight(index, trainer.executor)
            sums[index] += areSums[index] ? loss : loss * weight
            weights[index] = areSums[index] ? 1 : weights[index] + weight
        }
    }

    var value: Double {
        if sums.isEmpty { return plainCount > 0 ? plain / plainCount : 0 }
        var total = 0.0
        for index in sums.indices where weights[index] > 0 { total += sums[index] / weights[index] }
        return total
    }
}
