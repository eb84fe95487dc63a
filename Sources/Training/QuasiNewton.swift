// L-BFGS at work on one model: the arrays and numbers that it keeps, and its step. The order of decisions is
// that of PyTorch's LBFGS, so that the same losses give the same parameters.

import Graph
import KernelInterface
import Optimizers
import Tensors

final class QuasiNewton {
    /// What it keeps from step to step beside arrays; in files as text.
    struct Numbers {
        /// Iterations of all steps.
        var iterations = 0
        /// Pairs of a step and the change of the gradient that it made, the oldest at place `oldest` of a ring.
        var pairs = 0
        var oldest = 0
        /// The first guess of the inverse Hessian is this times one.
        var scale = 1.0
        /// Of the last step, along the direction.
        var length = 0.0
        /// By place: 1 / (step * change).
        var reciprocals: [Double]
    }

    let settings: LBFGS
    let vectors: FlatVectors
    private let model: Model
    /// Parameters that it moves.
    private let parameters: [Int]
    private let frozen: Set<Int>
    private let storage: Storage
    private let bytes: Int
    private(set) var numbers: Numbers
    private var factors: [Double]

    /// - frozen: indices of parameters that stay as they are.
    init(_ settings: LBFGS, _ model: Model, frozen: Set<Int>) throws(ChainruleError) {
        self.settings = settings
        self.model = model
        self.frozen = frozen
        parameters = model.parameters.indices.filter { model.parameters[$0].isTrainable && !frozen.contains($0) }
        bytes = Storage.aligned(model.trainableBytes)
        vectors = FlatVectors(count: bytes / model.type.size, isDouble: model.isDouble)
        let (size, isTooLarge) = bytes.multipliedReportingOverflow(by: QuasiNewton.fixedArrays + 2 * settings.historySize)
        guard !isTooLarge else { throw .outOfMemory("the optimizer's history", bytes: .max) }
        // Pages of the history that nothing was written to take no memory.
        storage = try Storage(byteCount: size, what: "the optimizer's history", isZeroed: false)
        (storage.pointer).initializeMemory(as: UInt8.self, repeating: 0, count: bytes * QuasiNewton.fixedArrays)
        numbers = Numbers(reciprocals: Array(repeating: 0, count: settings.historySize))
        factors = numbers.reciprocals
    }

    var byteCount: Int { storage.byteCount }

    // Arrays: gradients at four places (0: at the beginning of an iteration), the direction, the parameters
    // before an iteration; then the pairs.
    private static let fixedArrays = 6
    private func array(_ index: Int) -> UnsafeMutableRawPointer { storage.pointer + index * bytes }
    private func gradient(_ place: Int) -> UnsafeMutableRawPointer { array(place) }
    private var direction: UnsafeMutableRawPointer { array(4) }
    private var start: UnsafeMutableRawPointer { array(5) }
    private func change(_ place: Int) -> UnsafeMutableRawPointer { array(QuasiNewton.fixedArrays + 2 * place) }
    private func move(_ place: Int) -> UnsafeMutableRawPointer { array(QuasiNewton.fixedArrays + 2 * place + 1) }

    /// What files keep, under PyTorch's names.
    func tensors() -> [(name: String, view: ArrayView)] {
        guard numbers.iterations > 0 else { return [] }
        var arrays = [("d", direction), ("prev_flat_grad", gradient(0))]
        for place in 0..<numbers.pairs { arrays += [("old_dirs.\(place)", change(place)), ("old_stps.\(place)", move(place))] }
        return arrays.flatMap { name, base in
            parameters.map { index in
                let parameter = model.parameters[index]
                return ("optimizer.\(name).\(parameter.name)", parameter.view(beside: base + parameter.offset, shape: nil, model.type))
            }
        }
    }

    // A step.

