// Choices by condition and elements picked and put by index, against plain loops.

import KernelDispatch
import KernelInterface
import Testing

@Suite struct IndexTests {
    @Test func selects() {
        var numbers = Numbers(1)
        for count in borderSizes {
            let condition: [Float] = (0..<count).map { $0 % 3 == 0 ? 0 : 1 }
            let x: [Float] = numbers.array(count)
            let y: [Float] = numbers.array(1)
            everyWay(
                .select, isDouble: false, pieces: pieces(count), inputs: [0: GuardedArray(condition), 1: GuardedArray(x), 2: GuardedArray(y)],
                outputs: [3: GuardedArray([Float](repeating: 9, count: count))],
                { call in
                    call.integers[0] = count
                    call.integers[1] = 1
                    call.integers[2] = 1
                    call.integers[3] = 0
                }
            ) { _, results in #expect(results[3]!.array() == (0..<count).map { $0 % 3 == 0 ? y[0] : x[$0] }) }
        }
        // condition [4, 1], x [1, 19], the number 2.5 where it is 0
        let x: [Double] = numbers.array(19)
        let space = StridedSpace(sizes: [4, 19], strides: [[1, 0], [0, 1], [0, 0]])!
        everyWay(
            .select, isDouble: true, pieces: 2, inputs: [0: GuardedArray([1.0, 0, 0, 1]), 1: GuardedArray(x), 4: GuardedArray([space])],
            outputs: [3: GuardedArray([Double](repeating: 9, count: 76))],
            { call in
                call.integers[0] = 2
                call.scalars[0] = 2.5
            }
        ) { _, results in
            #expect(results[3]!.array() == x + [Double](repeating: 2.5, count: 38) + x)
        }
    }

    /// Rows of [7, columns] by index, and sums of rows put back.
    @Test(arguments: [1, 3, 16, 40]) func rows(columns: Int) {
        var numbers = Numbers(2)
        let indices: [Int32] = [3, 0, 6, 3, 3, 5]
        let x: [Float] = numbers.array(7 * columns)
        let source: [Float] = numbers.array(6 * columns)
        var sums = [Float](repeating: 0.5, count: 7 * columns)
        for (row, index) in indices.enumerated() {
            for c in 0..<columns { sums[Int(index) * columns + c] += source[row * columns + c] }
        }
        let space = StridedSpace(sizes: [6, columns], strides: [[1, 0], [0, 1], [columns, 1]])!
        everyWay(
            .gatherAlong, isDouble: false, pieces: 3,
            inputs: [0: GuardedArray(x), 1: GuardedArray(indices), 3: GuardedArray([space])],
            outputs: [2: GuardedArray([Float](repeating: 9, count: 6 * columns))],
            { call in
                call.integers[0] = max(space.rows / 3, 1)
                call.integers[1] = columns
            }
        ) { _, results in
            let expected = indices.flatMap { x[Int($0) * columns..<(Int($0) + 1) * columns] }
            if columns > 1 { #expect(results[2]!.array() == expected) }
        }
        // Pieces own two of the seven rows each, if there are rows.
        everyWay(
            .scatterAlong, isDouble: false, pieces: columns > 1 ? 4 : 1,
            inputs: [0: GuardedArray(source), 1: GuardedArray(indices), 3: GuardedArray([space])],
            outputs: [2: GuardedArray([Float](repeating: 0.5, count: 7 * columns))],
            { call in
                call.integers[0] = space.rows
                call.integers[1] = columns
                call.integers[2] = 1
                call.integers[3] = columns > 1 ? 2 : 0
            }
        ) { _, results in #expect(results[2]!.array() == sums) }
    }
}
