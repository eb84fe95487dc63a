// From products of queries and keys to weights: scale, masks, exponentials, dropout, row by row in scratch;
// and from gradients in weights to those in the products. Rows in scratch are as wide as a block of keys, so
// that every vector is whole; behind the last visible key scores are -inf and weights 0.

import KernelInterface

/// The scores of a block of keys.
struct AttentionScores<V: RandomVector> {
    private let head: AttentionHead<V>
    private let room: AttentionRoom<V>
    private let key: Int
    private let keys: Int
    private let scale: V
    private let hasPadding: Bool
    private let dropout: AttentionDropout<V>?

    @inline(__always)
    init(_ head: AttentionHead<V>, _ room: AttentionRoom<V>, key: Int, keys: Int) {
        self.head = head
        self.room = room
        self.key = key
        self.keys = keys
        let s = head.shape.pointee
        scale = V(repeating: V.Scalar(s.scale))
        dropout = s.dropout > 0 && room.arguments.has(AttentionSlot.random)
            ? AttentionDropout(room.arguments, head.shape, head.number, key) : nil
        hasPadding = head.padding != nil
        if let padding = head.padding {
            for j in 0..<keys {
                let number = key + j - s.freeKeys
                // Whole numbers are as wide as real ones; as bits, each is zero or not.
                room.padding[j] = number >= 0 && padding[number] != 0 ? -V.Scalar.infinity : 0
            }
        }
    }

    /// The mask's row for this block of keys.
    @inline(__always) private func maskRow(_ row: Int) -> UnsafePointer<V.Scalar>? {
        guard let mask = head.mask else { return nil }
        let s = head.shape.pointee
        let source = mask + row * s.mask.row
        if s.maskColumn == 1 && key >= s.freeKeys { return source + (key - s.freeKeys) }
        for j in 0..<keys {
            let number = key + j - s.freeKeys
            room.mask[j] = number < 0 ? 0 : source[number * s.maskColumn]
        }
        return UnsafePointer(room.mask)
    }

    /// Makes the scores of a row from its products, and returns the largest of each lane.
    @inline(__always) private func finish(_ x: UnsafeMutablePointer<V.Scalar>, _ row: Int) -> V {
        let s = head.shape.pointee
        let lowest = V(repeating: -V.Scalar.infinity)
        let mask = maskRow(row)
        let visible = s.isCausal ? min(keys, row + 1 + s.freeKeys - key) : keys
        var largest = lowest
        var j = 0
        while j < keys {
            var v = V.load(x + j) * scale
            if let mask { v = v + V.load(mask + j, min(V.lanes, keys - j)) }
            if hasPadding { v = v + V.load(room.padding + j) }
            if j + V.lanes > visible { v = V.choose(V.firstLanes(visible - j), v, lowest) }
            largest = V.atLeast(largest, v)
            v.store(x + j)
            j += V.lanes
        }
        return largest
    }

    /// exp(x) for x <= 0, but 0 below the normal range, where nothing matters beside the largest weight.
    @inline(__always) private static func weight(_ x: V) -> V {
        let lowest = V(repeating: V.exponentialSubnormal)
        return V.choose(x .< lowest, V.zero, V.expOfModerate(V.atLeast(x, lowest)))
    }

    /// Turns a row of products into exponentials of scores less the largest so far; returns what earlier
    /// sums must be multiplied with.
    @inline(__always) func weigh(_ line: Int, _ row: Int) -> V.Scalar {
        let x = room.scores + line * attentionBlock
        let before = room.largest[line]
        let largest = V.atLeast(finish(x, row), V(repeating: before)).laneMaximum
        // Without a key so far: any finite number will do.
        let shift = V(repeating: largest == -V.Scalar.infinity ? 0 : largest)
        var total = V.zero
        var j = 0
        while j < keys {
            var e = Self.weight(V.load(x + j) - shift)
            total = total + e
            if let dropout { e = e * dropout.chances(room, row, j) }
            e.store(x + j)
            j += V.lanes
        }
        let factor = before == -V.Scalar.infinity ? 0 : Self.weight(V(repeating: before) - shift)[0]
        room.totals[line] = room.totals[line] * factor + total.laneSum
        room.largest[line] = largest
        return factor
    }

    /// Turns a row of products into weights, and the gradients in weights beside them into those in
    /// products: p (dp - sum(dp p)), where the sum is that of output times its gradient.
    @inline(__always) func slope(_ line: Int, _ row: Int, _ maskGradient: UnsafeMutablePointer<V.Scalar>?) {
        let x = room.scores + line * attentionBlock
        let g = room.slopes + line * attentionBlock
        _ = finish(x, row)
        let logSum = V(repeating: head.logSums[row])
        let mean = V(repeating: room.totals[line])
        var j = 0
        while j < keys {
            var p = Self.weight(V.load(x + j) - logSum)
            var dp = V.load(g + j)
            var d = p * (dp - mean)
            if let dropout {
                let chance = dropout.chances(room, row, j)
                dp = dp * chance
                d = p * (dp - mean)
                p = p * chance
            }
            p.store(x + j)
            (d * scale).store(g + j)
            if let maskGradient { storeMaskGradient(d, maskGradient, row, j) }
            j += V.lanes
        }
    }

    @inline(__always)
    private func storeMaskGradient(_ d: V, _ gradient: UnsafeMutablePointer<V.Scalar>, _ row: Int, _ j: Int) {
        let free = head.shape.pointee.freeKeys
        let target = gradient + row * (head.shape.pointee.keys - free)
        let number = key + j - free
        if number >= 0 {
            d.store(target + number, min(V.lanes, keys - j))
        } else {
            for lane in 0..<min(V.lanes, keys - j) where number + lane >= 0 { target[number + lane] = d[lane] }
        }
    }
}

/// Dropout of weights: weight (row, key) of a head is element (head, row, key) of an array whose rows are
/// filled up to a multiple of 64, so that backward draws the same numbers.
struct AttentionDropout<V: RandomVector> {
    private let philox: Philox
    private let threshold: Int32
    private let kept: V.Scalar
    private let firstGroup: Int
    private let rowGroups: Int

    @inline(__always)
    init(_ arguments: Arguments, _ shape: UnsafePointer<AttentionShape>, _ head: Int, _ key: Int) {
        let p = shape.pointee.dropout
        philox = Philox(state: arguments.input(AttentionSlot.random), channel: shape.pointee.channel)
        threshold = Int32((p * 0x1p24).rounded(.up))
        kept = p < 1 ? V.Scalar(1 / (1 - p)) : 0
        rowGroups = (shape.pointee.keys + 63) / 64
        firstGroup = head * shape.pointee.queries * rowGroups + key / 64
    }

    /// Those of the vector that begins at key `j` of the block; asked for in order.
    @inline(__always) func chances(_ room: AttentionRoom<V>, _ row: Int, _ j: Int) -> V {
        if j % 64 == 0 { draw(room.chances, firstGroup + row * rowGroups + j / 64) }
        return V.load(room.chances + j % 64)
    }

    @inline(never) private func draw(_ chances: UnsafeMutablePointer<V.Scalar>, _ group: Int) {
        // A counter has 36 bits for the group; there is no memory for arrays that need more.
        V.choices(philox, group & 0xf_ffff_ffff, threshold, kept, chances)
    }
}
