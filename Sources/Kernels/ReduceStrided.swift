// Sums over any dimensions of a strided array; the slots stand in Reduce.swift.

import KernelInterface

let reduceStridedKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        reduceStrided(DoubleVector.self, arguments, begin, end)
    } else {
        reduceStrided(FloatVector.self, arguments, begin, end)
    }
}

private func reduceStrided<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let result = arguments.output(1, V.Scalar.self)
    let kept = arguments.input(2, StridedSpace.self)
    let reduced = arguments.input(3, StridedSpace.self)
    let factor = V(repeating: arguments.scalar(0))
    let adds = arguments.integer(1) != 0
    let columns = kept.pointee.columns
    let stride = kept.pointee.columnStrides[0]
    // Along the columns a vector of kept elements is summed at once, unless the reduced elements
    // are the ones that lie side by side.
    let across = stride == 1 && columns > 1
    let perPiece = arguments.integer(0)
    let low = begin * perPiece
    let high = min(end * perPiece, kept.pointee.rows * columns)
    guard low < high else { return }
    var runs = StridedRuns(kept, (low / columns)..<((high - 1) / columns + 1))
    let next = runs.step(0)
    while runs.next() {
        var row = x + runs.offset0
        for number in runs.first..<(runs.first + runs.count) {
            // The piece may begin and end inside a row.
            var i = max(0, low - number * columns)
            let last = min(columns, high - number * columns)
            while i < last {
                let n = across ? min(V.lanes, last - i) : 1
                let start = row + i * stride
                var total = across ? sumAcross(V.self, start, n, reduced) : sumAlong(V.self, start, reduced)
                total *= factor
                let target = result + number * columns + i
                if adds { total += V.load(target, n) }
                total.store(target, n)
                i += n
            }
            row += next
        }
    }
}

/// `count` neighbouring sums.
@inline(__always) private func sumAcross<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ count: Int, _ reduced: UnsafePointer<StridedSpace>
) -> V {
    let columns = reduced.pointee.columns
    let stride = reduced.pointee.columnStrides[0]
    var total = V(repeating: 0)
    var runs = StridedRuns(reduced, 0..<reduced.pointee.rows)
    let next = runs.step(0)
    while runs.next() {
        var p = x + runs.offset0
        for _ in 0..<runs.count {
            var i = 0
            while i < columns {
                // Blocks of 128 keep rounding small over long dimensions.
                let end = min(columns, i + 128)
                var block = V(repeating: 0)
                if count == V.lanes {
                    while i < end {
                        block += V.load(p + i * stride)
                        i += 1
                    }
                } else {
                    while i < end {
                        block += V.load(p + i * stride, count)
                        i += 1
                    }
                }
                total += block
            }
            p += next
        }
    }
    return total
}

/// One sum, in the first lane.
@inline(__always) private func sumAlong<V: KernelMath>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ reduced: UnsafePointer<StridedSpace>
) -> V {
    let columns = reduced.pointee.columns
    let stride = reduced.pointee.columnStrides[0]
    var total: V.Scalar = 0
    var runs = StridedRuns(reduced, 0..<reduced.pointee.rows)
    let next = runs.step(0)
    while runs.next() {
        var p = x + runs.offset0
        for _ in 0..<runs.count {
            if stride == 1 {
                total += sumElements(p, columns, V.self)
            } else {
                var i = 0
                while i < columns {
                    let end = min(columns, i + 128)
                    var block: V.Scalar = 0
                    while i < end {
                        block += p[i * stride]
                        i += 1
                    }
                    total += block
                }
            }
            p += next
        }
    }
    return V(repeating: total)
}
