// Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): the forward pass is
// cut into segments, and only what crosses their borders is kept. The backward pass runs a segment's operations
// again, into values of their own, just before it reads the first of them; MemoryPlan.swift then finds that the
// originals die early. The same calls on the same numbers, random ones among them: no bit of a result changes.

import Layers

/// Who writes and reads a value; all numbers are of operations, -1 for none.
private struct Uses {
    /// Of the forward pass.
    var firstWrite = -1
    var lastWrite = -1
    var lastRead = -1
    /// The backward pass's first.
    var readBack = -1
    /// It isn't computed anew in any case.
    var isKept = true
    /// Of the segment that is looked at: nobody else but the backward pass reads it.
    var isInside = false
    /// The segment must compute it anew.
    var isWanted = false
    /// The value that then takes its place.
    var anew: Value?

    /// Whether the operation, when it runs again, takes what was computed anew: also of a value that is kept if that
    /// is written behind. For those behind the segment: Int.max.
    func isAnew(for operation: Int) -> Bool { isInside || lastWrite >= operation }
}

/// By the index of a value that is no alias.
private typealias UsesByValue = UnsafeMutableBufferPointer<Uses>

extension Program {
    /// Lets the backward pass compute anew what lies inside of `count` segments; not of the last, all of whose
    /// values it reads at once.
    func recompute(segments count: Int) {
        let uses = UsesByValue.allocate(capacity: values.count)
        defer { uses.deallocate() }
        let borders = cuts(count, uses, forward: findUses(uses))
        // Operations to run again, and which ones each comes before.
        var (copies, places) = ([Operation](), [Int]())
        for number in borders.indices.dropLast() { repeatSegment(borders[number]..<borders[number + 1], uses, &copies, &places) }
        var all: [Operation] = []
        for index in operations.indices {
            for number in places.indices where places[number] == index { all.append(copies[number]) }
            all.append(operations[index])
        }
        operations = all
    }

    /// Fills `uses` in. Returns the operations of the forward pass.
    private func findUses(_ uses: UsesByValue) -> Range<Int> {
        uses.initialize(repeating: Uses())
        for index in values.indices { uses[index].isKept = values[index].home != .arena || values[index].isPinned }
        var (start, end) = (0, 0)
        for index in operations.indices {
            let phase = operations[index].phase
            if phase == .forward {
                if end == 0 { start = index }
                end = index + 1
            }
            let repeats = mayRunAgain(index)
            for operand in operations[index].operands {
                let number = root(operand.value).index
                if phase == .forward && operand.access == .write {
                    if uses[number].firstWrite < 0 { uses[number].firstWrite = index }
                    uses[number].lastWrite = index
                    if !repeats { uses[number].isKept = true }
                } else if phase == .forward {
                    uses[number].lastRead = index
                } else if phase == .backward && operand.access == .read {
                    if uses[number].readBack < 0 { uses[number].readBack = index }
                } else {
                    uses[number].isKept = true
                }
            }
        }
        return start..<end
    }

    /// Host functions are called once a step, and what lives outside of the arena changes once.
    private func mayRunAgain(_ index: Int) -> Bool {
        if case .custom = operations[index].work { return false }
        for operand in operations[index].operands where operand.access == .write {
            if values[root(operand.value).index].home != .arena { return false }
        }
        return true
    }

    /// The operations that segments begin with. Segments hold about equally many bytes for the backward
    /// pass, and little crosses the cuts: what a cut adds to the arena is the sum of both. No cut parts the operations
    /// that write one value.
    private func cuts(_ count: Int, _ uses: UsesByValue, forward: Range<Int>) -> [Int] {
        // In front of an operation: bytes written for the backward pass, bytes that are read behind, values half written.
        let sums = UnsafeMutableBufferPointer<(kept: Int, crossing: Int, open: Int)>.allocate(capacity: forward.upperBound + 2)
        defer { sums.deallocate() }
        sums.initialize(repeating: (0, 0, 0))
        for index in values.indices where uses[index].firstWrite >= 0 {
            let use = uses[index]
            let bytes = use.isKept ? 0 : values[index].byteCount
            if use.readBack >= 0 { sums[use.firstWrite + 1].kept += bytes }
            sums[use.firstWrite + 1].crossing += bytes
            sums[max(use.lastRead, use.firstWrite) + 1].crossing -= bytes
            sums[use.firstWrite + 1].open += 1
            sums[use.lastWrite + 1].open -= 1
        }
        for index in 1..<sums.count {
            sums[index].kept += sums[index - 1].kept
            sums[index].crossing += sums[index - 1].crossing
            sums[index].open += sums[index - 1].open
        }
        var borders = [forward.lowerBound]
        for number in 1..<count {
            var (best, least) = (0, Int.max)
            for cut in forward where cut > borders[number - 1] && sums[cut].open == 0 {
                let price = sums[cut].crossing + abs(sums[cut].kept - sums[forward.upperBound].kept / count * number)
                if price < least { (best, least) = (cut, price) }
            }
            if best == 0 { break }
            borders.append(best)
        }
        return borders
    }

    /// Appends a segment's operations once more, as far as the backward pass needs them, and makes it read their results.
    private func repeatSegment(_ segment: Range<Int>, _ uses: UsesByValue, _ copies: inout [Operation], _ places: inout [Int]) {
        var place = operations.count
        for index in uses.indices {
            var use = uses[index]
            use.isInside = !use.isKept && segment.contains(use.firstWrite) && use.lastRead < segment.upperBound
            use.isWanted = use.isInside && use.readBack >= 0
            use.anew = nil
            if use.isWanted { place = min(place, use.readBack) }
            uses[index] = use
        }
        var chosen: [Int] = []
        for index in segment.reversed() {
            var isNeeded = false
            for operand in operations[index].operands where operand.access == .write {
                if uses[root(operand.value).index].isWanted { isNeeded = true }
            }
            guard isNeeded else { continue }
            guard mayRunAgain(index) else { return }
            chosen.append(index)
            for operand in operations[index].operands {
                let number = root(operand.value).index
                if uses[number].isAnew(for: index) { uses[number].isWanted = true }
                if uses[number].lastWrite >= segment.upperBound { return }
            }
        }
        for index in chosen.reversed() {
            var operation = operations[index]
            operation.phase = .backward
            rename(&operation, index, uses)
            copies.append(operation)
            places.append(place)
        }
        for index in place..<operations.count where operations[index].phase == .backward {
            rename(&operations[index], Int.max, uses)
        }
    }

    /// Gives an operation the values that were computed anew.
    private func rename(_ operation: inout Operation, _ index: Int, _ uses: UsesByValue) {
        for number in operation.operands.indices { rename(&operation.operands[number].value, index, uses) }
        if var pair = operation.inPlace {
            rename(&pair.read, index, uses)
            rename(&pair.write, index, uses)
            operation.inPlace = pair
        }
    }

    private func rename(_ value: inout Value, _ index: Int, _ uses: UsesByValue) {
        let number = root(value).index
        guard number < uses.count, uses[number].isAnew(for: index) else { return }
        let anew = uses[number].anew ?? self.value(bytes: values[number].byteCount)
        uses[number].anew = anew
        value = anew
    }
}
