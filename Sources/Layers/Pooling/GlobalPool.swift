// Pools over whole images, and the power-mean pools: made of other kinds.

import Tensors

struct GlobalMaxPool: CompositeLayer {
    static let kind = "global_max_pool"
    static let className: String? = "GlobalMaxPool"
    static let documentation = "the largest element of each channel: [batch, channels, ...] to [batch, channels, 1...], one to three dimensions of space"
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let rank = try spaceRank(graph.shape(inputs[0]), Self.kind)
        return [try graph.add("adaptive_max_pool\(rank)d", "output_size=1", inputs)]
    }
}

struct GlobalAvgPool: CompositeLayer {
    static let kind = "global_avg_pool"
    static let className: String? = "GlobalAvgPool"
    static let documentation = "the mean of each channel: [batch, channels, ...] to [batch, channels, 1...], one to three dimensions of space"
    init(_ attributes: Attributes) throws(ChainruleError) {}

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        let rank = try spaceRank(graph.shape(inputs[0]), Self.kind)
        let dimensions = (1...rank).map { "\(-$0)" }.joined(separator: ",")
        return [try graph.add("mean", "dim=\(dimensions) keepdim=true", inputs)]
    }
}

/// Dimensions of space behind batch and channels.
private func spaceRank(_ input: Shape, _ kind: String) throws(ChainruleError) -> Int {
    guard (3...5).contains(input.rank) else {
        throw ChainruleError(.shape, "\(kind)'s input", expected: "3 to 5 dimensions (batch, channels, ...)", got: "\(input)")
    }
    try checkImage(input, rank: input.rank - 2, kind: kind)
    return input.rank - 2
}

struct LPPool1d: PowerPool {
    static let kind = "lp_pool1d"
    static let className: String? = "LPPool1d"
    static let rank = 1
    let window: PoolWindow
    let norm: Double
    init(_ attributes: Attributes) throws(ChainruleError) { (window, norm) = try Self.read(attributes) }
}

struct LPPool2d: PowerPool {
    static let kind = "lp_pool2d"
    static let className: String? = "LPPool2d"
    static let rank = 2
    let window: PoolWindow
    let norm: Double
    init(_ attributes: Attributes) throws(ChainruleError) { (window, norm) = try Self.read(attributes) }
}

struct LPPool3d: PowerPool {
    static let kind = "lp_pool3d"
    static let className: String? = "LPPool3d"
    static let rank = 3
    let window: PoolWindow
    let norm: Double
    init(_ attributes: Attributes) throws(ChainruleError) { (window, norm) = try Self.read(attributes) }
}

protocol PowerPool: CompositeLayer {
    static var rank: Int { get }
    var window: PoolWindow { get }
    var norm: Double { get }
}

extension PowerPool {
    static var documentation: String {
        "(the sum of x^norm_type)^(1 / norm_type) of each window over \(rank) dimension\(rank == 1 ? "" : "s") of space; a window that reaches over the end counts as a whole one"
    }
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification("norm_type", .real(.finite), "the exponent; not 0"), PoolWindow.kernelAttribute, PoolWindow.strideAttribute,
            PoolWindow.ceilAttribute,
        ]
    }

    static func read(_ attributes: Attributes) throws(ChainruleError) -> (PoolWindow, Double) {
        let window = try PoolWindow(attributes, rank: rank, kind: kind)
        let norm = attributes.real("norm_type")
        guard norm != 0, (1 / norm).isFinite else {
            throw ChainruleError(.attribute, "\(kind)'s norm_type", expected: "a number that is not 0", got: "\(norm)")
        }
        return (window, norm)
    }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        let powers = try graph.add("pow", "value=\(norm)", inputs)
        let means = try graph.add(
            "avg_pool\(Self.rank)d", "kernel_size=\(list(window.kernel)) stride=\(list(window.stride)) ceil_mode=\(window.roundsUp)", [powers])
        let sums = try graph.add("mul", "value=\(window.kernel.reduce(1.0) { $0 * Double($1) })", [means])
        return [try graph.add("pow", "value=\(1 / norm)", [sums])]
    }
}
