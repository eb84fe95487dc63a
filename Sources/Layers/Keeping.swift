// Operations of a program that look at nothing but parameters. Their results stay good while the parameters do, so a
// program that is run many times between changes, that of predictions, can leave them out.

import KernelInterface
import Tensors

/// Gives an operation's result a place where it is kept from one run to the next, and computes it there when it must;
/// nil if it can't. The operation is then left out.
public typealias Keeper = (_ operation: Operation, _ program: Program) -> UnsafeMutableRawPointer?

extension Program {
    /// A result may take so many times the bytes of the parameters that it is made of: it is memory for good.
    private static let mostGrowth = 8
    private static let smallBytes = 4096

    /// Leaves out what is kept. To be called when products are lowered.
    public func leaveOutKept() {
        guard keeper != nil else { return }
        var writers: [Int: Int] = [:]
        for operation in operations {
            for operand in operation.operands where operand.access == .write { writers[root(operand.value).index, default: 0] += 1 }
        }
        operations = operations.filter { !keep($0, writers) }
    }

    /// Whether an operation is kept, whose result other operations may write too: so many in all.
    func keep(_ operation: Operation, _ writers: [Int: Int]) -> Bool {
        guard let keeper, case .kernel(let name, _) = operation.work, operation.phase == .forward else { return false }
        var result: Int?
        var bytes = 0
        var readsParameter = false
        for operand in operation.operands {
            let root = root(operand.value).index
            let description = values[root]
            switch (operand.access, description.home) {
            case (.read, .block(.parameters, _)), (.read, .kept(_)):
                readsParameter = true
                bytes += description.byteCount
            case (.read, .table): break
            case (.write, .arena):
                guard result == nil, operand.byteOffset == 0, !description.isPinned, writers[root, default: 1] == 1 else { return false }
                result = root
            default: return false
            }
        }
        guard readsParameter, let result, values[result].byteCount <= Program.mostGrowth * bytes + Program.smallBytes,
            let place = keeper(operation, self)
        else { return false }
        kept.append(place)
        keptNeedsScratch = keptNeedsScratch || name.needsScratch
        values[result].home = .kept(kept.count - 1)
        return true
    }
}
