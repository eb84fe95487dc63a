// Pools whose windows follow from the size that is wanted: window o of n begins at floor(o size / n) and ends at
// ceil((o + 1) size / n).

import KernelInterface
import Tensors

struct AdaptiveMaxPool1d: AdaptivePoolLayer {
    static let kind = "adaptive_max_pool1d"
    static let className: String? = "AdaptiveMaxPool1d"
    static let rank = 1
    static let function = PoolFunction.maximum
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

struct AdaptiveAvgPool1d: AdaptivePoolLayer {
    static let kind = "adaptive_avg_pool1d"
    static let className: String? = "AdaptiveAvgPool1d"
    static let rank = 1
    static let function = PoolFunction.average
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

struct AdaptiveMaxPool2d: AdaptivePoolLayer {
    static let kind = "adaptive_max_pool2d"
    static let className: String? = "AdaptiveMaxPool2d"
    static let rank = 2
    static let function = PoolFunction.maximum
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

struct AdaptiveAvgPool2d: AdaptivePoolLayer {
    static let kind = "adaptive_avg_pool2d"
    static let className: String? = "AdaptiveAvgPool2d"
    static let rank = 2
    static let function = PoolFunction.average
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

struct AdaptiveMaxPool3d: AdaptivePoolLayer {
    static let kind = "adaptive_max_pool3d"
    static let className: String? = "AdaptiveMaxPool3d"
    static let rank = 3
    static let function = PoolFunction.maximum
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

struct AdaptiveAvgPool3d: AdaptivePoolLayer {
    static let kind = "adaptive_avg_pool3d"
    static let className: String? = "AdaptiveAvgPool3d"
    static let rank = 3
    static let function = PoolFunction.average
    let outputSize: [Int?]
    init(_ attributes: Attributes) throws(ChainruleError) { outputSize = try Self.sizes(attributes) }
}

protocol AdaptivePoolLayer: PoolLayer {
    /// nil: as the input's.
    var outputSize: [Int?] { get }
}

extension AdaptivePoolLayer {
    static var documentation: String {
        "the \(function == .maximum ? "largest element" : "mean") of each of output_size windows, as equal as can be, over \(rank) dimension\(rank == 1 ? "" : "s") of space"
    }
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification(
                "output_size", .text,
                rank == 1 ? "the output's size; none: the input's" : "the output's sizes: a number for all dimensions, or one for each; none: the input's")
        ]
    }

    static func sizes(_ attributes: Attributes) throws(ChainruleError) -> [Int?] {
        let text = attributes.text("output_size")
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        var sizes: [Int?] = []
        for word in words where word == "none" || wholeNumber(word).map({ $0 >= 1 && $0 <= PoolWindow.most }) == true { sizes.append(wholeNumber(word)) }
        guard sizes.count == words.count, sizes.count == 1 || sizes.count == rank else {
            throw ChainruleError(
                .attribute, "\(kind)'s output_size",
                expected: "none or a number from 1 to \(PoolWindow.most)\(rank == 1 ? "" : ", for all dimensions or for each")", got: "\"\(text)\"")
        }
        return sizes.count == 1 ? Array(repeating: sizes[0], count: rank) : sizes
    }

    func positions(_ image: [Int]) throws(ChainruleError) -> [Int] { (0..<Self.rank).map { outputSize[$0] ?? image[$0] } }

    func tables(image: [Int], positions: [Int]) -> (space: PoolSpace, intervals: [Int]) {
        var all: [Int] = []
        for _ in Self.rank..<3 { all += [0, 1, 1] }
        for axis in 0..<Self.rank {
            let (size, count) = (image[axis], positions[axis])
            for position in 0..<count {
                // Sizes may be near 2^44: no product with them.
                let begin = position * (size / count) + position * (size % count) / count
                let end = (position + 1) * (size / count) + ((position + 1) * (size % count) + count - 1) / count
                all += [begin, end, end - begin]
            }
        }
        return (PoolSpace(image: image, positions: positions, step: image.map { _ in 1 }), all)
    }
}
