// All samples of a fit or an evaluation: checked once, then handed out batch by batch. Arrays that
// can't be gathered row by row as they are (inner strides, labels) are copied once at the start.

import Graph
import KernelDispatch
import KernelInterface
import Layers
import Tensors

final class DataSource {
    let count: Int
    let hasWeights: Bool
    private(set) var views: [ArrayView]
    private var copies: [Storage] = []
    private let trainer: Trainer
    /// Of its plans, but for the batch.
    let key: StepKey

    /// - views: inputs, targets, and sample weights if there are any.
    init(_ trainer: Trainer, _ given: [ArrayView], hasWeights: Bool, what: String) throws(ChainruleError) {
        self.trainer = trainer
        self.hasWeights = hasWeights
        views = given
        let buffer = UnsafeMutableBufferPointer<ArrayView>.allocate(capacity: given.count)
        defer { buffer.deallocate() }
        _ = buffer.initialize(from: given)
        let all = UnsafeBufferPointer(buffer)
        let specifications: [FeedSpecification]
        do throws(ChainruleError) {
            specifications = try trainer.specifications(all)
        } catch {
            throw what.isEmpty ? error : error.after(what)
        }
        key = trainer.key(all, hasWeights: hasWeights, isTraining: true)
        count = key.batch ?? 1
        for slot in given.indices {
            var specification = specifications[slot]
            if !what.isEmpty { specification.name = "\(what): \(specification.name)" }
            views[slot] = given[slot].withLastDimension(specification)
            try Feeds.check(views[slot], specification, batch: count)
            try prepare(slot, specification)
        }
        if hasWeights, let weights = given.last { try trainer.checkWeights(weights) }
        if trainer.hasFreeTargets { try checkLabels(what) }
    }

    /// Lets losses look at all labels; batches of them need not be looked at again.
    private func checkLabels(_ what: String) throws(ChainruleError) {
        for trained in trainer.losses {
            let first = trainer.inputCount + trained.firstTarget
            let views = views
            do throws(ChainruleError) {
                try trained.loss.check(
                    { views[first + $0].data.map { UnsafePointer($0.assumingMemoryBound(to: Int32.self)) } },
                    sizes: { views[first + $0].elementCount / max(count, 1) }, batch: count)
            } catch {
                throw what.isEmpty ? error : error.after(what)
            }
        }
    }

    /// The plan's key for so many samples of it.
    func key(batch: Int, isTraining: Bool) -> StepKey {
        var key = key
        key.batch = trainer.firstBatchedInput == nil ? nil : batch
        key.isTraining = isTraining
        return key
    }

    private func prepare(_ slot: Int, _ specification: FeedSpecification) throws(ChainruleError) {
        let view = views[slot]
        if case .labels = specification.kind {
            guard view.elementCount > 0 else { return }
            let feeds = Feeds(type: trainer.model.type, count: 1)
            let address = try feeds.address(view, specification, slot: 0)
            guard let copy = feeds.storage(0) else { return }
            copies.append(copy)
            views[slot] = ArrayView(address, .int32, view.dimensions)
            return
        }
        guard specification.shape.isBatched, view.elementCount > 0 else { return }
        let isInteger = specification.kind == .integers
        let type = trainer.model.storageType(isInteger ? .integer : .real)
        if DataSource.rowStep(view) == nil || (isInteger && !(view.type == type && view.isContiguous)) {
            let copy = try Storage(byteCount: view.elementCount * type.size, what: "a copy of \(specification.name)", isZeroed: false)
            let contiguous = ArrayView(copy.pointer, type, view.dimensions)
            copyElements(from: view, to: contiguous)
            copies.append(copy)
            views[slot] = contiguous
        }
        // As wide as real numbers, and only moved from here on.
        if isInteger { views[slot].type = trainer.model.type }
    }

    /// Elements between neighbours of a row, when a row can be walked with one stride.
    private static func rowStep(_ view: ArrayView) -> Int? {
        let size = view.type.size
        guard view.rank > 0, view.strides[0] % size == 0 else { return nil }
        if view.rank == 1 { return 1 }
        if view.rank == 2 { return view.strides[1] % size == 0 ? view.strides[1] / size : nil }
        var row = view
        row.shape[0] = 1
        return row.isContiguous ? 1 : nil
    }

