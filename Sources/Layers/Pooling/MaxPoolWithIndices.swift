// The largest element of each window and where it was, for max_unpool: torch.nn.functional's max_pool2d_with_indices.
// Kinds of their own, since a kind has a fixed number of outputs.

import KernelInterface
import Tensors

struct MaxPool1dWithIndices: IndexedMaxPoolLayer {
    static let kind = "max_pool1d_with_indices"
    static let rank = 1
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxPool2dWithIndices: IndexedMaxPoolLayer {
    static let kind = "max_pool2d_with_indices"
    static let rank = 2
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

struct MaxPool3dWithIndices: IndexedMaxPoolLayer {
    static let kind = "max_pool3d_with_indices"
    static let rank = 3
    let window: PoolWindow
    init(_ attributes: Attributes) throws(ChainruleError) { window = try PoolWindow(attributes, rank: Self.rank, kind: Self.kind) }
}

protocol IndexedMaxPoolLayer: MaxPoolLayer {}

extension IndexedMaxPoolLayer {
    static var className: String? { nil }
    static var outputRoles: [String] { ["output", "indices"] }
    static var documentation: String {
        "max_pool\(rank)d, and where each window's largest element is: its place in its channel, counted in C order; whole numbers"
    }

    func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] { [.real, .integer] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let shape = try outputShape(inputs[0])
        try checkIndexRange(Array(inputs[0].dimensions.suffix(Self.rank)), kind: Self.kind)
        return [shape, shape]
    }

    func forward(_ emit: Emitter) {
        guard let work = pool(emit) else { return }
        emit.program.call(
            .poolIndices,
            [
                Operand(0, emit.input(), .read), Operand(1, emit.output(1), .write), Operand(2, work.space, .read),
                Operand(3, work.intervals, .read),
            ], pieces: work.pieces, cost: 2 * work.cost, work.fill)
    }
}

/// Places in an image are int32 in float32 models.
func checkIndexRange(_ image: [Int], kind: String) throws(ChainruleError) {
    var count = 1
    for size in image {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, product <= Int(Int32.max) else {
            throw ChainruleError(.shape, "\(kind)'s image", expected: "at most \(Int32.max) elements in a channel", got: "\(Shape(image))")
        }
        count = product
    }
}
