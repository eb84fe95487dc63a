// Where NaN and infinity are, for messages: plain loops, run only when something has gone wrong.

import Graph
import Tensors

extension Model {
    /// The last trainable parameter (the first that the backward pass reaches) with a NaN or infinity in
    /// a block of the parameters' layout.
    /// - frozen: indices of those that don't matter.
    func nonFiniteParameter(in block: UnsafeMutableRawPointer, besides frozen: Set<Int>) -> Parameter? {
        parameters.indices.last {
            parameters[$0].isTrainable && !frozen.contains($0)
                && !isFinite(block + parameters[$0].offset, parameters[$0].elementCount)
        }.map { parameters[$0] }
    }

    /// Says of a parameter whose node it belongs to.
    func describe(_ what: String, _ parameter: Parameter) -> String {
        let node = nodes[parameter.node]
        return "\(node.kind) \"\(node.name)\" (\(what) \(parameter.name))"
    }

    func isFinite(_ address: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        isBelow(.infinity, address, count)
    }

    /// Whether all magnitudes are under a limit; a NaN is not.
    func isBelow(_ limit: Double, _ address: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        if isDouble {
            let numbers = address.assumingMemoryBound(to: Double.self)
            for index in 0..<count where !(abs(numbers[index]) < limit) { return false }
        } else {
            let numbers = address.assumingMemoryBound(to: Float.self)
            let limit = Float(limit)
            for index in 0..<count where !(abs(numbers[index]) < limit) { return false }
        }
        return true
    }
}
