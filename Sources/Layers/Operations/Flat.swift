// Small calls on whole arrays that several layers and the backward pass need.

import KernelInterface
import Tensors

extension Program {
    /// result = a + b
    public func addFlat(_ a: Value, _ b: Value, into result: Value, count: Int) {
        binaryFlat(.add, a, b, into: result, count: count)
    }

    /// result = function(a, b), element by element; b may be a single number.
    public func binaryFlat(
        _ function: BinaryFunction, _ a: Value, _ b: Value, isNumber: Bool = false, into result: Value, count: Int
    ) {
        call(
            .binaryFlat, [Operand(0, a, .read), Operand(1, b, .read), Operand(2, result, .write)],
            pieces: flatPieces(count), cost: Double(count) * 0.2, inPlace: (a, result)
        ) {
            $0.integers[0] = count
            $0.integers[1] = function.rawValue
            $0.integers[2] = 1
            $0.integers[3] = isNumber ? 0 : 1
        }
    }

    /// z = a * x + b * z
    /// - large: the flag that becomes 1 if an element of the sum, b not being 0, is beyond the limit of UpdateLimits.swift.
    public func accumulate(_ x: Value, a: Double, into z: Value, b: Double, count: Int, large: Value? = nil) {
        var operands = [Operand(0, x, .read), Operand(1, z, .write)]
        if b != 0 { operands.append(Operand(9, z, .read)) }
        if let large { operands.append(Operand(2, large, .write)) }
        call(.accumulate, operands, pieces: flatPieces(count), cost: Double(count) * 0.2) {
            $0.integers[0] = count
            $0.scalars[0] = a
            $0.scalars[1] = b
        }
    }

    public func copyFlat(_ x: Value, into y: Value, count: Int) { accumulate(x, a: 1, into: y, b: 0, count: count) }

    public func fill(_ value: Value, with number: Double, count: Int) {
        call(.fill, [Operand(0, value, .write)], pieces: flatPieces(count), cost: Double(count) * 0.1) {
            $0.integers[0] = count
            $0.scalars[0] = number
        }
    }

    /// y = factor * the elements of x under new strides (in elements; 0 repeats), in y's order.
    public func copyStrided(
        _ x: Value, strides from: [Int], offset: Int = 0, into y: Value, strides to: [Int], toOffset: Int = 0,
        sizes: [Int], factor: Double = 1
    ) {
        var (sizes, strides) = (sizes, [from, to])
        for last in sizes.indices.dropFirst() {
            for i in (1...last).reversed() where abs(strides[1][i - 1]) < abs(strides[1][i]) {
                sizes.swapAt(i - 1, i)
                strides[0].swapAt(i - 1, i)
                strides[1].swapAt(i - 1, i)
            }
        }
        let operands = [
            Operand(0, x, .read, byteOffset: offset * elementSize), Operand(1, y, .write, byteOffset: toOffset * elementSize),
        ]
        let dimensions = StridedSpace.joined(sizes: sizes, strides: strides)
        let first = operations.count
        if factor == 1, !sizes.contains(0), let blocks = BlockCopy(dimensions) {
            blocks.append(self, operands)
        } else if let space = StridedSpace(sizes: sizes, strides: strides), space.count > 0 {
            let pieces = (space.rows + space.rowsPerPiece - 1) / space.rowsPerPiece
            call(
                .copyStrided, operands + [Operand(2, table(space), .read)], pieces: pieces, cost: Double(space.count) * 0.5
            ) {
                $0.integers[0] = space.rowsPerPiece
                $0.integers[1] = factor == 1 ? 0 : 1
                $0.scalars[0] = factor
            }
        }
        if factor == 1, offset | toOffset == 0, operations.count == first + 1 { operations[first].transposes = Self.matrix(dimensions) }
    }

    /// Rows and columns of the dense matrices that a copy of these dimensions fills with the transposes of dense ones.
    private static func matrix(_ dimensions: [(size: Int, strides: [Int])]) -> (rows: Int, columns: Int)? {
        guard 2...3 ~= dimensions.count else { return nil }
        let (rows, columns) = (dimensions[dimensions.count - 2], dimensions[dimensions.count - 1])
        guard rows.strides == [1, columns.size], columns.strides == [rows.size, 1],
            dimensions.count == 2 || dimensions[0].strides == [rows.size * columns.size, rows.size * columns.size]
        else { return nil }
        return (rows.size, columns.size)
    }

    /// The sum of x (contiguous, of this shape) over some dimensions, times a factor.
    public func sum(_ x: Value, _ shape: Shape, over dimensions: [Int], into result: Value, factor: Double = 1) {
        let count = shape.elementCount
        let kept = (0..<shape.rank).filter { !dimensions.contains($0) }
        let keptCount = kept.reduce(1) { $0 * shape[$1] }
        if count == 0 { return fill(result, with: 0, count: keptCount) }
        if keptCount == 1 {
            let pieces = flatPieces(count)
            let partials = value(elements: pieces)
            call(.reduceFlat, [Operand(0, x, .read), Operand(1, partials, .write)], pieces: pieces, cost: Double(count) * 0.1) {
                $0.integers[0] = count
            }
            call(.reduceFlatFinish, [Operand(0, partials, .read), Operand(1, result, .write)]) {
                $0.integers[0] = pieces
                $0.scalars[0] = factor
            }
            return
        }
        let strides = shape.strides
        guard let keptSpace = StridedSpace(sizes: kept.map { shape[$0] }, strides: [kept.map { strides[$0] }]),
            let reduced = StridedSpace(
                sizes: dimensions.map { shape[$0] }, strides: [dimensions.map { strides[$0] }])
        else { return }
        let perPiece = max(1, elementsPerPiece / max(1, reduced.count))
        call(
            .reduceStrided,
            [
                Operand(0, x, .read), Operand(1, result, .write), Operand(2, table(keptSpace), .read),
                Operand(3, table(reduced), .read),
            ], pieces: (keptCount + perPiece - 1) / perPiece, cost: Double(count) * 0.5
        ) {
            $0.integers[0] = perPiece
            $0.scalars[0] = factor
        }
    }
}
