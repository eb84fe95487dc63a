// What predictions make of parameters alone stays good until the parameters change, so it is computed once for all
// predictions of a model: columns of a weight gathered for the matrix product (Kernels/README.md), a kernel's values
// for Winograd's algorithm, weights rounded to bfloat16 or computed from a direction and a length. `Layers/Keeping.swift`
// finds the operations.

import KernelDispatch
import KernelInterface
import Layers
import Tensors

/// One such operation, and what it has written.
final class KeptResult: @unchecked Sendable {
    let storage: Storage
    /// Equal for equal calls of equal operands.
    fileprivate let key: [Int]
    private let call: UnsafeMutablePointer<KernelCall>
    private let kernel: Kernel
    private let pieces: Int
    /// The owner of the tables that the call reads. Other results that it reads are in the same plans' lists, before it.
    private let program: Program
    /// The model's count of writes that it was computed after.
    private var version: UInt64?

    fileprivate init(
        _ name: KernelName, _ operation: Operation, _ program: Program, key: [Int], storage: Storage, _ prepared: KernelCall
    ) {
        self.key = key
        self.storage = storage
        self.program = program
        kernel = KernelSet.current[name]
        pieces = operation.pieces
        call = .allocate(capacity: 1)
        call.initialize(to: prepared)
    }

    deinit { call.deallocate() }

    fileprivate func compute(_ version: UInt64, scratch: UnsafeMutableRawPointer?, scratchCount: Int) {
        guard self.version != version else { return }
        Team.run(kernel, call, pieces: pieces, scratch: scratch, scratchCount: scratchCount)
        self.version = version
    }
}

/// Those of a model. Predictions that are made for different batches, or at once by several threads, share them.
final class KeptResults: @unchecked Sendable {
    private struct Weak {
        weak var result: KeptResult?
    }

    private let lock = ThreadLock()
    private var known: [Weak] = []

    /// The result of an operation whose operands are parameters, tables and what is kept already; nil without memory.
    func result(of operation: Operation, in program: Program, _ model: Model, earlier: [KeptResult]) -> KeptResult? {
        guard case .kernel(let name, var call) = operation.work, let parameters = model.storage?.pointer else { return nil }
        var key = [name.rawValue, operation.pieces, call.isDouble ? 1 : 0]
        for index in 0..<16 { key.append(call.integers[index]) }
        for index in 0..<8 { key.append(Int(bitPattern: UInt(call.scalars[index].bitPattern))) }
        var written: (slot: Int, bytes: Int)?
        for operand in operation.operands {
            let description = program.values[program.root(operand.value).index]
            key.append(operand.slot)
            key.append(operand.byteOffset)
            switch (operand.access, description.home) {
            case (.read, .block(_, let offset)):
                key.append(offset)
                call.pointers[operand.slot] = parameters + offset + operand.byteOffset
            case (.read, .table(let number)):
                for byte in UnsafeRawBufferPointer(start: program.tables[number], count: description.byteCount) { key.append(Int(byte)) }
                call.pointers[operand.slot] = program.tables[number] + operand.byteOffset
            case (.read, .kept(let number)):
                let source = earlier[number]
                key.append(Int(bitPattern: source.storage.pointer))
                call.pointers[operand.slot] = source.storage.pointer + operand.byteOffset
            default: written = (operand.slot, description.byteCount)
            }
        }
        guard let written else { return nil }
        lock.lock()
        defer { lock.unlock() }
        known.removeAll { $0.result == nil }
        for weak in known { if let result = weak.result, result.key == key { return result } }
        guard let storage = try? Storage(byteCount: written.bytes, what: "what is made of parameters", isZeroed: false) else { return nil }
        call.pointers[written.slot] = storage.pointer
        let made = KeptResult(name, operation, program, key: key, storage: storage, call)
        known.append(Weak(result: made))
        return made
    }

    /// Computes anew what was written since. The caller reads the model, so nobody writes it meanwhile.
    func refresh(_ results: [KeptResult], _ version: UInt64, scratch: UnsafeMutableRawPointer?, scratchCount: Int) {
        lock.lock()
        defer { lock.unlock() }
        for result in results { result.compute(version, scratch: scratch, scratchCount: scratchCount) }
    }
}
