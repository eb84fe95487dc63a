// chainrule_history

import CChainrule
import Glibc
import Tensors
import Training

final class HistoryHandle {
    let history: History
    let names: [UnsafeMutablePointer<CChar>?]

    init(_ history: History) {
        self.history = history
        names = history.names.map { strdup($0) }
    }
    deinit { for name in names { free(name) } }
}

private func historyHandle(_ handle: OpaquePointer?) throws(ChainruleError) -> HistoryHandle {
    try object(handle, "history", HistoryHandle.self)
}

@_cdecl("chainrule_history_free") @implementation
public func chainrule_history_free(_ history: OpaquePointer?) { release(history, HistoryHandle.self) }

@_cdecl("chainrule_history_epochs") @implementation
public func chainrule_history_epochs(_ history: OpaquePointer?, _ epochs: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_history_epochs") { () throws(ChainruleError) in
        let history = try historyHandle(history).history
        try required(epochs, "epochs").pointee = history.epochs
    }
}

@_cdecl("chainrule_history_best_epoch") @implementation
public func chainrule_history_best_epoch(_ history: OpaquePointer?, _ epoch: UnsafeMutablePointer<Int>?) -> chainrule_status {
    guarded("chainrule_history_best_epoch") { () throws(ChainruleError) in
        let history = try historyHandle(history).history
        try required(epoch, "epoch").pointee = history.bestEpoch
    }
}

@_cdecl("chainrule_history_name") @implementation
public func chainrule_history_name(_ history: OpaquePointer?, _ index: Int) -> UnsafePointer<CChar>? {
    guard let names = try? historyHandle(history).names, names.indices.contains(index) else { return nil }
    return names[index].map { UnsafePointer($0) }
}

@_cdecl("chainrule_history_values") @implementation
public func chainrule_history_values(
    _ history: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafeMutablePointer<Double>?, _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> chainrule_status {
    guarded("chainrule_history_values") { () throws(ChainruleError) in
        let history = try historyHandle(history).history
        let name = try requiredText(name, "name")
        guard values != nil || capacity == 0 else { throw missing("values") }
        guard let column = history.values(name) else {
            throw ChainruleError(
                .notFound, "argument name", expected: "one of \(history.names.joined(separator: ", "))", got: "\"\(name)\"")
        }
        for (index, value) in column.enumerated() where UInt(index) < UInt(bitPattern: capacity) { values?[index] = value }
        count?.pointee = column.count
    }
}
