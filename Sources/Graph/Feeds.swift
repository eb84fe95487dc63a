// A caller's arrays on their way into a plan: checked, used in place when they are contiguous and of
// the model's type, otherwise copied into a buffer that is kept for the next step.

import KernelDispatch
import KernelInterface
import Layers
import Tensors

/// What a plan expects of one of the caller's arrays.
public struct FeedSpecification: Sendable {
    public enum Kind: Sendable, Equatable {
        /// Numbers of the model's type, or of the other real type.
        case real
        /// Whole numbers, int32 or int64, that the plan itself looks at.
        case integers
        /// int32 or int64, those of the range.
        case labels(LabelRange)
    }

    /// For messages: "input 0 (x)".
    public var name: String
    /// With the open batch.
    public var shape: Shape
    public var kind: Kind
    /// What would do as well, for messages: " or ...".
    public var alternative: String

    public init(name: String, shape: Shape, kind: Kind, alternative: String = "") {
        self.name = name
        self.shape = shape
        self.kind = kind
        self.alternative = alternative
    }
}

public final class Feeds: @unchecked Sendable {
    private let type: DataType
    private var buffers: [Storage?]

    public init(type: DataType, count: Int) {
        self.type = type
        buffers = Array(repeating: nil, count: count)
    }

    public var byteCount: Int { buffers.reduce(0) { $0 + ($1?.byteCount ?? 0) } }

    /// Checks rank, sizes and type.
    public static func check(_ view: ArrayView, _ specification: FeedSpecification, batch: Int?) throws(ChainruleError) {
        let expected = specification.shape.dimensions
        var fits = view.rank == expected.count
        if fits {
            for index in 0..<view.rank {
                let size = expected[index] == Shape.batch ? batch ?? view.shape[index] : expected[index]
                if view.shape[index] != size { fits = false }
            }
        }
        guard fits else {
            let wanted = batch.map { specification.shape.with(batch: $0) } ?? specification.shape
            throw ChainruleError(
                .shape, "\(specification.name)'s shape", expected: "\(wanted)\(specification.alternative)", got: view.description)
        }
        switch specification.kind {
        case .real:
            guard view.type.isReal else {
                throw ChainruleError(
                    .dataType, "\(specification.name)'s type", expected: "float32 or float64", got: view.type.name)
            }
        case .labels, .integers:
            guard !view.type.isReal else {
                throw ChainruleError(
                    .dataType, "\(specification.name)'s type",
                    expected: specification.kind == .integers ? "int32 or int64" : "int32 or int64 labels", got: view.type.name)
            }
        }
        guard view.data != nil || view.elementCount == 0 else {
            throw ChainruleError(.invalidArgument, "\(specification.name)'s data", expected: "an address", got: "NULL")
        }
    }

    /// Where the plan may read the array (already checked). Labels arrive as int32 in a buffer, each
    /// one checked.
    @inline(__always)
    public func address(
        _ view: ArrayView, _ specification: FeedSpecification, slot: Int
    ) throws(ChainruleError) -> UnsafeMutableRawPointer? {
        if case .labels(let range) = specification.kind {
            return try labels(view, range, specification.name, slot: slot)
        }
        return try plainAddress(view, slot: slot)
    }

    /// A copy, even of what could be used in place.
    func copied(_ view: ArrayView, slot: Int) throws(ChainruleError) -> UnsafeMutableRawPointer {
        try converted(view, slot: slot)
    }

    private func converted(_ view: ArrayView, slot: Int) throws(ChainruleError) -> UnsafeMutableRawPointer {
        let buffer = try buffer(slot, bytes: view.elementCount * type.size)
        var target = view
        target.data = buffer
        target.type = plainType(view)
        target.makeContiguous()
        if view.isContiguous && view.elementCount > 0 {
            copyInPieces(view, target)
        } else {
            copyElements(from: view, to: target)
        }
        return buffer
    }

    /// Contiguous labels as int32 in a buffer; nil when one is out of range (or memory is short).
    @inline(__always)
    public func labels(
        _ data: UnsafeMutableRawPointer?, _ type: DataType, _ count: Int, _ range: LabelRange, slot: Int
    ) -> UnsafeMutableRawPointer? {
        guard let data, let storage = buffers[slot], storage.byteCount >= count * 4 else { return nil }
        let target = storage.pointer.assumingMemoryBound(to: Int32.self)
        let isRight =
            type == .int64
            ? Feeds.copyLabels(data.assumingMemoryBound(to: Int64.self), target, count, range)
            : Feeds.copyLabels(data.assumingMemoryBound(to: Int32.self), target, count, range)
        return isRight ? storage.pointer : nil
    }

