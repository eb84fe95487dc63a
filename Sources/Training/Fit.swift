// The training loop: epochs over batches, shuffling, validation, early stopping, callbacks.

import Graph
import Layers
import Tensors

public enum CallbackAnswer: Sendable { case go, stop, fail }

public struct Progress {
    public var epoch = 0
    public var epochs = 0
    public var batch = 0
    public var batches = 0
    public var loss = 0.0
    /// All series' values, at the end of an epoch.
    public var values: [Double] = []
}

public struct FitOptions {
    public var epochs = 1
    public var batchSize = 32
    public var shuffles = true
    public var dropsLast = false
    public var sampleWeight: ArrayView?
    public var validationSplit = 0.0
    public var validation: (x: [ArrayView], y: [ArrayView])?
    public var monitor: String?
    public var patience = 0
    public var minDelta = 0.0
    public var restoresBest = false
    public var resumes = false
    public var onBatch: ((Progress) -> CallbackAnswer)?
    public var onEpoch: ((Progress) -> CallbackAnswer)?

    public init() {}
}

extension Trainer {
    /// Trains on all samples. The caller holds the trainer; the model is held during steps only, so
    /// that callbacks can use it. What was recorded is in `history` even when this throws.
    public func fit(
        x: [ArrayView], y: [ArrayView], _ options: FitOptions, history: History
    ) throws(ChainruleError) {
        guard model.beginTraining() else { throw Model.busy }
        defer { model.endTraining() }
        var arrays = x + y
        if let weights = options.sampleWeight { arrays.append(weights) }
        var data = try DataSource(self, arrays, hasWeights: options.sampleWeight != nil, what: "")
        guard data.count > 0 else { throw emptyBatch() }
        var validation: DataSource?
        if let given = options.validation {
            validation = try DataSource(self, given.x + given.y, hasWeights: false, what: "validation data")
        } else if options.validationSplit > 0 {
            let held = Int((Double(data.count) * options.validationSplit).rounded())
            guard firstBatchedInput != nil, held > 0, held < data.count else {
                throw ChainruleError(
                    .invalidArgument, "validation_split",
                    expected: "a share that leaves samples on both sides of \(data.count)", got: "\(options.validationSplit)")
            }
            validation = data.part(data.count - held..<data.count)
            data = data.part(0..<data.count - held)
        }
        try Fit(self, options, data, validation, history).run()
    }
}

/// One call of fit under way. An object, which nothing copies: an epoch may be a step of a microsecond.
private final class Fit {
    let trainer: Trainer
    let options: FitOptions
    let data: DataSource
    let validation: DataSource?
    let history: History
    let batchSize: Int
    let batches: Int
    let order: Storage?
    /// Every step is on all samples, in their order, and nobody is called in between who could change them.
    let isWhole: Bool
    private var stopping: EarlyStopping
    private var totals: LossTotals
    /// The plan of the step before.
    private var last: StepPlan?

    init(
        _ trainer: Trainer, _ options: FitOptions, _ data: DataSource, _ validation: DataSource?, _ history: History
    ) throws(ChainruleError) {
        self.trainer = trainer
        self.options = options
        self.data = data
        self.validation = validation
        self.history = history
        let isBatched = trainer.firstBatchedInput != nil
        batchSize = isBatched ? min(options.batchSize, data.count) : 1
        batches = options.dropsLast ? data.count / batchSize : (data.count + batchSize - 1) / batchSize
        guard !options.shuffles || data.count <= Int(Int32.max) else {
            throw ChainruleError(
                .invalidArgument, "shuffling", expected: "at most \(Int32.max) samples; without shuffling there may be more",
                got: "\(data.count)")
        }
        order = options.shuffles && isBatched ? try Storage(byteCount: data.count * 4, what: "the order of samples") : nil
        isWhole = batches == 1 && order == nil && validation == nil && options.onBatch == nil && options.onEpoch == nil
        var names = trainer.measureNames
        if validation != nil { names += trainer.measureNames.map { "val_" + $0 } }
        history.names = names
        history.columns = Array(repeating: [], count: names.count)
        stopping = try EarlyStopping(trainer, options, names, hasValidation: validation != nil)
        totals = LossTotals(trainer)
        _ = try trainer.monitored(names, Array(repeating: 0, count: names.count))
    }

    /// However it ends, the best epoch's parameters are brought back where that was asked for.
    func run() throws(ChainruleError) {
        do throws(ChainruleError) {
            try epochs()
        } catch {
            try? stopping.restore(trainer)  // the first error says more than a second
            throw error
        }
        try stopping.restore(trainer)
    }

