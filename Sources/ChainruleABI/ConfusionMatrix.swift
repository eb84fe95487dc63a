// chainrule_confusion_matrix.

import CChainrule
import Tensors
import Training

@_cdecl("chainrule_confusion_matrix") @implementation
public func chainrule_confusion_matrix(
    _ prediction: UnsafePointer<chainrule_array>?, _ target: UnsafePointer<chainrule_array>?,
    _ sample_weight: UnsafePointer<chainrule_array>?, _ matrix: UnsafePointer<chainrule_array>?
) -> chainrule_status {
    guarded("chainrule_confusion_matrix") { () throws(ChainruleError) in
        let prediction = try view(prediction, "prediction")
        let target = try view(target, "target")
        let matrix = try view(matrix, "matrix")
        var weights: ArrayView?
        if sample_weight != nil { weights = try view(sample_weight, "sample_weight") }
        for (other, name) in [(prediction, "prediction"), (target, "target")] + (weights.map { [($0, "sample_weight")] } ?? [])
        where matrix.overlaps(other) {
            throw ChainruleError(.invalidArgument, "argument matrix", expected: "memory of its own", got: "an array that overlaps \(name)")
        }
        try confusionMatrix(prediction: prediction, target: target, weights: weights, into: matrix)
    }
}
