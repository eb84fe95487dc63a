// A caller's array, borrowed for one call: plain data, so that looking at one allocates nothing.

public struct ArrayView: Sendable {
    nonisolated(unsafe) public var data: UnsafeMutableRawPointer?
    public var type: DataType
    public var rank: Int
    public var shape = InlineArray<8, Int>(repeating: 0)
    /// Bytes between neighbours in each dimension.
    public var strides = InlineArray<8, Int>(repeating: 0)

    public init(data: UnsafeMutableRawPointer?, type: DataType, rank: Int) {
        self.data = data
        self.type = type
        self.rank = rank
    }

    /// A contiguous view.
    public init(_ data: UnsafeMutableRawPointer?, _ type: DataType, _ dimensions: [Int]) {
        self.init(data: data, type: type, rank: dimensions.count)
        for index in 0..<rank { shape[index] = dimensions[index] }
        makeContiguous()
    }

    public mutating func makeContiguous() {
        var bytes = type.size
        var index = rank - 1
        while index >= 0 {
            strides[index] = bytes
            bytes *= max(shape[index], 1)
            index -= 1
        }
    }

    public var elementCount: Int {
        var product = 1
        for index in 0..<rank { product *= shape[index] }
        return product
    }

    /// Whether the elements lie in C order without gaps.
    public var isContiguous: Bool {
        var bytes = type.size
        var index = rank - 1
        while index >= 0 {
            if shape[index] != 1 && strides[index] != bytes { return elementCount == 0 }
            bytes *= shape[index]
            index -= 1
        }
        return true
    }

    public var dimensions: [Int] { (0..<rank).map { shape[$0] } }
    public var description: String { Shape(dimensions).description }

    /// Rows `first..<first + count` of the first dimension.
    public func rows(_ first: Int, _ count: Int) -> ArrayView {
        var view = self
        view.data = data.map { $0 + first * strides[0] }
        view.shape[0] = count
        return view
    }

    /// Whether two elements may share bytes: no dimension fits beside the smaller ones. Layouts that
    /// interleave without touching are refused too; nobody makes those.
    public var mayOverlapItself: Bool {
        if isContiguous || elementCount < 2 { return false }
        let steps = (0..<rank).filter { shape[$0] > 1 }.map { (stride: abs(strides[$0]), count: shape[$0]) }
        var reach = type.size
        for step in steps.sorted(by: { $0.stride < $1.stride }) {
            if step.stride < reach { return true }
            reach += step.stride * (step.count - 1)
        }
        return false
    }

    /// Whether two contiguous arrays share bytes.
    public func overlaps(_ other: ArrayView) -> Bool {
        guard let data, let otherData = other.data else { return false }
        return data < otherData + other.elementCount * other.type.size && otherData < data + elementCount * type.size
    }

    /// The lowest and one past the highest byte that elements occupy.
    public var byteRange: Range<Int>? {
        guard let data, elementCount > 0 else { return nil }
        var low = Int(bitPattern: data)
        var high = low + type.size
        for index in 0..<rank {
            let reach = (shape[index] - 1) * strides[index]
            if reach < 0 { low += reach } else { high += reach }
        }
        return low..<high
    }
}

extension ArrayView {
    /// A view of one zero that has this view's shape.
    public static func zeros(like view: ArrayView) -> ArrayView {
        var zeros = view
        zeros.data = zeroElement
        for index in 0..<view.rank { zeros.strides[index] = 0 }
        return zeros
    }
}

nonisolated(unsafe) private let zeroElement: UnsafeMutableRawPointer = {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
    memory.storeBytes(of: 0, as: UInt64.self)
    return memory
}()

