// The arrays of a trainer's last step as they were described: a loop that hands in the same shapes
// again and again is recognised by comparing a few words, and goes straight to its plan.

import CChainrule
import Tensors
import Training

final class SeenArrays {
    private let arrays: UnsafeMutablePointer<chainrule_array>
    private let capacity: Int
    private var isValid = false

    init(count: Int) {
        capacity = max(count, 1)
        arrays = .allocate(capacity: capacity)
        arrays.initialize(repeating: chainrule_array(), count: capacity)
    }
    deinit { arrays.deallocate() }

    func forget() { isValid = false }

    func remember(
        _ x: UnsafePointer<chainrule_array>?, _ inputs: Int, _ y: UnsafePointer<chainrule_array>?, _ targets: Int
    ) {
        for index in 0..<inputs { if let x { arrays[index] = x[index] } }
        for index in 0..<targets { if let y { arrays[inputs + index] = y[index] } }
        isValid = true
    }

    /// Points the last plan at these arrays, if they look like those of the last step.
    @inline(__always)
    func match(
        _ x: UnsafePointer<chainrule_array>?, _ inputs: Int, _ y: UnsafePointer<chainrule_array>?, _ targets: Int,
        _ weights: UnsafePointer<chainrule_array>?, _ trainer: Trainer
    ) -> Bool {
        guard isValid, trainer.canRepeatStep, weights == nil, x != nil || inputs == 0, y != nil || targets == 0 else { return false }
        for index in 0..<inputs {
            guard let x, SeenArrays.same(x + index, arrays + index) else { return false }
        }
        for index in 0..<targets {
            guard let y, SeenArrays.same(y + index, arrays + inputs + index) else { return false }
        }
        for index in 0..<inputs { if let x { trainer.point(index, x[index].data) } }
        for index in 0..<targets { if let y { trainer.point(inputs + index, y[index].data) } }
        return true
    }

    @inline(__always)
    private static func same(_ a: UnsafePointer<chainrule_array>, _ b: UnsafeMutablePointer<chainrule_array>) -> Bool {
        guard a.pointee.data != nil, a.pointee.strided == 0, a.pointee.dtype == b.pointee.dtype,
            a.pointee.rank == b.pointee.rank
        else { return false }
        let own = shapeAddress(a)
        let other = shapeAddress(b)
        for index in 0..<Int(a.pointee.rank) where own[index] != other[index] { return false }
        return true
    }
}