    /// Labels that are none become -1; whether all others are in the range.
    @inline(__always)
    private static func copyLabels<I: FixedWidthInteger & SignedInteger>(
        _ source: UnsafePointer<I>, _ target: UnsafeMutablePointer<Int32>, _ count: Int, _ range: LabelRange
    ) -> Bool {
        let classes = UInt64(range.classes)
        let ignored = Int64(range.ignored ?? -1)
        let hasIgnored = range.ignored != nil
        var wrong: UInt64 = 0
        for index in 0..<count {
            let label = Int64(source[index])
            let isInside = UInt64(bitPattern: label) < classes
            wrong |= isInside || (hasIgnored && label == ignored) ? 0 : 1
            target[index] = isInside && !(hasIgnored && label == ignored) ? Int32(truncatingIfNeeded: label) : -1
        }
        return wrong == 0 || range.isPadded
    }

    private func labels(
        _ view: ArrayView, _ range: LabelRange, _ name: String, slot: Int
    ) throws(ChainruleError) -> UnsafeMutableRawPointer {
        let count = view.elementCount
        let buffer = try buffer(slot, bytes: count * 4)
        let target = buffer.assumingMemoryBound(to: Int32.self)
        for index in 0..<count {
            let label = Feeds.integer(view, index)
            guard let stored = range.stored(label) else {
                throw ChainruleError(.value, "\(name), element \(index)", expected: range.expectation, got: "\(label)")
            }
            target[index] = stored
        }
        return buffer
    }

    /// The element at a flat index, for messages.
    private static func integer(_ view: ArrayView, _ index: Int) -> Int64 {
        guard var place = view.data else { return 0 }
        var rest = index
        for dimension in stride(from: view.rank - 1, through: 0, by: -1) {
            place += (rest % max(view.shape[dimension], 1)) * view.strides[dimension]
            rest /= max(view.shape[dimension], 1)
        }
        return view.type == .int64
            ? place.loadUnaligned(as: Int64.self) : Int64(place.loadUnaligned(as: Int32.self))
    }

    public func storage(_ slot: Int) -> Storage? { buffers[slot] }

    /// Where the plan may read an array of real numbers, or of whole ones that it looks at itself.
    public func plainAddress(_ view: ArrayView, slot: Int) throws(ChainruleError) -> UnsafeMutableRawPointer? {
        if view.type == plainType(view) && view.isContiguous { return view.data }
        return try converted(view, slot: slot)
    }

    /// The type that a plan reads an array in: the model's, or whole numbers of the same width.
    @inline(__always)
    private func plainType(_ view: ArrayView) -> DataType {
        view.type.isReal ? type : type == .float64 ? .int64 : .int32
    }

    public func buffer(_ slot: Int, bytes: Int) throws(ChainruleError) -> UnsafeMutableRawPointer {
        if let storage = buffers[slot], storage.byteCount >= bytes { return storage.pointer }
        buffers[slot] = nil
        let made = try Storage(byteCount: bytes, what: "a batch")
        buffers[slot] = made
        return made.pointer
    }
}

/// Copies contiguous arrays, converting them; large ones with the team, in the pieces of elementwise kernels: each thread
/// then has those elements in its cache that it computes with.
private func copyInPieces(_ source: ArrayView, _ target: ArrayView) {
    let count = source.elementCount
    let pieces = flatPieces(count)
    let kernel: Kernel = { views, begin, end, _ in
        let views = views.assumingMemoryBound(to: (ArrayView, ArrayView).self)
        let first = begin * elementsPerPiece
        let last = min(end * elementsPerPiece, views.pointee.0.elementCount)
        copyElements(from: views.pointee.0.part(first..<last), to: views.pointee.1.part(first..<last))
    }
    var views = (source, target)
    withUnsafePointer(to: &views) { views in
        if pieces < 8 {
            kernel(views, 0, pieces, nil)
        } else {
            Team.run(kernel, views, pieces: pieces, scratch: nil, scratchCount: Team.maximumThreads)
        }
    }
}

extension ArrayView {
    /// Some elements of a contiguous array.
    fileprivate func part(_ range: Range<Int>) -> ArrayView {
        var part = ArrayView(data: data.map { $0 + range.lowerBound * type.size }, type: type, rank: 1)
        part.shape[0] = range.count
        part.makeContiguous()
        return part
    }
}

/// Copies a result out into a caller's array of either real type and any layout.
public func copyOut(_ source: UnsafeMutableRawPointer, _ type: DataType, _ shape: Shape, to view: ArrayView) {
    copyElements(from: ArrayView(source, type, shape.dimensions), to: view)
}
