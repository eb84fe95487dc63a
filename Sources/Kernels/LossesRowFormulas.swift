// The formulas of LossesRow.swift: each returns a row's loss and, where somebody wants it, writes the row's
// gradient. Conventions at kinks and edges are PyTorch's.

import KernelInterface

protocol RowFormula {
    static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar
}

enum NegativeLogLikelihood: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let label = row.label
        let gradient = row.gradient(0)
        if let gradient { row.clear(gradient) }
        guard label >= 0 else { return 0 }
        let weight = row.classWeight(label)
        if let gradient { gradient[label] = -(weight * row.factor) }
        return -(weight * row.prediction(0)[label])
    }
}

/// -(1 - p)^gamma log(p), p = softmax(x) at the label; number 0: gamma
enum SoftmaxFocal: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let label = row.label
        let gradient = row.gradient(0)
        guard label >= 0 else {
            if let gradient { row.clear(gradient) }
            return 0
        }
        let x = row.prediction(0)
        let gamma = row.number(0)
        let weight = row.classWeight(label)
        let maximum = largestElement(x, row.columns, V.self)
        let shift = V(repeating: maximum)
        let sum = row.sum { i, n in V.expOfNegative(V.choose(V.firstLanes(n), V.load(x + i, n) - shift, V.zero)) }
        let logarithm = x[label] - maximum - logarithmOf(sum, V.self)
        let probability = exponentialOf(logarithm, V.self)
        // 1 - p as the sum of the others: exact where p is near 1.
        let others = row.sum { i, n in
            V.choose(
                LossRow<V>.spike(label, i) .> V.zero, V.zero,
                V.expOfNegative(V.choose(V.firstLanes(n), V.load(x + i, n) - shift, V.zero)))
        }
        let miss = others / sum
        let height = powerOf(miss, gamma, V.self)
        if let gradient {
            let change = miss > 0 ? gamma * powerOf(miss, gamma - 1, V.self) : 0
            let slope = weight * row.factor * (change * probability * logarithm - height)
            let scale = V(repeating: slope / sum)
            row.forEach { i, n in
                let e = V.expOfNegative(V.load(x + i, n) - shift)
                (LossRow<V>.spike(label, i) * V(repeating: slope) - e * scale).store(gradient + i, n)
            }
            // Not as 1 - p, which would lose its digits.
            gradient[label] = slope * miss
        }
        return -(weight * height * logarithm)
    }
}

/// The sum over j other than the label y of max(0, margin - x_y + x_j), squared with the flag; number 0: margin
enum MultiMargin: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let label = row.label
        let x = row.prediction(0)
        let base = V(repeating: row.number(0) - x[label])
        let isSquared = row.flag
        let weight = row.classWeight(label)
        let scale = V(repeating: weight * row.factor)
        let gradient = row.gradient(0)
        let total = row.sum { i, n in
            let room = base + V.load(x + i, n)
            let active = (room .> V.zero) .& (LossRow<V>.spike(label, i) .== V.zero)
            let value = V.choose(active, isSquared ? room * room : room, V.choose(room .!= room, room, V.zero))
            if let gradient {
                V.choose(active, isSquared ? (room + room) * scale : scale, V.zero).store(gradient + i, n)
            }
            return value
        }
        if let gradient { gradient[label] = -row.sum { i, n in V.load(gradient + i, n) } }
        return weight * total
    }
}

/// The sum over labels y and classes j that are none of max(0, 1 - x_y + x_j)
enum MultilabelMargin: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let x = row.prediction(0)
        let labels = row.arguments.input(2, Int32.self) + row.row * row.columns
        let marks = row.arguments.output(4, V.Scalar.self) + row.row * row.columns
        let gradient = row.gradient(0)
        if let gradient { row.clear(gradient) }
        row.clear(marks)
        var count = 0
        while count < row.columns && labels[count] >= 0 {
            marks[Int(labels[count])] = 1
            count += 1
        }
        var total: V.Scalar = 0
        let scale = V(repeating: row.factor)
        for index in 0..<count {
            let label = Int(labels[index])
            let base = V(repeating: 1 - x[label])
            // Counted, since a sum of so many equal slopes would be rounded each time.
            var violations = V.zero
            total += row.sum { i, n in
                let room = base + V.load(x + i, n)
                let other = V.load(marks + i, n) .== V.zero
                let active = (room .> V.zero) .& other .& V.firstLanes(n)
                if let gradient {
                    violations += V.choose(active, V.one, V.zero)
                    (V.load(gradient + i, n) + V.choose(active, scale, V.zero)).store(gradient + i, n)
                }
                return V.choose(active, room, V.choose(room .!= room, room, V.zero))
            }
            if let gradient { gradient[label] -= row.factor * violations.laneSum }
        }
        return total
    }
}

/// 1 - cos for target 1, max(0, cos - margin) for -1; number 0: margin
enum CosineEmbedding: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let x = row.prediction(0)
        let y = row.prediction(1)
        let target = row.arguments.input(2, V.Scalar.self)[row.row]
        let product = row.sum { i, n in V.load(x + i, n) * V.load(y + i, n) }
        let sizeX = row.sum { i, n in V.load(x + i, n) * V.load(x + i, n) } + 1e-12
        let sizeY = row.sum { i, n in V.load(y + i, n) * V.load(y + i, n) } + 1e-12
        let scale = squareRootOf(sizeX * sizeY, V.self)
        let cosine = product / scale
        let room = cosine - row.number(0)
        let slope: V.Scalar = target == 1 ? -row.factor : target == -1 && !(room < 0) ? row.factor : 0
        // The derivative in x: y / scale - cos x / |x|^2.
        if let gradient = row.gradient(0) {
            let (a, b) = (V(repeating: slope / scale), V(repeating: slope * cosine / sizeX))
            row.forEach { i, n in (a * V.load(y + i, n) - b * V.load(x + i, n)).store(gradient + i, n) }
        }
        if let gradient = row.gradient(1) {
            let (a, b) = (V(repeating: slope / scale), V(repeating: slope * cosine / sizeY))
            row.forEach { i, n in (a * V.load(x + i, n) - b * V.load(y + i, n)).store(gradient + i, n) }
        }
        return target == 1 ? 1 - cosine : target == -1 && !(room < 0) ? room : 0
    }
}

/// 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s); number 0: s
enum Dice: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let p = row.prediction(0)
        let t = row.arguments.input(2, V.Scalar.self) + row.row * row.columns
        let smooth = row.number(0)
        let common = 2 * row.sum { i, n in V.load(p + i, n) * V.load(t + i, n) } + smooth
        let both = row.sum { i, n in V.load(p + i, n) + V.load(t + i, n) } + smooth
        // Two empty sets are the same.
        guard both != 0 else {
            if let gradient = row.gradient(0) { row.clear(gradient) }
            return 0
        }
        if let gradient = row.gradient(0) {
            let (a, b) = (V(repeating: -2 * row.factor / both), V(repeating: row.factor * common / (both * both)))
            row.forEach { i, n in V.fma(a, V.load(t + i, n), b).store(gradient + i, n) }
        }
        return 1 - common / both
    }
}
