// Sizes of an array, outermost first. A batch that is not known yet is -1 and stands first.

public struct Shape: Equatable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    public static let maximumRank = 8
    public static let batch = -1

    public var dimensions: [Int]

    public init(_ dimensions: [Int]) { self.dimensions = dimensions }
    public init(arrayLiteral elements: Int...) { dimensions = elements }

    public var rank: Int { dimensions.count }
    public subscript(_ index: Int) -> Int { dimensions[index] }
    public var isBatched: Bool { dimensions.first == Shape.batch }

    /// The product of the sizes; an open batch counts as 1. Creating shapes checks that this (and
    /// 8 bytes an element) does not overflow, so it need not be checked again.
    public var elementCount: Int {
        var product = 1
        for size in dimensions where size != Shape.batch { product *= size }
        return product
    }

    /// With the batch's size put in.
    public func with(batch: Int) -> Shape {
        guard isBatched else { return self }
        var copy = self
        copy.dimensions[0] = batch
        return copy
    }

    /// Elements between neighbours in each dimension, contiguous in C order.
    public var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        var product = 1
        for index in stride(from: rank - 1, through: 0, by: -1) {
            strides[index] = product
            product *= max(dimensions[index], 1)
        }
        return strides
    }

    /// A dimension counted from the front or, when negative, from the end.
    public func axis(_ index: Int, what: String = "dim") throws(ChainruleError) -> Int {
        guard index >= -rank, index < rank else {
            throw ChainruleError(
                .attribute, what, expected: rank == 0 ? "an array with dimensions" : "\(-rank) to \(rank - 1)",
                got: "\(index)")
        }
        return index < 0 ? index + rank : index
    }

    public var description: String {
        "[" + dimensions.map { $0 == Shape.batch ? "batch" : String($0) }.joined(separator: ", ") + "]"
    }

    /// Refuses ranks over 8, sizes that no memory holds, and products that overflow.
    public func validated(what: String) throws(ChainruleError) -> Shape {
        guard rank <= Shape.maximumRank else {
            throw ChainruleError(.shape, "\(what)'s rank", expected: "at most \(Shape.maximumRank)", got: "\(rank)")
        }
        var bytes = 8
        for (index, size) in dimensions.enumerated() {
            if size == Shape.batch && index == 0 { continue }
            guard size >= 0 else {
                throw ChainruleError(.shape, "\(what)'s size \(index)", expected: "0 or more", got: "\(size)")
            }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow, product <= Shape.maximumBytes else {
                throw ChainruleError(
                    .shape, "\(what)'s shape \(self)", expected: "at most 2^46 bytes in all", got: "more")
            }
            bytes = product
        }
        return self
    }

    /// More than any machine has; small enough that sums and small multiples never overflow.
    public static let maximumBytes = 1 << 46

    /// NumPy's broadcasting of two shapes; an open batch fits only itself and 1.
    public static func broadcast(_ a: Shape, _ b: Shape) throws(ChainruleError) -> Shape {
        let rank = max(a.rank, b.rank)
        var result = [Int](repeating: 1, count: rank)
        for index in 0..<rank {
            let x = index < rank - a.rank ? 1 : a[index - (rank - a.rank)]
            let y = index < rank - b.rank ? 1 : b[index - (rank - b.rank)]
            guard x == y || x == 1 || y == 1 else {
                throw ChainruleError(
                    .shape, "the inputs' shapes", expected: "shapes that broadcast (equal sizes or 1 from the right)",
                    got: "\(a) and \(b)")
            }
            result[index] = x == 1 ? y : x
        }
        let shape = Shape(result)
        for (index, size) in result.enumerated() where size == Shape.batch && index > 0 {
            throw ChainruleError(
                .shape, "the inputs' shapes", expected: "the batch to stay the first dimension", got: "\(a) and \(b)")
        }
        return try shape.validated(what: "the result")
    }
}
