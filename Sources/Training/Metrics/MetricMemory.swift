// Memory of metrics: numbers in blocks that tell when there is no memory, where arrays would end the program.

import Tensors

/// A fixed number of zeros.
final class MetricNumbers {
    private let storage: Storage
    let count: Int

    init(_ count: Int, of metric: String) throws(ChainruleError) {
        storage = try Storage(byteCount: count * 8, what: "the metric \(metric)")
        self.count = count
    }

    var pointer: UnsafeMutablePointer<Double> { storage.pointer.assumingMemoryBound(to: Double.self) }
    subscript(_ index: Int) -> Double {
        get { pointer[index] }
        set { pointer[index] = newValue }
    }
}

/// Rows of numbers, as many as come.
final class MetricRows {
    let width: Int
    private(set) var count = 0
    private var storage: Storage?
    private let metric: String

    init(width: Int, of metric: String) {
        self.width = width
        self.metric = metric
    }

    /// The place of a new row.
    func append() throws(ChainruleError) -> UnsafeMutablePointer<Double> {
        let rowBytes = width * 8
        if storage == nil || (count + 1) * rowBytes > storage!.byteCount {
            let larger = try Storage(byteCount: max(64, count * 2) * rowBytes, what: "the metric \(metric)", isZeroed: false)
            if let storage { larger.pointer.copyMemory(from: storage.pointer, byteCount: count * rowBytes) }
            storage = larger
        }
        count += 1
        return self[count - 1]
    }

    /// Only rows that are there.
    subscript(_ row: Int) -> UnsafeMutablePointer<Double> {
        // Behind an append there is storage.
        storage.unsafelyUnwrapped.pointer.assumingMemoryBound(to: Double.self) + row * width
    }
}

/// What is sorted: a number, and what belongs to it.
struct MetricItem {
    var key: Double
    /// Of items that are wanted, and of the others.
    var yes: Double
    var no: Double
}

/// Items, and the room to sort them.
final class MetricItems {
    private let storage: Storage
    private let capacity: Int
    private(set) var count = 0

    init(capacity: Int, of metric: String) throws(ChainruleError) {
        self.capacity = capacity
        let (bytes, isTooMuch) = capacity.multipliedReportingOverflow(by: 2 * MemoryLayout<MetricItem>.stride)
        storage = try Storage(byteCount: isTooMuch ? -1 : bytes, what: "the metric \(metric)", isZeroed: false)
        storage.pointer.bindMemory(to: MetricItem.self, capacity: 2 * capacity)
    }

    private var first: UnsafeMutablePointer<MetricItem> { storage.pointer.assumingMemoryBound(to: MetricItem.self) }

    func append(_ key: Double, yes: Double, no: Double) {
        guard count < capacity else { return }
        first[count] = MetricItem(key: key, yes: yes, no: no)
        count += 1
    }

    func removeAll() { count = 0 }

    /// The items by falling keys, in order of arrival where keys are the same. No key is a NaN.
    func sorted() -> UnsafeMutablePointer<MetricItem> {
        var (from, to) = (first, first + capacity)
        var length = 1
        while length < count {
            var start = 0
            while start < count {
                let middle = min(start + length, count)
                let end = min(start + 2 * length, count)
                var (left, right) = (start, middle)
                for place in start..<end {
                    if left < middle && (right >= end || from[left].key >= from[right].key) {
                        to[place] = from[left]
                        left += 1
                    } else {
                        to[place] = from[right]
                        right += 1
                    }
                }
                start = end
            }
            swap(&from, &to)
            length *= 2
        }
        return from
    }
}
