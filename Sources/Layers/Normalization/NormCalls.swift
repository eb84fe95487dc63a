// How the norms of this folder lay their input out in sets, and the calls that they share. The formulas
// stand in Kernels/Norm.swift and Kernels/NormBackward.swift.

import KernelInterface
import Tensors

/// Sets of elements that are normalised together (Kernels/NormSets.swift).
struct NormLayout {
    var count, runs, length, runStride, setStride, groups, channels, inner: Int

    /// Rows whose elements have weights of their own.
    static func rows(_ count: Int, _ columns: Int) -> NormLayout {
        NormLayout(
            count: count, runs: 1, length: columns, runStride: 0, setStride: columns, groups: 1, channels: columns, inner: 1)
    }

    /// `groups` groups of a sample's channels; [samples, channels, inner].
    static func groups(_ samples: Int, _ groups: Int, _ channels: Int, _ inner: Int) -> NormLayout {
        let length = channels / groups * inner
        return NormLayout(
            count: samples * groups, runs: 1, length: length, runStride: 0, setStride: length, groups: groups,
            channels: channels / groups, inner: inner)
    }

    /// A channel of all samples.
    static func channels(_ samples: Int, _ channels: Int, _ inner: Int) -> NormLayout {
        NormLayout(
            count: channels, runs: samples, length: inner, runStride: channels * inner, setStride: inner, groups: channels,
            channels: 1, inner: inner)
    }

    /// Elements of a set.
    var size: Int { runs * length }
    var elementCount: Int { count * size }
    private var isAcross: Bool { length == 1 && groups == count }
    var hasElementWeights: Bool { inner == 1 && channels > 1 && !isAcross }

    func perPiece(_ elements: Int) -> Int {
        let sets = max(1, elements / max(1, size))
        return isAcross ? (sets + 15) / 16 * 16 : sets
    }

    func fill(_ call: inout KernelCall, perPiece: Int) {
        for (slot, value) in [count, runs, length, runStride, setStride, groups, channels, inner, perPiece].enumerated() {
            call.integers[slot] = value
        }
    }
}

/// Means and 1 / deviations of the sets, and variances where somebody wants them.
struct NormMoments {
    var means: Value
    var scales: Value
    var variances: Value?
}

extension Emitter {
    /// - given: moments by channel instead of the sets' own (inference).
    @discardableResult
    func norm(
        _ layout: NormLayout, eps: Double, isCentred: Bool = true, wantsVariances: Bool = false, given: (Value, Value)? = nil
    ) -> NormMoments {
        let moments = NormMoments(
            means: workspace(elements: layout.count), scales: workspace(elements: layout.count),
            variances: wantsVariances ? workspace(elements: layout.count) : nil)
        let y = output()
        save("means", moments.means)
        save("scales", moments.scales)
        guard layout.elementCount > 0 else { return moments }
        var operands = [
            Operand(0, input(), .read), Operand(1, y, .write), Operand(4, moments.means, .write),
            Operand(5, moments.scales, .write),
        ]
        if let weight = parameter("weight") { operands.append(Operand(2, weight, .read)) }
        if let bias = parameter("bias") { operands.append(Operand(3, bias, .read)) }
        if let given { operands += [Operand(6, given.0, .read), Operand(7, given.1, .read)] }
        if let variances = moments.variances { operands.append(Operand(8, variances, .write)) }
        let perPiece = layout.perPiece(elementsPerPiece)
        program.call(
            .normForward, operands, pieces: (layout.count + perPiece - 1) / perPiece, cost: Double(layout.elementCount) * 0.5
        ) {
            layout.fill(&$0, perPiece: perPiece)
            $0.integers[9] = isCentred ? 1 : 0
            $0.scalars[0] = eps
            $0.scalars[1] = Double(layout.size)
        }
        return moments
    }