/// Copies `source` into `destination` (same shape), converting between element types. For
/// parameters, results and staging of odd layouts; not for the hot path.
public func copyElements(from source: ArrayView, to destination: ArrayView) {
    guard source.elementCount > 0, let from = source.data, let to = destination.data else { return }
    if source.type == destination.type && source.isContiguous && destination.isContiguous {
        to.copyMemory(from: from, byteCount: source.elementCount * source.type.size)
        return
    }
    if source.isContiguous && destination.isContiguous {
        return copyLine(from, source.type, source.type.size, to, destination.type, destination.type.size, source.elementCount)
    }
    copyDimension(0, from, source, to, destination)
}

private func copyDimension(
    _ index: Int, _ from: UnsafeMutableRawPointer, _ source: ArrayView,
    _ to: UnsafeMutableRawPointer, _ destination: ArrayView
) {
    if index == source.rank {
        copyOne(from, source.type, to, destination.type)
        return
    }
    let fromStride = source.strides[index]
    let toStride = destination.strides[index]
    let count = source.shape[index]
    if index + 1 < source.rank {
        for i in 0..<count { copyDimension(index + 1, from + i * fromStride, source, to + i * toStride, destination) }
        return
    }
    copyLine(from, source.type, fromStride, to, destination.type, toStride, count)
}

private func copyLine(
    _ from: UnsafeMutableRawPointer, _ fromType: DataType, _ fromStride: Int, _ to: UnsafeMutableRawPointer,
    _ toType: DataType, _ toStride: Int, _ count: Int
) {
    switch (fromType, toType) {
    case (.float32, .float32): copyRun(Float.self, Float.self, from, fromStride, to, toStride, count) { $0 }
    case (.float64, .float32): copyRun(Double.self, Float.self, from, fromStride, to, toStride, count) { Float($0) }
    case (.float32, .float64): copyRun(Float.self, Double.self, from, fromStride, to, toStride, count) { Double($0) }
    case (.float64, .float64): copyRun(Double.self, Double.self, from, fromStride, to, toStride, count) { $0 }
    case (.int64, .int32): copyRun(Int64.self, Int32.self, from, fromStride, to, toStride, count) { Int32(clamping: $0) }
    default: for i in 0..<count { copyOne(from + i * fromStride, fromType, to + i * toStride, toType) }
    }
}

@inline(__always)
private func copyRun<S, D>(
    _: S.Type, _: D.Type, _ from: UnsafeMutableRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer,
    _ toStride: Int, _ count: Int, _ convert: (S) -> D
) {
    for i in 0..<count {
        let value = (from + i * fromStride).loadUnaligned(as: S.self)
        (to + i * toStride).storeBytes(of: convert(value), as: D.self)
    }
}

private func copyOne(
    _ from: UnsafeMutableRawPointer, _ fromType: DataType, _ to: UnsafeMutableRawPointer, _ toType: DataType
) {
    switch (fromType, toType) {
    case (.int32, .int32), (.float32, .float32): to.copyMemory(from: from, byteCount: 4)
    case (.int64, .int64), (.float64, .float64): to.copyMemory(from: from, byteCount: 8)
    case (.int32, .int64): to.storeBytes(of: Int64(from.loadUnaligned(as: Int32.self)), as: Int64.self)
    case (.int64, .int32): to.storeBytes(of: Int32(clamping: from.loadUnaligned(as: Int64.self)), as: Int32.self)
    default:
        let value: Double =
            switch fromType {
            case .float32: Double(from.loadUnaligned(as: Float.self))
            case .float64: from.loadUnaligned(as: Double.self)
            case .int32: Double(from.loadUnaligned(as: Int32.self))
            case .int64: Double(from.loadUnaligned(as: Int64.self))
            }
        switch toType {
        case .float32: to.storeBytes(of: Float(value), as: Float.self)
        case .float64: to.storeBytes(of: value, as: Double.self)
        case .int32: to.storeBytes(of: Int32(exactly: value.rounded()) ?? .min, as: Int32.self)
        case .int64: to.storeBytes(of: Int64(exactly: value.rounded()) ?? .min, as: Int64.self)
        }
    }
}
