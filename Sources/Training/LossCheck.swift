// A loss's gradients in its predictions against central differences: for those who wrote a loss of their own.

import Graph
import Tensors

extension LossEvaluator {
    public func checkGradients(predictions given: [ArrayView], targets: [ArrayView]) throws(ChainruleError) -> GradientCheck.Finding {
        var memory: [Storage] = []
        var predictions: [ArrayView] = []
        var gradients: [ArrayView] = []
        for view in given {
            guard view.type == .float64 else {
                throw ChainruleError(.dataType, "the prediction's type", expected: "float64, which differences need", got: view.type.name)
            }
            let pair = [try Storage(byteCount: view.elementCount * 8, what: "a copy"), try Storage(byteCount: view.elementCount * 8, what: "a gradient")]
            memory += pair
            predictions.append(ArrayView(pair[0].pointer, .float64, view.dimensions))
            gradients.append(ArrayView(pair[1].pointer, .float64, view.dimensions))
            copyElements(from: view, to: predictions[predictions.count - 1])
        }
        _ = try evaluate(predictions: predictions, targets: targets, weights: nil, gradients: gradients)
        var worst = GradientCheck.Finding()
        for index in predictions.indices {
            let (place, slopes) = (memory[2 * index].pointer, memory[2 * index + 1].pointer)
            let gradient = (0..<given[index].elementCount).map { slopes.load(fromByteOffset: $0 * 8, as: Double.self) }
            try worst.compare("prediction \(index)", place, gradient, least: Double.leastNormalMagnitude) { () throws(ChainruleError) in
                try evaluate(predictions: predictions, targets: targets, weights: nil, gradients: nil)
            }
        }
        return worst
    }
}