    /// Points the plan at samples `first..<first + batch` of an order (nil: as they come).
    @_optimize(speed)
    func load(_ entry: StepPlan, first: Int, batch: Int, order: UnsafePointer<Int32>?) throws(ChainruleError) {
        for slot in views.indices {
            let view = views[slot]
            let isLabels = entry.expected[slot].labels != nil
            guard entry.isBatched[slot] else {
                // Labels were copied as the plan reads them.
                entry.plan.setExternal(slot, isLabels ? view.data : try trainer.feeds.plainAddress(view, slot: slot))
                continue
            }
            if let row = row(first, of: batch, slot, order, isLabels: isLabels) {
                entry.plan.setExternal(slot, row)
                continue
            }
            let columns = view.elementCount / max(view.shape[0], 1)
            let size = isLabels ? 4 : trainer.model.type.size
            let buffer = try trainer.feeds.buffer(slot, bytes: batch * columns * size)
            if isLabels {
                gatherLabels(view, columns, first, batch, order, buffer)
            } else {
                gather(view, columns, first, batch, order, buffer)
            }
            entry.plan.setExternal(slot, buffer)
        }
    }

    /// Where samples `first..<first + batch` lie one behind the other as the plan reads them, if they do.
    private func row(
        _ first: Int, of batch: Int, _ slot: Int, _ order: UnsafePointer<Int32>?, isLabels: Bool
    ) -> UnsafeMutableRawPointer? {
        let view = views[slot]
        guard order == nil || batch == 1, isLabels || (view.type == trainer.model.type && view.isContiguous) else { return nil }
        return view.data.map { $0 + (order.map { Int($0[first]) } ?? first) * view.strides[0] }
    }

    /// Shows a step that can make use of it the sample of the step after; nil: there is none. Not to be left
    /// standing: another step of the plan may come when the sample is gone.
    func loadNext(_ entry: StepPlan, _ next: Int?, order: UnsafePointer<Int32>?) {
        guard let foresees = entry.foresees else { return }
        let sample = next.flatMap { entry.isBatched[foresees.input] ? row($0, of: 1, foresees.input, order, isLabels: false) : nil }
        entry.plan.setExternal(foresees.next, sample)
    }

    @_optimize(speed)
    private func gatherLabels(
        _ view: ArrayView, _ columns: Int, _ first: Int, _ batch: Int, _ order: UnsafePointer<Int32>?,
        _ buffer: UnsafeMutableRawPointer
    ) {
        guard let source = view.data?.assumingMemoryBound(to: Int32.self) else { return }
        let target = buffer.assumingMemoryBound(to: Int32.self)
        for row in 0..<batch {
            let from = (order.map { Int($0[first + row]) } ?? first + row) * columns
            for column in 0..<columns { target[row * columns + column] = source[from + column] }
        }
    }

    @_optimize(speed)
    private func gather(
        _ view: ArrayView, _ columns: Int, _ first: Int, _ batch: Int, _ order: UnsafePointer<Int32>?,
        _ buffer: UnsafeMutableRawPointer
    ) {
        guard let data = view.data, columns > 0 else { return }
        var call = KernelCall()
        call.isDouble = trainer.model.isDouble
        call.pointers[0] = order == nil ? data + first * view.strides[0] : data
        call.pointers[1] = buffer
        call.pointers[2] = order.map { UnsafeMutableRawPointer(mutating: $0 + first) }
        call.integers[0] = batch
        call.integers[1] = columns
        call.integers[2] = view.strides[0] / view.type.size
        call.integers[3] = Int(view.type.rawValue)
        call.integers[4] = StridedSpace.rowsPerPiece(columns: columns)
        call.integers[6] = DataSource.rowStep(view) ?? 1
        let pieces = (batch + call.integers[4] - 1) / call.integers[4]
        withUnsafePointer(to: call) {
            Team.run(
                KernelSet.current[.gatherRows], UnsafeRawPointer($0), pieces: pieces, scratch: nil,
                scratchCount: Team.maximumThreads)
        }
    }

    /// Samples `range` as a source of their own.
    func part(_ range: Range<Int>) -> DataSource { DataSource(self, range) }

    private init(_ whole: DataSource, _ range: Range<Int>) {
        trainer = whole.trainer
        hasWeights = whole.hasWeights
        key = whole.key
        copies = whole.copies
        count = range.count
        views = whole.views.enumerated().map { slot, view in
            whole.trainer.isBatched(slot) ? view.rows(range.lowerBound, range.count) : view
        }
    }
}