    private func epochs() throws(ChainruleError) {
        // All plans now, so that the arena has its size before the first step.
        try trainer.model.withWriteLock { () throws(ChainruleError) in
            _ = try entry(batchSize)
            if !options.dropsLast && data.count % batchSize != 0 { _ = try entry(data.count % batchSize) }
            if let validation { try trainer.planEvaluation(validation, what: "validation data") }
        }
        if !options.resumes {
            trainer.fitStart = trainer.epoch + (trainer.batchInEpoch > 0 ? 1 : 0)
            trainer.epoch = trainer.fitStart
            trainer.batchInEpoch = 0
        }
        // Broken off behind an epoch's last batch: nothing of that epoch is left to do.
        if options.resumes && trainer.batchInEpoch >= batches {
            trainer.epoch += 1
            trainer.batchInEpoch = 0
        }
        let first = options.resumes ? 0 : trainer.fitStart
        var repeats = false
        while trainer.epoch - first < options.epochs {
            let goesOn = try epoch(number: trainer.epoch - first, repeats: repeats)
            if !goesOn { break }
            repeats = isWhole
        }
    }

    private func entry(_ batch: Int) throws(ChainruleError) -> StepPlan {
        try trainer.plan(data.key(batch: batch, isTraining: true))
    }

    /// False to stop after it.
    /// - repeats: its one step is on the arrays of the step before.
    @_optimize(speed)
    private func epoch(number: Int, repeats: Bool) throws(ChainruleError) -> Bool {
        let shuffled = order?.pointer.assumingMemoryBound(to: Int32.self)
        if let shuffled {
            // Streams below 2^32 belong to initial values; dropout's key is another seed.
            Philox(seed: trainer.seed, stream: 0x2_0000_0000 + UInt64(trainer.epoch)).shuffle(shuffled, count: data.count)
        }
        totals.clear()
        let measures = try trainer.makeMeasures()
        var progress = Progress()
        progress.epoch = number
        progress.epochs = options.epochs
        progress.batches = batches
        while trainer.batchInEpoch < batches {
            let first = trainer.batchInEpoch * batchSize
            let count = min(batchSize, data.count - first)
            try trainer.model.withWriteLock { () throws(ChainruleError) in
                let entry = if repeats, let last { last } else { try entry(count) }
                last = entry
                let order = shuffled.map { UnsafePointer($0) }
                if !repeats { try data.load(entry, first: first, batch: count, order: order) }
                // A callback may change the data.
                let next = options.onBatch == nil && first + 1 < data.count ? first + 1 : nil
                data.loadNext(entry, next, order: order)
                defer { data.loadNext(entry, nil, order: nil) }
                progress.loss = try trainer.step(entry, repeating: repeats)
                totals.add(entry, trainer)
                try trainer.measure(measures, entry)
            }
            progress.batch = trainer.batchInEpoch
            trainer.batchInEpoch += 1
            if let onBatch = options.onBatch {
                switch onBatch(progress) {
                case .go: break
                case .stop: return false
                case .fail: throw Fit.callbackFailed(number)
                }
            }
            if trainer.isCancelled {
                throw ChainruleError(.cancelled, "training was cancelled in epoch \(number), after batch \(progress.batch)")
            }
        }
        trainer.epoch += 1
        trainer.batchInEpoch = 0
        return try finish(number, try trainer.values(totals, measures), progress)
    }

    private func finish(_ number: Int, _ values: [Double], _ progress: Progress) throws(ChainruleError) -> Bool {
        var values = values
        // From here to the next step the model has the mean of its weights, if one is kept.
        if trainer.update.choice.hasAverage {
            try trainer.model.withWriteLock { () throws(ChainruleError) in trainer.update.useAverage(true) }
        }
        if let validation {
            values += try trainer.model.withWriteLock { () throws(ChainruleError) in try trainer.evaluate(validation) }
        }
        history.append(values)
        try trainer.scheduleEpoch(monitored: try trainer.monitored(history.names, values))
        let goesOn = try stopping.sees(values, epoch: history.epochs - 1, trainer)
        history.bestEpoch = stopping.bestEpoch
        if let onEpoch = options.onEpoch {
            var progress = progress
            progress.loss = values[0]
            progress.values = values
            switch onEpoch(progress) {
            case .go: break
            case .stop: return false
            case .fail: throw Fit.callbackFailed(number)
            }
        }
        if trainer.isCancelled { throw ChainruleError(.cancelled, "training was cancelled after epoch \(number)") }
        return goesOn
    }

    private static func callbackFailed(_ epoch: Int) -> ChainruleError {
        ChainruleError(.callback, "a callback ended the training", expected: "CHAINRULE_CONTINUE or CHAINRULE_STOP", got: "CHAINRULE_FAIL in epoch \(epoch)")
    }
}
