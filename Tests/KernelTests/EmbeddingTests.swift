import Glibc
import KernelInterface
import Testing

@Suite struct EmbeddingTests {
    private let rows = 11
    private let entries = 23

    @Test(arguments: [1, 7, 16, 33]) func table(columns: Int) {
        table(Float.self, Int32.self, columns)
        table(Double.self, Int64.self, columns)
    }

    private func table<T: TestScalar, I: FixedWidthInteger>(_: T.Type, _: I.Type, _ columns: Int) {
        var numbers = Numbers(6)
        let weight: [T] = numbers.array(rows * columns)
        let dy: [T] = numbers.array(entries * columns)
        let indices = numbers.labels(entries, below: rows).map { I($0) }
        for exponent in [1.0, 2, 3] {
            let factors = (0..<rows).map { row in
                let sum = (0..<columns).reduce(0.0) { $0 + pow(abs(Double(weight[row * columns + $1])), exponent) }
                let norm = pow(sum, 1 / exponent)
                return norm > 1.5 ? 1.5 / (norm + 1e-7) : 1
            }
            func shortened(_ row: Int, _ column: Int) -> Double { Double(weight[row * columns + column]) * factors[row] }
            let setup: (inout KernelCall) -> Void = { call in
                call.integers[0] = self.entries
                call.integers[1] = columns
                call.scalars[0] = 1.5
                call.scalars[1] = exponent
            }
            everyWay(
                .gatherNormalized, isDouble: T.isDouble, pieces: pieces(entries, per: 4),
                inputs: [0: GuardedArray(weight), 1: GuardedArray(indices)],
                outputs: [2: GuardedArray([T](repeating: 9, count: entries * columns))],
                { setup(&$0); $0.integers[2] = 4 }
            ) { _, results in
                let expected = indices.flatMap { row in (0..<columns).map { shortened(Int(row), $0) } }
                expectClose(results[2]!.array(T.self), expected, factor: 4)
            }
            everyWay(
                .renormalizeRows, isDouble: T.isDouble, pieces: 1, inputs: [1: GuardedArray(indices)], outputs: [0: GuardedArray(weight)],
                { setup(&$0); $0.integers[2] = self.rows }
            ) { _, results in
                let expected = (0..<rows).flatMap { row in
                    (0..<columns).map { indices.contains(I(row)) ? shortened(row, $0) : Double(weight[row * columns + $0]) }
                }
                expectClose(results[0]!.array(T.self), expected, factor: 4)
            }
        }
        let first = (0..<rows).map { row in Int64(indices.firstIndex(of: I(row)) ?? -1) }
        let next = indices.indices.map { entry in Int64(indices[(entry + 1)...].firstIndex(of: indices[entry]) ?? -1) }
        everyWay(
            .embeddingLists, isDouble: T.isDouble, pieces: 1, inputs: [0: GuardedArray(indices)],
            outputs: [1: GuardedArray([Int64](repeating: 9, count: rows)), 2: GuardedArray([Int64](repeating: 9, count: entries))]
        ) {
            $0.integers[0] = entries
            $0.integers[1] = rows
            $0.integers[2] = -1
        } check: { _, results in
            #expect(results[1]!.array(Int64.self) == first)
            #expect(results[2]!.array(Int64.self) == next)
        }
        for byFrequency in [0, 1] {
            var expected = [Double](repeating: 0, count: rows * columns)
            for (entry, row) in indices.enumerated() {
                let share = byFrequency == 0 ? 1 : 1 / Double(indices.count { $0 == row })
                for column in 0..<columns { expected[Int(row) * columns + column] += share * Double(dy[entry * columns + column]) }
            }
            everyWay(
                .embeddingBackward, isDouble: T.isDouble, pieces: pieces(rows, per: 3),
                inputs: [0: GuardedArray(dy), 1: GuardedArray(first), 2: GuardedArray(next)],
                outputs: [3: GuardedArray([T](repeating: 9, count: rows * columns))]
            ) {
                for (slot, value) in [rows, columns, 3, byFrequency].enumerated() { $0.integers[slot] = value }
            } check: { _, results in expectClose(results[3]!.array(T.self), expected, factor: 4) }
        }
    }

