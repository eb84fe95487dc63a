// The caller's arrays on their way into a step: checked against what the plan expects without
// allocating anything when they fit; the words for the error are found only when they don't.

import Graph
import Layers
import Losses
import Tensors

extension Trainer {
    /// One array for each input, then each target, then (maybe) the sample weights.
    public var arrayCount: Int { model.inputs.count + targetCount + 1 }

    /// What is expected of the arrays, with the open batch and names for messages. `views` tells
    /// whether targets are integers.
    func specifications(_ views: UnsafeBufferPointer<ArrayView>) throws(ChainruleError) -> [FeedSpecification] {
        var list = model.inputSpecifications
        let inputs = list.count
        for (index, trained) in losses.enumerated() {
            let found = try trained.specifications(
                integers: trained.targets.map { !views[inputs + $0].type.isReal }, freeSize: freeSize(index, views))
            for (specification, role) in zip(found, trained.loss.targetRoles) {
                let number = list.count - inputs
                let isOnly = targetCount == 1 || losses.count == 1
                list.append(
                    FeedSpecification(
                        name: targetCount == 1 ? "the target" : isOnly ? role.name : "target \(number)", shape: specification.shape,
                        kind: specification.labels.map { .labels($0) } ?? .real, alternative: specification.alternative))
            }
        }
        list.append(FeedSpecification(name: "sample_weight", shape: [Shape.batch], kind: .real))
        return list
    }

    /// The last size of a loss's free target.
    private func freeSize(_ index: Int, _ views: UnsafeBufferPointer<ArrayView>) -> Int {
        guard let free = losses[index].choice.freeTarget else { return 0 }
        let view = views[inputCount + losses[index].firstTarget + free]
        return view.rank > 0 ? view.shape[view.rank - 1] : 0
    }

    /// The plan's key for these arrays.
    @inline(__always)
    func key(_ views: UnsafeBufferPointer<ArrayView>, hasWeights: Bool, isTraining: Bool) -> StepKey {
        var batch: Int?
        if let first = firstBatchedInput { batch = views[first].rank > 0 ? views[first].shape[0] : 0 }
        var labels: UInt64 = 0
        for index in 0..<targetCount where !views[inputCount + index].type.isReal { labels |= 1 << UInt64(index) }
        var key = StepKey(batch: batch, labels: labels & labelMask, hasWeights: hasWeights, isTraining: isTraining)
        if hasFreeTargets {
            for index in losses.indices { key.sizes[index] = Int32(clamping: freeSize(index, views)) }
        }
        return key
    }

    /// Checks the arrays and points the plan at them.
    func feed(_ entry: StepPlan, _ views: UnsafeBufferPointer<ArrayView>, hasWeights: Bool) throws(ChainruleError) {
        let count = inputCount + targetCount + (hasWeights ? 1 : 0)
        for slot in 0..<count where !entry.expected[slot].fits(views[slot]) {
            throw misfit(views, slot, batch: entry.key.batch)
        }
        for slot in 0..<count {
            guard let range = entry.expected[slot].labels else {
                entry.plan.setExternal(slot, try feeds.plainAddress(views[slot], slot: slot))
                continue
            }
            if views[slot].isContiguous,
                let labels = feeds.labels(views[slot].data, views[slot].type, entry.labelCount(slot), range, slot: slot)
            {
                entry.plan.setExternal(slot, labels)
            } else {
                // The first time, or one is out of range: the long way finds the words.
                let specifications = try specifications(views)
                entry.plan.setExternal(slot, try feeds.address(views[slot], specifications[slot], slot: slot))
            }
        }
        if hasWeights { try checkWeights(views[count - 1]) }
        if hasFreeTargets { try checkLabels(entry) }
    }

    /// Lets losses look at the labels that the plan is pointed at.
    private func checkLabels(_ entry: StepPlan) throws(ChainruleError) {
        for trained in losses {
            let first = inputCount + trained.firstTarget
            let batch = entry.key.batch ?? entry.expected[first].shape[0]
            try trained.loss.check(
                { entry.plan.externalAddress(first + $0).map { UnsafePointer($0.assumingMemoryBound(to: Int32.self)) } },
                sizes: { entry.labelCount(first + $0) / max(batch, 1) }, batch: batch)
        }
    }

    /// The error for an array that does not fit.
    private func misfit(_ views: UnsafeBufferPointer<ArrayView>, _ slot: Int, batch: Int?) -> ChainruleError {
        do throws(ChainruleError) {
            let specifications = try specifications(views)
            try Feeds.check(views[slot], specifications[slot], batch: batch ?? 1)
        } catch {
            return error
        }
        return ChainruleError(.internal, "array \(slot) does not fit its plan")
    }

