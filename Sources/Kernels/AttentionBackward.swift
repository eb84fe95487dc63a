// The gradients of attention. With weights P, their gradient dP = dO V^T and dS = P (dP - rowsum(dO O)):
// dV = P^T dO, dQ = scale dS K, dK = scale dS^T Q. P and dS are made block by block, from the products once
// more and the logarithms of the rows' sums.
//
// attentionBackward. Slots: KernelInterface/AttentionShape.swift; gradients whose pointer is nil are left out
// (those of keys and values go together). Integers: 0 blocks of queries in a piece, 1 blocks of keys in a
// piece. A piece is one head of one sample, or one block of queries of it (its own part of dQ) or one block
// of keys (its own parts of dK and dV), so that pieces share nothing that they write; every sum goes over the
// blocks in their order, however the work is cut.

import KernelInterface

let attentionBackwardKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        attentionBackward(DoubleVector.self, arguments, begin, end, scratch)
    } else {
        attentionBackward(FloatVector.self, arguments, begin, end, scratch)
    }
}

/// The gradients of one head of one sample.
private struct HeadGradients<V: RandomVector> {
    typealias Scalars = UnsafeMutablePointer<V.Scalar>
    let head: AttentionHead<V>
    let output: UnsafePointer<V.Scalar>
    let query: Scalars?
    let key: Scalars?
    let value: Scalars?
    let mask: Scalars?

    @inline(__always) init(_ arguments: Arguments, _ shape: UnsafePointer<AttentionShape>, _ number: Int) {
        typealias Slot = AttentionSlot
        head = AttentionHead(arguments, shape, number)
        let s = shape.pointee
        let batch = number / s.heads
        let place = number - batch * s.heads
        @inline(__always) func gradient(_ slot: Int, _ offset: Int) -> Scalars? {
            arguments.has(slot) ? arguments.output(slot, V.Scalar.self) + offset : nil
        }
        output = arguments.input(Slot.outputGradient, V.Scalar.self) + (batch * s.output.batch + place * s.output.head)
        query = gradient(Slot.queryGradient, batch * s.queryGradient.batch + place * s.queryGradient.head)
        key = gradient(Slot.keyGradient, batch * s.keyGradient.batch + place * s.keyGradient.head)
        value = gradient(Slot.valueGradient, batch * s.valueGradient.batch + place * s.valueGradient.head)
        mask = gradient(Slot.maskGradient, number * s.queries * (s.keys - s.freeKeys))
    }
}

@inline(never)
private func attentionBackward<V: RandomVector>(
    _: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?
) {
    let shape = arguments.input(AttentionSlot.shape, AttentionShape.self)
    let s = shape.pointee
    let room = AttentionRoom<V>(arguments, scratch.unsafelyUnwrapped)
    let rows = arguments.integer(0) * s.queryBlock
    let keys = arguments.integer(1) * attentionBlock
    let down = (s.queries + rows - 1) / rows
    let across = (s.keys + keys - 1) / keys
    for piece in begin..<end {
        let number = piece / (down * across)
        let rest = piece - number * (down * across)
        let gradients = HeadGradients<V>(arguments, shape, number)
        let firstRow = rest / across * rows
        let firstKey = rest % across * keys
        let endRow = min(firstRow + rows, s.queries)
        var key = firstKey
        while key < min(firstKey + keys, s.keys) {
            if let dK = gradients.key, let dV = gradients.value {
                for j in key..<min(key + attentionBlock, s.keys) {
                    clearRow(V.self, dK + j * s.keyGradient.row, s.size)
                    clearRow(V.self, dV + j * s.valueGradient.row, s.valueSize)
                }
            }
            var row = firstRow
            while row < endRow {
                block(gradients, room, row, min(row + s.queryBlock, endRow), key)
                row += s.queryBlock
            }
            key += attentionBlock
        }
    }
}

/// A block of queries and a block of keys.
@inline(never)
private func block<V: RandomVector>(
    _ gradients: HeadGradients<V>, _ room: AttentionRoom<V>, _ firstRow: Int, _ endRow: Int, _ key: Int
) {
    let head = gradients.head
    let s = head.shape.pointee
    let keys = head.visibleKeys(key, before: endRow)
    if keys <= 0 { return }
    let rows = endRow - firstRow
    let width = attentionBlock
    let query = head.query + firstRow * s.query.row
    let dO = gradients.output + firstRow * s.output.row
    room.multiply(
        query, s.query.row, 1, head.key + key * s.key.row, 1, s.key.row, into: room.scores, width, rows: rows,
        columns: keys, depth: s.size, adds: false)
    room.multiply(
        dO, s.output.row, 1, head.value + key * s.value.row, 1, s.value.row, into: room.slopes, width, rows: rows,
        columns: keys, depth: s.valueSize, adds: false)
    let scores = AttentionScores(head, room, key: key, keys: keys)
    for line in 0..<rows {
        let output = head.output + (firstRow + line) * s.output.row
        room.totals[line] = innerProduct(V.self, UnsafePointer(output), dO + line * s.output.row, s.valueSize)
        scores.slope(line, firstRow + line, gradients.mask)
    }
    if let dK = gradients.key, let dV = gradients.value {
        room.multiply(
            room.scores, 1, width, dO, s.output.row, 1, into: dV + key * s.valueGradient.row, s.valueGradient.row,
            rows: keys, columns: s.valueSize, depth: rows, adds: true)
        room.multiply(
            room.slopes, 1, width, query, s.query.row, 1, into: dK + key * s.keyGradient.row, s.keyGradient.row,
            rows: keys, columns: s.size, depth: rows, adds: true)
    }
    if let dQ = gradients.query {
        room.multiply(
            room.slopes, width, 1, head.key + key * s.key.row, s.key.row, 1, into: dQ + firstRow * s.queryGradient.row,
            s.queryGradient.row, rows: rows, columns: s.size, depth: keys, adds: key > 0)
    }
}

@inline(__always)
private func clearRow<V: KernelVector>(_: V.Type, _ row: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    var i = 0
    while i < count {
        V.zero.store(row + i, min(V.lanes, count - i))
        i += V.lanes
    }
}

@inline(__always)
private func innerProduct<V: KernelVector>(
    _: V.Type, _ x: UnsafePointer<V.Scalar>, _ y: UnsafePointer<V.Scalar>, _ count: Int
) -> V.Scalar {
    var sum = V.zero
    var i = 0
    while i < count {
        let n = min(V.lanes, count - i)
        sum = V.fma(V.load(x + i, n), V.load(y + i, n), sum)
        i += V.lanes
    }
    return sum.laneSum
}
