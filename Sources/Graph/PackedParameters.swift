// Weights kept packed from one prediction to the next. A matrix product gathers the columns of a wide
// weight in panels before it uses them (Kernels/README.md); for a batch of a thousand samples that
// is 3 % of the work, and reads more memory than everything else. A model that has been given no new
// parameters since need not do it again. Where products are those of numbers rounded to bfloat16, all weights of such
// products are kept rounded.

import KernelDispatch
import KernelInterface
import Layers
import Tensors

public final class PackedParameters: @unchecked Sendable {
    /// By the byte offset of a weight in the block of parameters: where it lies packed.
    let offsets: [Int: Int]
    let storage: Storage
    private let plan: Plan
    private let lock = ThreadLock()
    /// The model's count of writes that the panels were made after.
    private var version: UInt64?

    /// Nil if no weight is worth it.
    init?(_ model: Model) throws(ChainruleError) {
        let program = Program(isDouble: model.isDouble)
        var offsets: [Int: Int] = [:]
        var bytes = 0
        for parameter in model.parameters where parameter.specification.isTransposed {
            let shape = parameter.specification.shape
            var problem = MatrixMultiplyProblem(m: 1024, n: shape[0], k: shape[1], isDouble: model.isDouble)
            problem.roundsOperands = model.roundsOperands(parameter.node)
            guard let packing = MatrixMultiplyPlan.packing(problem) else { continue }
            let weight = program.value(elements: parameter.elementCount, home: .block(.parameters, parameter.offset))
            let packed = program.value(bytes: packing.bytes, home: .block(.packed, bytes))
            program.append(
                Operation(
                    .kernel(packing.step.kernel, packing.step.call),
                    packing.step.operandSlots.map { role, slot in
                        role == .workspace ? Operand(slot, packed, .write) : Operand(slot, weight, .read)
                    }, pieces: packing.step.pieces, cost: packing.step.cost))
            offsets[parameter.offset] = bytes
            bytes += Storage.aligned(packing.bytes)
        }
        guard bytes > 0 else { return nil }
        self.offsets = offsets
        storage = try Storage(byteCount: bytes, what: "the packed weights", isZeroed: false)
        plan = try Plan(program)
        var blocks = BlockAddresses(repeating: nil)
        blocks[Block.parameters.rawValue] = model.storage?.pointer
        blocks[Block.packed.rawValue] = storage.pointer
        plan.bind(arena: storage.pointer, blocks: blocks)
    }

    /// Packs anew what was written since. The caller reads the model, so nobody writes it meanwhile.
    func refresh(_ model: Model) {
        lock.lock()
        if version != model.lock.writes {
            plan.run(.forward, scratch: nil, scratchCount: Team.maximumThreads)
            version = model.lock.writes
        }
        lock.unlock()
    }
}
