// The host's functions as instructions of a plan: what stands in a call's first integer is the object to run.

import KernelInterface
import Layers
import Tensors

func customCall(_ work: CustomWork) -> KernelCall {
    var call = KernelCall()
    call.integers[0] = Int(bitPattern: Unmanaged.passUnretained(work).toOpaque())
    return call
}

/// The plan keeps the object alive.
let runCustomWork: Kernel = { call, _, _, _ in
    let call = call.assumingMemoryBound(to: KernelCall.self)
    guard let address = UnsafeRawPointer(bitPattern: call.pointee.integers[0]) else { return }
    let work = Unmanaged<CustomWork>.fromOpaque(address).takeUnretainedValue()
    var arrays = call.pointee.pointers
    withUnsafePointer(to: &arrays) {
        $0.withMemoryRebound(to: UnsafeMutableRawPointer?.self, capacity: CustomWork.maximumOperands) { work.run($0, call.pointee.scalars) }
    }
}

extension Plan {
    @inline(__always)
    var hasCustomWork: Bool { !customWorks.isEmpty }

    /// Throws if a function of the host has said no since it was asked last.
    @inline(__always)
    public func checkCustomWork(_ model: Model? = nil) throws(ChainruleError) {
        if !customWorks.isEmpty { try findFailure(model) }
    }

    private func findFailure(_ model: Model?) throws(ChainruleError) {
        for work in customWorks where work.hasFailed {
            for other in customWorks { other.hasFailed = false }
            guard work.owner.isEmpty else {
                throw ChainruleError(.callback, "a function of the \(work.owner)", expected: "0", got: "a refusal", node: work.owner)
            }
            let node = node(of: work).flatMap { model?.nodes[$0] }
            throw ChainruleError(
                .callback, "a layer's function", expected: "0", got: "a refusal",
                node: node.map { "\($0.kind) \"\($0.name)\"" } ?? "")
        }
    }
}
