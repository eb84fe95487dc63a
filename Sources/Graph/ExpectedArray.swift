// What a plan expects of a caller's array, as plain numbers: compared without allocating anything.

import Layers
import Tensors

/// What a plan expects of one array, as plain numbers.
public struct ExpectedArray {
    public let rank: Int
    public private(set) var shape = InlineArray<8, Int>(repeating: 0)
    public let labels: LabelRange?
    public let isReal: Bool
    private let isEmpty: Bool
    /// A target [batch, 1] may also come as [batch].
    let mayDropLast: Bool

    public init(_ shape: Shape, labels: LabelRange?, mayDropLast: Bool) {
        rank = shape.rank
        self.labels = labels
        isReal = labels == nil
        isEmpty = shape.dimensions.contains(0)
        self.mayDropLast = mayDropLast && shape.rank > 1 && shape.dimensions.last == 1
        for index in 0..<shape.rank { self.shape[index] = shape[index] }
    }

    /// An array of the model's own: an input or output.
    public init(_ shape: Shape, kind: ElementKind) {
        rank = shape.rank
        labels = nil
        isReal = kind == .real
        isEmpty = shape.dimensions.contains(0)
        mayDropLast = false
        for index in 0..<shape.rank { self.shape[index] = shape[index] }
    }

    @inline(__always)
    public var elementCount: Int {
        var product = 1
        for index in 0..<rank { product *= shape[index] }
        return product
    }

    @inline(__always)
    public func fits(_ view: ArrayView) -> Bool {
        guard view.rank == rank || (mayDropLast && view.rank == rank - 1) else { return false }
        for index in 0..<view.rank where view.shape[index] != shape[index] { return false }
        return view.type.isReal == isReal && (view.data != nil || isEmpty)
    }
}
