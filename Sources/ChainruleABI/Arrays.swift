// chainrule_array: every field is believed only after it was checked.

import CChainrule
import CPUFeatures
import Glibc
import Tensors

/// The caller's array as a view; allocates nothing when all is well.
@inline(never)
func view(_ array: UnsafePointer<chainrule_array>?, _ argument: StaticString) throws(ChainruleError) -> ArrayView {
    try viewInPlace(array, argument)
}

/// The same without a call, for each step of a training.
@inline(__always)
func viewInPlace(_ array: UnsafePointer<chainrule_array>?, _ argument: StaticString) throws(ChainruleError) -> ArrayView {
    guard let array else { throw missing(argument) }
    guard let type = DataType(rawValue: Int32(truncatingIfNeeded: array.pointee.dtype.rawValue)) else {
        throw wrongArray(array, argument, 0)
    }
    let rank = Int(array.pointee.rank)
    guard rank >= 0, rank <= Shape.maximumRank else { throw wrongArray(array, argument, 1) }
    var view = ArrayView(data: array.pointee.data, type: type, rank: rank)
    var bytes = type.size
    var isEmpty = false
    try withUnsafePointer(to: array.pointee.shape) { (tuple) throws(ChainruleError) in
        let sizes = UnsafeRawPointer(tuple).assumingMemoryBound(to: Int64.self)
        for index in 0..<rank {
            let size = Int(sizes[index])
            guard size >= 0 else { throw wrongArray(array, argument, 2) }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size == 0 ? 1 : size)
            guard !overflow, product <= Shape.maximumBytes else { throw wrongArray(array, argument, 3) }
            bytes = product
            if size == 0 { isEmpty = true }
            view.shape[index] = size
        }
    }
    if array.pointee.strided == 0 {
        view.makeContiguous()
    } else {
        try withUnsafePointer(to: array.pointee.strides) { (tuple) throws(ChainruleError) in
            let strides = UnsafeRawPointer(tuple).assumingMemoryBound(to: Int64.self)
            for index in 0..<rank {
                let stride = Int(strides[index])
                let (reach, overflow) = stride.multipliedReportingOverflow(by: max(view.shape[index], 1))
                guard !overflow, abs(reach / 2) <= Shape.maximumBytes else { throw wrongArray(array, argument, 4) }
                view.strides[index] = stride
            }
        }
    }
    if view.data == nil && !isEmpty { throw wrongArray(array, argument, 5) }
    return view
}

@inline(never)
private func wrongArray(_ array: UnsafePointer<chainrule_array>, _ argument: StaticString, _ field: Int) -> ChainruleError {
    let shape = withUnsafeBytes(of: array.pointee.shape) { bytes in
        bytes.bindMemory(to: Int64.self).prefix(max(0, min(Int(array.pointee.rank), Shape.maximumRank))).map(Int.init)
    }
    switch field {
    case 0:
        return ChainruleError(
            .dataType, "\(argument)->dtype", expected: "CHAINRULE_FLOAT32, _FLOAT64, _INT32 or _INT64",
            got: "\(array.pointee.dtype.rawValue)")
    case 1:
        return ChainruleError(
            .shape, "\(argument)->rank", expected: "0 to \(Shape.maximumRank)", got: "\(array.pointee.rank)")
    case 2:
        return ChainruleError(.shape, "\(argument)->shape", expected: "sizes of 0 or more", got: "\(shape)")
    case 3:
        return ChainruleError(.shape, "\(argument)->shape", expected: "at most 2^46 bytes in all", got: "\(shape)")
    case 4:
        return ChainruleError(.shape, "\(argument)->strides", expected: "strides that stay within 2^46 bytes", got: "larger ones")
    default:
        return ChainruleError(.invalidArgument, "\(argument)->data", expected: "an address", got: "NULL")
    }
}

/// As many views as a model has inputs or outputs, on the stack when they are few.
func withViews<T>(
    _ arrays: UnsafePointer<chainrule_array>?, _ count: Int, _ argument: StaticString,
    _ body: (UnsafeBufferPointer<ArrayView>) throws(ChainruleError) -> T
) throws(ChainruleError) -> T {
    guard count > 0 else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
    guard let arrays else { throw missing(argument) }
    return try withUnsafeTemporaryAllocation(of: ArrayView.self, capacity: count) { (views) throws(ChainruleError) -> T in
        for index in 0..<count { views.initializeElement(at: index, to: try viewInPlace(arrays + index, argument)) }
        return try body(UnsafeBufferPointer(views))
    }
}

/// The sizes, where they lie.
@inline(__always)
func shapeAddress(_ array: UnsafePointer<chainrule_array>) -> UnsafePointer<Int64> {
    let offset = MemoryLayout<chainrule_array>.offset(of: \chainrule_array.shape) ?? 0
    return (UnsafeRawPointer(array) + offset).assumingMemoryBound(to: Int64.self)
}

/// One number of an array's shape or strides.
func setElement<T>(_ tuple: inout T, _ index: Int, _ value: Int64) {
    withUnsafeMutableBytes(of: &tuple) { $0.storeBytes(of: value, toByteOffset: index * 8, as: Int64.self) }
}

func setShape<T>(_ tuple: inout T, _ shape: Shape) {
    for (index, size) in shape.dimensions.enumerated() { setElement(&tuple, index, Int64(size)) }
}

@inline(never)
func viewList(
    _ arrays: UnsafePointer<chainrule_array>?, _ count: Int, _ argument: StaticString
) throws(ChainruleError) -> [ArrayView] {
    try withViews(arrays, count, argument) { Array($0) }
}
