// How often each class was taken for each class: the one metric that is no number, so it has a function of its own.

import Tensors

/// Adds the weight of each sample to row = its class, column = the class it was taken for, of a matrix of zeros.
/// - prediction, target: scores [n, classes], of which the first of the largest counts, or classes [n] (integers).
/// - matrix: [classes, classes], real.
public func confusionMatrix(
    prediction: ArrayView, target: ArrayView, weights: ArrayView?, into matrix: ArrayView
) throws(ChainruleError) {
    guard matrix.type.isReal, matrix.rank == 2, matrix.shape[0] == matrix.shape[1], matrix.shape[0] > 0 else {
        throw ChainruleError(.shape, "matrix", expected: "[classes, classes] of float32 or float64", got: matrix.description)
    }
    let classes = matrix.shape[0]
    let predicted = try classNumbers(prediction, "prediction", classes)
    let actual = try classNumbers(target, "target", classes)
    guard prediction.shape[0] == target.shape[0] else {
        throw ChainruleError(
            .shape, "target", expected: "\(prediction.shape[0]) samples, as in prediction", got: "\(target.shape[0])")
    }
    let rows = prediction.shape[0]
    let shares = try Storage(byteCount: max(rows, 1) * 8, what: "the weights", isZeroed: false)
    let share = shares.pointer.assumingMemoryBound(to: Double.self)
    for row in 0..<rows { share[row] = 1 }
    if let weights {
        guard weights.type.isReal, weights.rank == 1, weights.shape[0] == rows else {
            throw ChainruleError(.shape, "sample_weight", expected: "[\(rows)] of float32 or float64", got: weights.description)
        }
        copyElements(from: weights, to: ArrayView(shares.pointer, .float64, [rows]))
        for row in 0..<rows where !(share[row] >= 0 && share[row] < .infinity) {
            throw ChainruleError(.value, "sample_weight, element \(row)", expected: "a finite number of 0 or more", got: "\(share[row])")
        }
    }
    let sums = try Storage(byteCount: max(classes * classes, 1) * 8, what: "the matrix")
    let sum = sums.pointer.assumingMemoryBound(to: Double.self)
    let from = actual.pointer.assumingMemoryBound(to: Int.self)
    let to = predicted.pointer.assumingMemoryBound(to: Int.self)
    for row in 0..<rows { sum[from[row] * classes + to[row]] += share[row] }
    copyElements(from: ArrayView(sums.pointer, .float64, [classes, classes]), to: matrix)
}

/// A class from 0 to under `classes` for each sample.
private func classNumbers(_ view: ArrayView, _ what: String, _ classes: Int) throws(ChainruleError) -> Storage {
    let isScores = view.rank == 2 && view.type.isReal
    guard isScores ? view.shape[1] == classes : view.rank == 1 && !view.type.isReal else {
        throw ChainruleError(
            .shape, what, expected: "scores [n, \(classes)] or classes [n] of int32 or int64", got: view.description)
    }
    let rows = view.shape[0]
    let numbers = try Storage(byteCount: max(rows, 1) * 8, what: "the classes", isZeroed: false)
    let number = numbers.pointer.assumingMemoryBound(to: Int.self)
    guard isScores else {
        copyElements(from: view, to: ArrayView(numbers.pointer, .int64, [rows]))
        for row in 0..<rows where number[row] < 0 || number[row] >= classes {
            throw ChainruleError(.value, "\(what), element \(row)", expected: "a class from 0 to \(classes - 1)", got: "\(number[row])")
        }
        return numbers
    }
    let scores = try Storage(byteCount: max(rows * classes, 1) * 8, what: "the scores", isZeroed: false)
    copyElements(from: view, to: ArrayView(scores.pointer, .float64, [rows, classes]))
    let score = scores.pointer.assumingMemoryBound(to: Double.self)
    for row in 0..<rows {
        number[row] = 0
        for column in 0..<classes {
            let value = score[row * classes + column]
            guard !value.isNaN else {
                throw ChainruleError(.value, "\(what), row \(row)", expected: "numbers", got: "NaN")
            }
            if value > score[row * classes + number[row]] { number[row] = column }
        }
    }
    return numbers
}