    func checkWeights(_ view: ArrayView) throws(ChainruleError) { try checkSampleWeights(view) }

    /// Whether a step with arrays of the same description may go straight to its plan: they were used
    /// in place (labels are checked and copied each time), and no other plan came between.
    public func canStepAgain(_ count: Int, hasWeights: Bool) -> Bool {
        guard !hasWeights, !isOutdated, current < entries.count, entries[current].key.isTraining else { return false }
        for slot in 0..<count {
            let view = views[slot]
            let isLabels = entries[current].expected[slot].labels != nil
            let type = entries[current].expected[slot].isReal ? model.type : model.storageType(.integer)
            if isLabels ? !view.isContiguous : view.type != type || !view.isContiguous { return false }
        }
        lastStep = entries[current]
        return true
    }

    public var canRepeatStep: Bool { lastStep != nil && !isOutdated }

    /// Points the last step's plan at an array of the caller.
    @inline(__always)
    public func point(_ slot: Int, _ data: UnsafeMutableRawPointer?) {
        (views + slot).pointee.data = data
    }

    /// A step like the last one, on the arrays that `point` named.
    @_optimize(speed)
    public func stepAgain() throws(ChainruleError) -> Double {
        guard let last = lastStep.map({ Unmanaged.passUnretained($0) }) else { throw ChainruleError(.internal, "no step to repeat") }
        return try last.use { (entry) throws(ChainruleError) in try stepAgain(entry) }
    }

    @inline(__always)
    private func stepAgain(_ entry: StepPlan) throws(ChainruleError) -> Double {
        if entry.plan.needsScratch && !executor.hasScratchForTeam { try executor.bind(entry.plan) }
        if !entry.hasLabels && !hasFreeTargets {
            for slot in 0..<inputCount + targetCount { entry.plan.setExternal(slot, (views + slot).pointee.data) }
            return try step(entry)
        }
        for slot in 0..<inputCount + targetCount {
            let data = (views + slot).pointee.data
            guard let range = entry.expected[slot].labels else {
                entry.plan.setExternal(slot, data)
                continue
            }
            if let labels = feeds.labels(data, (views + slot).pointee.type, entry.labelCount(slot), range, slot: slot) {
                entry.plan.setExternal(slot, labels)
            } else {
                // One is out of range: the long way finds the words.
                let all = UnsafeBufferPointer(start: UnsafePointer(views), count: inputCount + targetCount)
                try feed(entry, all, hasWeights: false)
            }
        }
        if hasFreeTargets { try checkLabels(entry) }
        return try step(entry)
    }

    func emptyBatch() -> ChainruleError {
        ChainruleError(.shape, "the batch", expected: "1 sample or more", got: "0")
    }

    /// One update. The caller holds the trainer and the model. Allocates nothing once the plan for
    /// this batch size is there.
    @_optimize(speed)
    public func step(_ views: UnsafeBufferPointer<ArrayView>, hasWeights: Bool) throws(ChainruleError) -> Double {
        let key = key(views, hasWeights: hasWeights, isTraining: true)
        // Arrays that don't fit must not make a plan, for which an older one would have to go.
        if !hasPlan(key) { try checkShapes(views) }
        let entry = try plan(key)
        try feed(entry, views, hasWeights: hasWeights)
        return try step(entry)
    }

    private func checkShapes(_ views: UnsafeBufferPointer<ArrayView>) throws(ChainruleError) {
        let specifications = try specifications(views)
        let batch = try model.batch(of: views, model.inputSpecifications) ?? 1
        for (slot, given) in views.enumerated() {
            let view = slot < inputCount ? given : given.withLastDimension(specifications[slot])
            try Feeds.check(view, specifications[slot], batch: batch)
        }
        if batch == 0 { throw emptyBatch() }
    }
}

/// Refuses weights that are negative, NaN or infinite.
func checkSampleWeights(_ view: ArrayView) throws(ChainruleError) {
    guard var place = view.data else { return }
    for index in 0..<view.shape[0] {
        let weight = view.type == .float32 ? Double(place.loadUnaligned(as: Float.self)) : place.loadUnaligned(as: Double.self)
        guard weight >= 0, weight.isFinite else {
            throw ChainruleError(
                .value, "sample_weight, element \(index)", expected: "a finite number of 0 or more", got: "\(weight)")
        }
        place += view.strides[0]
    }
}