    /// Bags of 5, 0, 9 and 9 entries; index 3 doesn't count.
    @Test(arguments: [1, 7, 33]) func bags(columns: Int) {
        var numbers = Numbers(7)
        let weight: [Float] = numbers.array(rows * columns)
        let dy: [Float] = numbers.array(4 * columns)
        let indices = numbers.labels(entries, below: rows)
        let offsets: [Int32] = [0, 5, 5, 14]
        let begins: [Int64] = [0, 5, 5, 14, Int64(entries)]
        var bagOf = [Int64](repeating: -1, count: entries)
        var factors = [Double](repeating: 0, count: entries)
        for bag in 0..<4 {
            let range = Int(begins[bag])..<Int(begins[bag + 1])
            let counting = range.filter { indices[$0] != 3 }
            for entry in counting {
                bagOf[entry] = Int64(bag)
                factors[entry] = 1 / Double(counting.count)
            }
        }
        everyWay(
            .bagPlan, isDouble: false, pieces: 1, inputs: [0: GuardedArray(indices), 1: GuardedArray(offsets)],
            outputs: [
                3: GuardedArray([Int64](repeating: 9, count: 5)), 4: GuardedArray([Int64](repeating: 9, count: entries)),
                5: GuardedArray([Float](repeating: 9, count: entries)),
            ]
        ) {
            for (slot, value) in [entries, 4, 0, 1, 3, 0].enumerated() { $0.integers[slot] = value }
        } check: { _, results in
            #expect(results[3]!.array(Int64.self) == begins)
            #expect(results[4]!.array(Int64.self) == bagOf)
            expectClose(results[5]!.array(Float.self), factors)
        }
        var means = [Double](repeating: 0, count: 4 * columns)
        var largest = means
        var winners = [Int64](repeating: -1, count: 4 * columns)
        var slopes = [Double](repeating: 0, count: entries)
        for entry in 0..<entries where bagOf[entry] >= 0 {
            for column in 0..<columns {
                let place = Int(bagOf[entry]) * columns + column
                let value = Double(weight[Int(indices[entry]) * columns + column])
                means[place] += factors[entry] * value
                slopes[entry] += value * Double(dy[place])
                if winners[place] < 0 || value > largest[place] {
                    winners[place] = Int64(entry)
                    largest[place] = value
                }
            }
        }
        let inputs: [Int: GuardedArray] = [
            0: GuardedArray(weight), 1: GuardedArray(indices), 2: GuardedArray(begins), 3: GuardedArray(factors.map { Float($0) }),
        ]
        let room = GuardedArray([Float](repeating: 9, count: 4 * columns))
        let setup: (inout KernelCall) -> Void = { call in
            for (slot, value) in [4, columns, 3].enumerated() { call.integers[slot] = value }
        }
        everyWay(.bagForward, isDouble: false, pieces: 2, inputs: inputs, outputs: [4: room], setup) { _, results in
            expectClose(results[4]!.array(Float.self), means)
        }
        everyWay(
            .bagForward, isDouble: false, pieces: 2, inputs: inputs,
            outputs: [4: room, 5: GuardedArray([Int64](repeating: 9, count: 4 * columns))], setup
        ) { _, results in
            expectClose(results[4]!.array(Float.self), largest)
            #expect(results[5]!.array(Int64.self) == winners)
        }
        everyWay(
            .bagWeightBackward, isDouble: false, pieces: pieces(entries, per: 4),
            inputs: [0: GuardedArray(weight), 1: GuardedArray(indices), 2: GuardedArray(bagOf), 3: GuardedArray(dy)],
            outputs: [4: GuardedArray([Float](repeating: 9, count: entries))]
        ) {
            for (slot, value) in [entries, columns, 4].enumerated() { $0.integers[slot] = value }
        } check: { _, results in expectClose(results[4]!.array(Float.self), slopes, factor: 10) }
    }
}