    /// One step by evaluations of the loss: each leaves the gradients in the executor, and answers with infinity
    /// where they or the loss aren't finite. The parameters are then those of the last finite evaluation.
    /// - loss: the first evaluation's, its gradients in the executor.
    /// - evaluate: throws where a host's function refuses.
    func step(
        from loss: Double, lr: Double, executor: Executor, _ evaluate: () throws(ChainruleError) -> Double,
        failure: (Double) -> ChainruleError
    ) throws(ChainruleError) {
        guard let gradients = executor.gradients?.pointer, let weights = model.storage?.pointer else { return }
        var loss = loss
        var evaluations = 1
        // Where the gradient at the parameters is.
        var place = 1
        take(gradients, into: gradient(place))
        if vectors.magnitudes(gradient(place)).largest <= settings.leastGradient { return }
        var iteration = 0
        while iteration < settings.iterations {
            iteration += 1
            numbers.iterations += 1
            let isFirst = numbers.iterations == 1
            if isFirst {
                vectors.multiply(gradient(place), by: -1, into: direction)
            } else {
                remember(gradient(place))
                turn(gradient(place))
            }
            gradient(0).copyMemory(from: gradient(place), byteCount: bytes)
            place = 0
            let before = loss
            numbers.length = isFirst ? min(1, 1 / vectors.magnitudes(gradient(0)).sum) * lr : lr
            let slope = vectors.dot(gradient(0), direction)
            // It leads downhill no more.
            if !(slope <= -settings.leastChange) { return }
            let reach = vectors.magnitudes(direction).largest
            start.copyMemory(from: weights, byteCount: model.trainableBytes)
            do throws(ChainruleError) {
                if settings.searchesLine {
                    let origin = TrialPoint(length: 0, loss: loss, slope: slope, place: 0)
                    var search = LineSearch(origin: origin, reach: reach)
                    let found = try search.run(from: numbers.length) { (length, place) throws(ChainruleError) in
                        try self.trial(length, place, weights, gradients, evaluate)
                    }
                    evaluations += search.evaluations
                    go(found.length, weights)
                    (loss, place, numbers.length) = (found.loss, found.place, found.length)
                } else {
                    go(numbers.length, weights)
                    if iteration < settings.iterations {
                        loss = try evaluate()
                        guard loss.isFinite else { throw failure(loss) }
                        place = 1
                        take(gradients, into: gradient(place))
                        evaluations += 1
                    }
                }
                if let wrong = model.nonFiniteParameter(in: weights, besides: frozen) {
                    throw ChainruleError(
                        .nonFinite, "a parameter after an iteration of the update", expected: "finite numbers",
                        got: "NaN or infinity with lr \(lr); the parameters are as before the iteration",
                        node: model.describe("its parameter", wrong))
                }
            } catch {
                forget(weights)
                throw error
            }
            if evaluations >= settings.evaluations || vectors.magnitudes(gradient(place)).largest <= settings.leastGradient { return }
            if reach * abs(numbers.length) <= settings.leastChange { return }
            if abs(loss - before) < settings.leastChange { return }
        }
    }

    /// The loss at a length along the direction; infinite where it or its gradient isn't finite.
    private func trial(
        _ length: Double, _ place: Int, _ weights: UnsafeMutableRawPointer, _ gradients: UnsafeMutableRawPointer,
        _ evaluate: () throws(ChainruleError) -> Double
    ) throws(ChainruleError) -> TrialPoint {
        go(length, weights)
        let loss = try evaluate()
        if loss.isFinite {
            take(gradients, into: gradient(place))
            let slope = vectors.dot(gradient(place), direction)
            if slope.isFinite { return TrialPoint(length: length, loss: loss, slope: slope, place: place) }
        }
        return TrialPoint(length: length, loss: .infinity, slope: 0, place: place)
    }

    /// Copies what belongs to the parameters that move; zeros stay between them.
    private func take(_ gradients: UnsafeMutableRawPointer, into target: UnsafeMutableRawPointer) {
        for index in parameters {
            let parameter = model.parameters[index]
            (target + parameter.offset).copyMemory(
                from: gradients + parameter.offset, byteCount: parameter.elementCount * model.type.size)
        }
    }

