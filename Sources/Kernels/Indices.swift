// Whole numbers that choose elements are looked over before anything is read by them: the one place that
// stands between a wrong index and somebody else's memory.
//
// checkIndices. pointers 0 = indices, 1 = copy, 2 = report (four Int64: 1 + node, index, limit, place);
//   integers 0 = count, 1 = limit, 2 = node. One piece. Indices are Int64 in a call of doubles, else Int32.
//   Those from 0 to under the limit are copied, the others become 0 and the first of them is reported,
//   unless an earlier call of the step has reported one.

import KernelInterface

let checkIndicesKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        checkIndices(arguments, Int64.self)
    } else {
        checkIndices(arguments, Int32.self)
    }
}

@inline(__always)
private func checkIndices<I: FixedWidthInteger & SignedInteger>(_ arguments: Arguments, _: I.Type) {
    let count = arguments.integer(0)
    let limit = arguments.integer(1)
    let from: UnsafePointer<I> = arguments.input(0)
    let to: UnsafeMutablePointer<I> = arguments.output(1)
    let most = Int64(limit)
    // A sign bit comes from an index below 0, or from one that is too large.
    var signs: Int64 = 0
    for i in 0..<count {
        let index = Int64(from[i])
        signs |= index | (most &- 1 &- index)
    }
    if signs >= 0 { return copyElements(from, to, count) }
    var wrong = -1
    for i in 0..<count {
        let index = Int64(from[i])
        if index >= 0 && index < most {
            to[i] = from[i]
        } else {
            to[i] = 0
            if wrong < 0 { wrong = i }
        }
    }
    let report: UnsafeMutablePointer<Int64> = arguments.output(2)
    if wrong >= 0 && report[0] == 0 {
        report[0] = Int64(arguments.integer(2)) + 1
        report[1] = Int64(from[wrong])
        report[2] = most
        report[3] = Int64(wrong)
    }
}
