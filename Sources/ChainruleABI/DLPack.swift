// DLPack in both directions. The structs are those of dlpack.h (version 0.8 and the unversioned part
// of 1.x), declared in CPUFeatures because Swift can't lay out a C struct by itself.

import CChainrule
import CPUFeatures
import Glibc
import Tensors

@_cdecl("chainrule_array_from_dlpack") @implementation
public func chainrule_array_from_dlpack(
    _ tensor: OpaquePointer?, _ array: UnsafeMutablePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_array_from_dlpack") { () throws(ChainruleError) in
        let tensor = UnsafePointer<cr_dl_managed_tensor>(try required(tensor, "tensor")).pointee.tensor
        let out = try required(array, "array")
        guard tensor.device_type == 1 else {
            throw ChainruleError(.invalidArgument, "the tensor's device", expected: "CPU memory (kDLCPU, 1)", got: "\(tensor.device_type)")
        }
        let type: chainrule_dtype
        switch (tensor.type_code, tensor.type_bits, tensor.type_lanes) {
        case (2, 32, 1): type = CHAINRULE_FLOAT32
        case (2, 64, 1): type = CHAINRULE_FLOAT64
        case (0, 32, 1): type = CHAINRULE_INT32
        case (0, 64, 1): type = CHAINRULE_INT64
        default:
            throw ChainruleError(
                .dataType, "the tensor's type", expected: "float32, float64, int32 or int64",
                got: "code \(tensor.type_code), \(tensor.type_bits) bits, \(tensor.type_lanes) lanes")
        }
        let rank = Int(tensor.ndim)
        guard rank >= 0, rank <= Shape.maximumRank else {
            throw ChainruleError(.shape, "the tensor's rank", expected: "0 to \(Shape.maximumRank)", got: "\(rank)")
        }
        guard rank == 0 || tensor.shape != nil else {
            throw ChainruleError(.invalidArgument, "the tensor's shape", expected: "an address", got: "NULL")
        }
        guard tensor.byte_offset <= UInt64(Shape.maximumBytes) else {
            throw ChainruleError(.shape, "the tensor's byte_offset", expected: "at most 2^46", got: "\(tensor.byte_offset)")
        }
        var result = chainrule_array()
        result.data = tensor.data.map { $0 + Int(tensor.byte_offset) }
        result.dtype = type
        result.rank = Int32(rank)
        result.strided = tensor.strides == nil ? 0 : 1
        let bytes = Int64(tensor.type_bits / 8)
        for index in 0..<rank {
            setElement(&result.shape, index, tensor.shape[index])
            guard let strides = tensor.strides else { continue }
            let (stride, overflow) = strides[index].multipliedReportingOverflow(by: bytes)
            guard !overflow else {
                throw ChainruleError(.shape, "the tensor's strides", expected: "strides within 2^46 bytes", got: "\(strides[index]) elements")
            }
            setElement(&result.strides, index, stride)
        }
        _ = try withUnsafePointer(to: result) { (pointer) throws(ChainruleError) in try view(pointer, "tensor") }
        out.pointee = result
    }
}

@_cdecl("chainrule_array_to_dlpack") @implementation
public func chainrule_array_to_dlpack(
    _ array: UnsafePointer<chainrule_array>?, _ tensor: UnsafeMutablePointer<OpaquePointer?>?
) -> chainrule_status {
    guarded("chainrule_array_to_dlpack") { () throws(ChainruleError) in
        let view = try view(array, "array")
        let out = try required(tensor, "tensor")
        // The tensor with its shape and strides behind it, in one block.
        let size = MemoryLayout<cr_dl_managed_tensor>.stride
        guard let block = calloc(1, size + 16 * Shape.maximumRank) else {
            throw .outOfMemory("a tensor", bytes: size + 16 * Shape.maximumRank)
        }
        let managed = block.assumingMemoryBound(to: cr_dl_managed_tensor.self)
        let shape = (block + size).assumingMemoryBound(to: Int64.self)
        let strides = shape + Shape.maximumRank
        for index in 0..<view.rank {
            guard view.strides[index] % view.type.size == 0 else {
                free(block)
                throw ChainruleError(
                    .shape, "array->strides", expected: "multiples of \(view.type.size) bytes", got: "\(view.strides[index])")
            }
            shape[index] = Int64(view.shape[index])
            strides[index] = Int64(view.strides[index] / view.type.size)
        }
        managed.pointee.tensor.data = view.data
        managed.pointee.tensor.device_type = 1
        managed.pointee.tensor.ndim = Int32(view.rank)
        managed.pointee.tensor.type_code = view.type.isReal ? 2 : 0
        managed.pointee.tensor.type_bits = UInt8(view.type.size * 8)
        managed.pointee.tensor.type_lanes = 1
        managed.pointee.tensor.shape = shape
        managed.pointee.tensor.strides = strides
        managed.pointee.deleter = { free($0) }
        out.pointee = OpaquePointer(managed)
    }
}