    /// The parameters at a length along the direction from where the iteration began.
    private func go(_ length: Double, _ weights: UnsafeMutableRawPointer) {
        weights.copyMemory(from: start, byteCount: model.trainableBytes)
        // Nothing is added to what is frozen, not even 0 to -0.
        for index in parameters {
            let parameter = model.parameters[index]
            vectors.add(length, direction + parameter.offset, to: weights + parameter.offset, count: parameter.elementCount)
        }
    }

    /// Back to where the iteration began; what was learned of the curvature led astray.
    private func forget(_ weights: UnsafeMutableRawPointer) {
        weights.copyMemory(from: start, byteCount: model.trainableBytes)
        numbers = Numbers(reciprocals: numbers.reciprocals)
    }

    /// Takes the last step and the change of the gradient into the history, if the curvature along it is positive.
    private func remember(_ now: UnsafeMutableRawPointer) {
        let (products, squares) = vectors.curvature(now, gradient(0), direction, length: numbers.length)
        guard products > 1e-10 else { return }
        var place = numbers.pairs
        if numbers.pairs == settings.historySize {
            place = numbers.oldest
            numbers.oldest = (numbers.oldest + 1) % settings.historySize
        } else {
            numbers.pairs += 1
        }
        vectors.subtract(now, gradient(0), into: change(place))
        vectors.multiply(direction, by: numbers.length, into: move(place))
        numbers.reciprocals[place] = 1 / products
        numbers.scale = products / squares
    }

    /// The direction: minus the inverse Hessian, as the history knows it, times the gradient (the two loops of
    /// Nocedal and Wright, algorithm 7.4).
    private func turn(_ now: UnsafeMutableRawPointer) {
        vectors.multiply(now, by: -1, into: direction)
        for age in (0..<numbers.pairs).reversed() {
            let place = (numbers.oldest + age) % settings.historySize
            factors[place] = vectors.dot(move(place), direction) * numbers.reciprocals[place]
            vectors.add(-factors[place], change(place), to: direction)
        }
        vectors.multiply(direction, by: numbers.scale, into: direction)
        for age in 0..<numbers.pairs {
            let place = (numbers.oldest + age) % settings.historySize
            let factor = vectors.dot(change(place), direction) * numbers.reciprocals[place]
            vectors.add(factors[place] - factor, move(place), to: direction)
        }
    }
}

// The numbers as text.

extension QuasiNewton.Numbers {
    /// "iterations pairs oldest scale length reciprocal,reciprocal,..."
    var text: String {
        "\(iterations) \(pairs) \(oldest) \(scale) \(length) \(reciprocals.prefix(pairs).map { "\($0)" }.joined(separator: ","))"
    }

    /// nil for anything that `text` doesn't write.
    init?(_ text: String, historySize: Int) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, let iterations = wholeNumber(words[0]), let pairs = wholeNumber(words[1]), let oldest = wholeNumber(words[2]),
            let scale = Double(words[3]), let length = Double(words[4]), scale.isFinite, length.isFinite,
            iterations >= 0, iterations <= 1 << 53, pairs >= 0, pairs <= historySize, pairs < iterations || pairs == 0,
            oldest >= 0, oldest < historySize, oldest == 0 || pairs == historySize
        else { return nil }
        let given = words[5].split(separator: ",").compactMap { Double($0) }
        guard given.count == pairs, given.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        self.init(
            iterations: iterations, pairs: pairs, oldest: oldest, scale: scale, length: length,
            reciprocals: given + Array(repeating: 0, count: historySize - pairs))
    }
}

extension QuasiNewton {
    /// Takes back what `Numbers.text` wrote; `tensors` then has what belongs to it.
    func restore(_ text: String) throws(ChainruleError) {
        guard let restored = Numbers(text, historySize: settings.historySize) else {
            throw ChainruleError(
                .format, "the file's chainrule_lbfgs", expected: "counts, two numbers and a list of reciprocals", got: "\"\(text)\"")
        }
        numbers = restored
        // Zeros between the parameters, whose elements come next.
        change(0).initializeMemory(as: UInt8.self, repeating: 0, count: 2 * bytes * numbers.pairs)
    }
}