    func normBackward(_ layout: NormLayout, isCentred: Bool = true, isGiven: Bool = false) {
        let weightGradient = parameterGradient("weight")
        let biasGradient = parameterGradient("bias")
        let parameters = layout.groups * layout.channels
        guard layout.elementCount > 0, let means = saved("means"), let scales = saved("scales") else {
            if let weightGradient { program.fill(weightGradient, with: 0, count: parameters) }
            if let biasGradient { program.fill(biasGradient, with: 0, count: parameters) }
            if needsInputGradient() { _ = inputGradient() }
            return
        }
        guard weightGradient != nil || biasGradient != nil || needsInputGradient() else { return }
        // Pieces long enough that their sums are few.
        let perPiece = layout.perPiece(4 * elementsPerPiece)
        let pieces = (layout.count + perPiece - 1) / perPiece
        let rows = layout.hasElementWeights ? pieces : layout.count / layout.groups
        var operands = [
            Operand(0, input(), .read), Operand(1, outputGradient(), .read), Operand(4, means, .read), Operand(5, scales, .read),
        ]
        if needsInputGradient() { operands.append(Operand(2, inputGradient(), .write)) }
        if let weight = parameter("weight") { operands.append(Operand(3, weight, .read)) }
        var sums: [(sums: Value, gradient: Value)] = []
        for (slot, gradient) in [(6, weightGradient), (7, biasGradient)] {
            guard let gradient else { continue }
            let partial = rows == 1 ? gradient : workspace(elements: rows * parameters)
            if rows != 1 { sums.append((partial, gradient)) }
            operands.append(Operand(slot, partial, .write))
        }
        program.call(.normBackward, operands, pieces: pieces, cost: Double(layout.elementCount)) {
            layout.fill(&$0, perPiece: perPiece)
            $0.integers[9] = isCentred ? 1 : 0
            $0.integers[10] = isGiven ? 1 : 0
            $0.scalars[0] = Double(layout.size)
        }
        for (partial, gradient) in sums {
            program.call(.reduceColumns, [Operand(0, partial, .read), Operand(1, gradient, .write)], cost: Double(rows * parameters)) {
                $0.integers[0] = rows
                $0.integers[1] = parameters
                $0.integers[2] = parameters
                $0.integers[3] = rows
                $0.scalars[0] = 1
            }
        }
    }

    /// Appends the change of the running statistics by this batch, for when the step has succeeded.
    /// - momentum: nil for the average over all batches.
    func updateRunningStatistics(_ moments: NormMoments, samples: Int, channels: Int, size: Int, momentum: Double?, counts: Bool) {
        guard let means = parameter("running_mean"), let variances = parameter("running_var"), let own = moments.variances,
            channels > 0, size > 0
        else { return }
        let count = parameter("num_batches_tracked")
        atCommit { program in
            var operands = [
                Operand(0, moments.means, .read), Operand(1, own, .read), Operand(2, means, .write), Operand(3, variances, .write),
            ]
            if counts, let count { operands.append(Operand(4, count, .write)) }
            program.call(.runningStatistics, operands, cost: Double(samples * channels)) {
                $0.integers[0] = samples
                $0.integers[1] = channels
                $0.integers[2] = momentum == nil ? 1 : 0
                $0.scalars[0] = momentum ?? 0
                $0.scalars[1] = size > 1 ? Double(size) / Double(size - 1) : 1
                $0.scalars[2] = Double(samples)
            }
        }
    }
}

/// weight and bias of as many channels, first 1 and 0.
func normParameters(_ shape: Shape, weight: Bool, bias: Bool) -> [ParameterSpecification] {
    var list: [ParameterSpecification] = []
    if weight { list.append(ParameterSpecification("weight", shape, Initializer(.constant(1)))) }
    if bias { list.append(ParameterSpecification("bias", shape, .zeros)) }
    return list
}

func runningParameters(_ channels: Int) -> [ParameterSpecification] {
    [
        ParameterSpecification("running_mean", [channels], .zeros, isTrainable: false),
        ParameterSpecification("running_var", [channels], Initializer(.constant(1)), isTrainable: false),
        ParameterSpecification("num_batches_tracked", [], .zeros, isTrainable: false),
    ]
}
