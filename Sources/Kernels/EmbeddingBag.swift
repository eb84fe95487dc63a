// Sums, means or largest elements of the rows of bags: consecutive entries of an array of indices.
//
// bagPlan: which entries make a bag. One piece.
//   pointers  0 indices  1 offsets: each bag's first entry (nil: all bags have integer 2 entries)
//             2 weights of the entries (nil: 1)  3 begins, one per bag and one more, Int64
//             4 the bag of each entry, Int64; -1 for those that don't count
//             5 each entry's factor in the sum; 0 for those that don't count
//   integers  0 entries  1 bags  2 entries per bag  3 whether means are taken
//             4 an index that doesn't count (-1: none)  5 whether the offsets say where the last bag ends
//   Offsets that go down make empty bags.
// bagForward. Pieces: integer 2 bags.
//   pointers  0 rows  1 indices: the row of each entry (nil: its own)  2 begins  3 factors  4 result
//             5 winners: the entry of each largest element, -1 in empty bags (nil: sums)
//   integers  0 bags  1 columns  2 bags per piece
// bagWeightBackward: the gradient in the weights of the entries. Pieces: integer 2 entries.
//   pointers  0 rows  1 indices (nil: its own)  2 the bag of each entry  3 dy  4 gradient
//   integers  0 entries  1 columns  2 entries per piece

import KernelInterface

let bagPlanKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        bagPlan(Double.self, Int64.self, arguments)
    } else {
        bagPlan(Float.self, Int32.self, arguments)
    }
}

let bagForwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        bagForward(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        bagForward(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

let bagWeightBackwardKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        bagWeightBackward(DoubleVector.self, Int64.self, arguments, begin, end)
    } else {
        bagWeightBackward(FloatVector.self, Int32.self, arguments, begin, end)
    }
}

@inline(__always)
private func bagPlan<T: BinaryFloatingPoint, I: FixedWidthInteger & SignedInteger>(
    _: T.Type, _: I.Type, _ arguments: Arguments
) {
    let entries = arguments.integer(0)
    let bags = arguments.integer(1)
    let indices = arguments.input(0, I.self)
    let begins = arguments.output(3, Int64.self)
    let bagOf = arguments.output(4, Int64.self)
    let factors = arguments.output(5, T.self)
    let left = arguments.integer(4)
    for entry in 0..<entries {
        bagOf[entry] = -1
        factors[entry] = 0
    }
    var place = 0
    for bag in 0...bags {
        if arguments.has(1) {
            let isKnown = bag < bags || arguments.integer(5) != 0
            place = max(place, isKnown ? Int(truncatingIfNeeded: arguments.input(1, I.self)[bag]) : entries)
        } else {
            place = bag * arguments.integer(2)
        }
        begins[bag] = Int64(truncatingIfNeeded: place)
    }
    for bag in 0..<bags {
        let first = Int(truncatingIfNeeded: begins[bag])
        let last = Int(truncatingIfNeeded: begins[bag + 1])
        var count: T = 0
        for entry in first..<last where Int(truncatingIfNeeded: indices[entry]) != left {
            bagOf[entry] = Int64(truncatingIfNeeded: bag)
            factors[entry] = arguments.has(2) ? arguments.input(2, T.self)[entry] : 1
            count += 1
        }
        guard arguments.integer(3) != 0, count > 0 else { continue }
        for entry in first..<last where bagOf[entry] >= 0 { factors[entry] = 1 / count }
    }
}

private func bagForward<V: KernelMath, I: FixedWidthInteger & SignedInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let rows = arguments.input(0, V.Scalar.self)
    let indices = arguments.has(1) ? arguments.input(1, I.self) : nil
    let begins = arguments.input(2, Int64.self)
    let factors = arguments.input(3, V.Scalar.self)
    let result = arguments.output(4, V.Scalar.self)
    let winners = arguments.has(5) ? arguments.output(5, Int64.self) : nil
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    for bag in begin * perPiece..<min(end * perPiece, arguments.integer(0)) {
        let target = result + bag * columns
        copyContiguous(RowOperand<V>(nil, step: 0, constant: 0), target, columns)
        if let winners { for i in 0..<columns { winners[bag * columns + i] = -1 } }
        for entry in Int(truncatingIfNeeded: begins[bag])..<Int(truncatingIfNeeded: begins[bag + 1]) {
            let row = rows + (indices.map { Int(truncatingIfNeeded: $0[entry]) } ?? entry) * columns
            let factor = factors[entry]
            if factor == 0 { continue }
            if let winners {
                let own = winners + bag * columns
                for i in 0..<columns where own[i] < 0 || row[i] > target[i] {
                    own[i] = Int64(truncatingIfNeeded: entry)
                    target[i] = row[i]
                }
                continue
            }
            var i = 0
            while i < columns {
                let n = min(V.lanes, columns - i)
                V.fma(V.load(row + i, n), V(repeating: factor), V.load(target + i, n)).store(target + i, n)
                i += n
            }
        }
    }
}

private func bagWeightBackward<V: KernelMath, I: FixedWidthInteger & SignedInteger>(
    _: V.Type, _: I.Type, _ arguments: Arguments, _ begin: Int, _ end: Int
) {
    let rows = arguments.input(0, V.Scalar.self)
    let indices = arguments.has(1) ? arguments.input(1, I.self) : nil
    let bagOf = arguments.input(2, Int64.self)
    let dy = arguments.input(3, V.Scalar.self)
    let gradient = arguments.output(4, V.Scalar.self)
    let columns = arguments.integer(1)
    let perPiece = arguments.integer(2)
    for entry in begin * perPiece..<min(end * perPiece, arguments.integer(0)) {
        let bag = Int(truncatingIfNeeded: bagOf[entry])
        guard bag >= 0 else {
            gradient[entry] = 0
            continue
        }
        let row = rows + (indices.map { Int(truncatingIfNeeded: $0[entry]) } ?? entry) * columns
        var sum = PairSum<V>()
        var i = 0
        while i < columns {
            let n = min(V.lanes, columns - i)
            sum.add(V.zero, V.load(row + i, n), times: V.load(dy + bag * columns + i, n))
            i += n
        }
        sum.close()
        gradient[entry] = sum.second.laneSum
    }
}
