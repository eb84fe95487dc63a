// The mean of each window.

import KernelInterface
import Tensors

struct AvgPool1d: AveragePoolLayer {
    static let kind = "avg_pool1d"
    static let className: String? = "AvgPool1d"
    static let rank = 1
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct AvgPool2d: AveragePoolLayer {
    static let kind = "avg_pool2d"
    static let className: String? = "AvgPool2d"
    static let rank = 2
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct AvgPool3d: AveragePoolLayer {
    static let kind = "avg_pool3d"
    static let className: String? = "AvgPool3d"
    static let rank = 3
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

protocol AveragePoolLayer: PoolLayer {
    var window: PoolWindow { get }
}

extension AveragePoolLayer {
    static var function: PoolFunction { .average }
    static var documentation: String { "the mean of each window over \(rank) dimension\(rank == 1 ? "" : "s") of space" }
    static var attributes: [AttributeSpecification] {
        let common = [
            PoolWindow.kernelAttribute, PoolWindow.strideAttribute, PoolWindow.paddingAttribute, PoolWindow.ceilAttribute,
            AttributeSpecification("count_include_pad", .boolean, default: "true", "whether a mean counts the padding, as zeros"),
        ]
        if rank == 1 { return common }
        return common + [
            AttributeSpecification(
                "divisor_override", .integer(-(1 << 40)...(1 << 40)), optional: true, "what sums are divided by, instead of their windows' sizes")
        ]
    }

    func positions(_ image: [Int]) throws(ChainruleError) -> [Int] { try window.positions(image) }
    func tables(image: [Int], positions: [Int]) -> (space: PoolSpace, intervals: [Int]) {
        window.tables(image: image, positions: positions)
    }
}
