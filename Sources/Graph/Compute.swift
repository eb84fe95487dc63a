// In which numbers a model multiplies matrices: float32, or bfloat16, the upper half of a float32, with sums in float32.
// Parameters, everything else that is computed, and what training keeps are float32 either way.

import Layers
import Tensors

public enum Compute: Sendable {
    case float32, bfloat16

    public init?(word: String) {
        switch word {
        case "float32": self = .float32
        case "bfloat16": self = .bfloat16
        default: return nil
        }
    }

    public var word: StaticString { self == .float32 ? "float32" : "bfloat16" }
}

extension Model {
    /// The caller has the model to itself; plans made before are made anew when they are next needed.
    public func setCompute(_ word: String) throws(ChainruleError) {
        guard let compute = Compute(word: word) else {
            throw ChainruleError(.invalidArgument, "argument compute", expected: "float32, bfloat16", got: "\"\(word)\"")
        }
        guard !isDouble || compute == .float32 else {
            throw ChainruleError(.dataType, "a model that computes in bfloat16", expected: "float32", got: "float64")
        }
        guard compute != self.compute else { return }
        guard !isTraining else { throw Model.busy }
        changeCompute(compute)
    }

    /// Whether the operands of a node's matrix products are rounded.
    func roundsOperands(_ node: Int) -> Bool { compute == .bfloat16 && nodes[node].layer is any RoundingLayer }
}
