// What a chainrule_model points to: the model, and the C strings of its names.

import CChainrule
import Glibc
import Graph
import Tensors

final class ModelHandle: @unchecked Sendable {
    let model: Model
    private let lock = ThreadLock()
    private var names: [String: UnsafeMutablePointer<CChar>] = [:]

    init(_ model: Model) { self.model = model }
    deinit { for name in names.values { free(name) } }

    /// A copy that lives as long as the handle.
    func text(_ name: String) -> UnsafePointer<CChar>? {
        lock.lock()
        defer { lock.unlock() }
        if let known = names[name] { return UnsafePointer(known) }
        guard let copy = strdup(name) else { return nil }
        names[name] = copy
        return UnsafePointer(copy)
    }

    func info(
        _ name: String, _ type: DataType, _ shape: Shape, isTrainable: Bool,
        to info: UnsafeMutablePointer<chainrule_tensor_info>?
    ) throws(ChainruleError) {
        guard let info else { throw missing("info") }
        let size = info.pointee.struct_size
        guard size >= MemoryLayout<chainrule_tensor_info>.size else {
            throw ChainruleError(
                .invalidArgument, "info->struct_size", expected: "\(MemoryLayout<chainrule_tensor_info>.size)", got: "\(size)")
        }
        var result = chainrule_tensor_info()
        result.struct_size = size
        result.name = text(name)
        result.dtype = chainrule_dtype(rawValue: chainrule_dtype.RawValue(type.rawValue))
        result.rank = Int32(shape.rank)
        result.trainable = isTrainable ? 1 : 0
        setShape(&result.shape, shape)
        info.pointee = result
    }
}

func modelHandle(_ handle: OpaquePointer?) throws(ChainruleError) -> ModelHandle { try object(handle, "model", ModelHandle.self) }
