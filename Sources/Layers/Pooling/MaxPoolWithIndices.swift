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
        guard let work = work(emit) else { return }
        emit.program.call(
            .poolIndices,
            [
                Operand(0, emit.input(), .read), Operand(1, emit.output(), .write), Operand(2, work.space, .read),
                Operand(3, work.intervals, .read), Operand(4, emit.output(1), .write),
            ], pieces: work.pieces, cost: 2 * work.cost, work.fill)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        emit.program.place(
            .add, emit.outputGradient(), indices: emit.output(1), into: emit.inputGradient(),
            planes: Planes(emit.outputShapes[0], emit.inputShapes[0], Self.rank))
    }
}

/// Planes whose elements have places in larger ones.
struct Planes {
    let count: Int
    let small: Int
    let large: Int

    /// Shapes that end in `rank` dimensions of space.
    init(_ small: Shape, _ large: Shape, _ rank: Int) {
        self.small = small.dimensions.suffix(rank).reduce(1, *)
        self.large = large.dimensions.suffix(rank).reduce(1, *)
        count = large.dimensions.dropLast(rank).reduce(1, *)
    }
}

extension Program {
    /// Indices that are known to be places in the larger planes.
    func place(_ function: PlacedFunction, _ source: Value, indices: Value, into target: Value, planes: Planes) {
        guard planes.count > 0 else { return }
        let perPiece = max(1, elementsPerPiece / max(1, planes.large))
        call(
            .placeInPlanes, [Operand(0, source, .read), Operand(1, indices, .read), Operand(2, target, .write)],
            pieces: (planes.count + perPiece - 1) / perPiece, cost: Double(planes.count * (planes.large + 2 * planes.small)) * 0.3
        ) {
            $0.integers[0] = planes.count
            $0.integers[1] = perPiece
            $0.integers[2] = planes.small
            $0.integers[3] = planes.large
            $0.integers[4] = function.rawValue
        }
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
