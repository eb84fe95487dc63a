// The largest element of each window.

import KernelInterface
import Tensors

struct MaxPool1d: MaxPoolLayer {
    static let kind = "max_pool1d"
    static let className: String? = "MaxPool1d"
    static let rank = 1
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxPool2d: MaxPoolLayer {
    static let kind = "max_pool2d"
    static let className: String? = "MaxPool2d"
    static let rank = 2
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxPool3d: MaxPoolLayer {
    static let kind = "max_pool3d"
    static let className: String? = "MaxPool3d"
    static let rank = 3
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

protocol MaxPoolLayer: PoolLayer {
    var window: PoolWindow { get }
}

extension MaxPoolLayer {
    static var function: PoolFunction { .maximum }
    static var documentation: String {
        "the largest element of each window over \(rank) dimension\(rank == 1 ? "" : "s") of space; its gradient goes to the first of equal ones"
    }
    static var attributes: [AttributeSpecification] {
        [
            PoolWindow.kernelAttribute, PoolWindow.strideAttribute, PoolWindow.paddingAttribute,
            AttributeSpecification(
                "dilation", .integers, default: "1", "distance between elements of a window: one number, or one for each dimension"),
            PoolWindow.ceilAttribute,
        ]
    }

    func positions(_ image: [Int]) throws(ChainruleError) -> [Int] { try window.positions(image) }
    func tables(image: [Int], positions: [Int]) -> (space: PoolSpace, intervals: [Int]) {
        window.tables(image: image, positions: positions)
    }
}
