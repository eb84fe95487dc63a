// softmax(scale Q K^T + mask) V without ever holding the scores of more than a block of queries and a block
// of keys ("FlashAttention", Dao et al. 2022): the softmax goes on-line over the blocks of keys, and what
// was added up is rescaled when a larger score comes (Milakov and Gimelshein 2018). Only the logarithm of
// each row's sum is kept for the backward pass, which computes the scores once more.
//
// attentionForward. Slots: KernelInterface/AttentionShape.swift. A piece is a block of queries of one head
// of one sample. The products run in the matrix product's tiles (AttentionRoom.swift).
//
// A row all of whose keys are masked has the output 0 and a logarithm of +inf, so that backward finds 0.

import KernelInterface

let attentionForwardKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        attentionForward(DoubleVector.self, arguments, begin, end, scratch)
    } else {
        attentionForward(FloatVector.self, arguments, begin, end, scratch)
    }
}

/// The arrays of one head of one sample.
struct AttentionHead<V: RandomVector> {
    typealias Scalars = UnsafePointer<V.Scalar>
    let shape: UnsafePointer<AttentionShape>
    /// Sample times heads plus head.
    let number: Int
    let query: Scalars
    let key: Scalars
    let value: Scalars
    let output: UnsafeMutablePointer<V.Scalar>
    let logSums: UnsafeMutablePointer<V.Scalar>
    let mask: Scalars?
    let padding: Scalars?

    @inline(__always) init(_ arguments: Arguments, _ shape: UnsafePointer<AttentionShape>, _ number: Int) {
        typealias Slot = AttentionSlot
        let s = shape
        self.shape = shape
        self.number = number
        let batch = number / s.pointee.heads
        let head = number - batch * s.pointee.heads
        query = arguments.input(Slot.query, V.Scalar.self) + (batch * s.pointee.query.batch + head * s.pointee.query.head)
        key = arguments.input(Slot.key, V.Scalar.self) + (batch * s.pointee.key.batch + head * s.pointee.key.head)
        value = arguments.input(Slot.value, V.Scalar.self) + (batch * s.pointee.value.batch + head * s.pointee.value.head)
        output = arguments.output(Slot.output, V.Scalar.self) + (batch * s.pointee.output.batch + head * s.pointee.output.head)
        logSums = arguments.output(Slot.logSums, V.Scalar.self) + number * s.pointee.queries
        mask = arguments.has(Slot.mask)
            ? arguments.input(Slot.mask, V.Scalar.self) + (batch * s.pointee.mask.batch + head * s.pointee.mask.head) : nil
        padding = arguments.has(Slot.padding)
            ? arguments.input(Slot.padding, V.Scalar.self) + batch * (s.pointee.keys - s.pointee.freeKeys) : nil
    }

    /// Keys from `key` on, at most a block, that the rows before `endRow` may see; none: 0 or less.
    @inline(__always) func visibleKeys(_ key: Int, before endRow: Int) -> Int {
        let s = shape.pointee
        let end = s.isCausal ? min(s.keys, endRow + s.freeKeys) : s.keys
        return min(attentionBlock, end - key)
    }
}

@inline(never)
private func attentionForward<V: RandomVector>(
    _: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?
) {
    let shape = arguments.input(AttentionSlot.shape, AttentionShape.self)
    let room = AttentionRoom<V>(arguments, scratch.unsafelyUnwrapped)
    let block = shape.pointee.queryBlock
    let blocks = (shape.pointee.queries + block - 1) / block
    for piece in begin..<end {
        let head = AttentionHead<V>(arguments, shape, piece / blocks)
        let first = piece % blocks * block
        attend(head, room, first, min(first + block, shape.pointee.queries))
    }
}

/// The output of some queries.
@inline(__always)
private func attend<V: RandomVector>(_ head: AttentionHead<V>, _ room: AttentionRoom<V>, _ firstRow: Int, _ endRow: Int) {
    let s = head.shape.pointee
    let rows = endRow - firstRow
    let output = head.output + firstRow * s.output.row
    for row in 0..<rows {
        room.largest[row] = -V.Scalar.infinity
        room.totals[row] = 0
    }
    var key = 0
    while key < s.keys {
        let keys = head.visibleKeys(key, before: endRow)
        if keys <= 0 { break }
        room.multiply(
            head.query + firstRow * s.query.row, s.query.row, 1, head.key + key * s.key.row, 1, s.key.row,
            into: room.scores, attentionBlock, rows: rows, columns: keys, depth: s.size, adds: false)
        let scores = AttentionScores(head, room, key: key, keys: keys)
        for row in 0..<rows {
            let factor = scores.weigh(row, firstRow + row)
            if key > 0 && factor != 1 { scaleRow(V.self, output + row * s.output.row, s.valueSize, factor) }
        }
        room.multiply(
            room.scores, attentionBlock, 1, head.value + key * s.value.row, s.value.row, 1, into: output,
            s.output.row, rows: rows, columns: s.valueSize, depth: keys, adds: key > 0)
        key += attentionBlock
    }
    for row in 0..<rows {
        let total = room.totals[row]
        let isEmpty = total == 0
        scaleRow(V.self, output + row * s.output.row, s.valueSize, isEmpty ? 0 : 1 / total)
        head.logSums[firstRow + row] = isEmpty ? V.Scalar.infinity : room.largest[row] + V.log(V(repeating: total))[0]
    }
}

@inline(__always)
private func scaleRow<V: KernelMath>(_: V.Type, _ row: UnsafeMutablePointer<V.Scalar>, _ count: Int, _ factor: V.Scalar) {
    let factor = V(repeating: factor)
    var i = 0
    while i + V.lanes <= count {
        (V.load(row + i) * factor).store(row + i)
        i += V.lanes
    }
    if i < count { (V.load(row + i, count - i) * factor).store(row + i, count - i) }
}
