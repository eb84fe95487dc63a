// The triplet loss of a row, with distances in any p-norm; slots: LossesRow.swift.

import KernelInterface

/// max(0, margin + d(a, p) - d(a, n)); numbers 0 margin, 1 the norm's p, 2 eps; flag: d(p, n) where smaller
enum TripletMargin: RowFormula {
    @inline(__always) static func loss<V: KernelMath>(_ row: LossRow<V>) -> V.Scalar {
        let (anchor, positive, negative) = (row.prediction(0), row.prediction(1), row.prediction(2))
        let near = distance(row, anchor, positive)
        let far = distance(row, anchor, negative)
        let other = row.flag ? distance(row, positive, negative) : far
        let room = row.number(0) + near - (other < far ? other : far)
        let isActive = !(room < 0)
        if row.gradient(0) != nil || row.gradient(1) != nil || row.gradient(2) != nil {
            let scale = isActive ? row.factor : 0
            // At equality half goes each way.
            let share: V.Scalar = !row.flag || far < other ? 1 : other < far ? 0 : 0.5
            let weights = Slopes(
                near: slope(row, near, scale), far: slope(row, far, -scale * share),
                other: slope(row, other, -scale * (1 - share)))
            row.forEach { i, n in
                let (a, p, m) = (V.load(anchor + i, n), V.load(positive + i, n), V.load(negative + i, n))
                let toPositive = direction(row, a, p) * V(repeating: weights.near)
                let toNegative = direction(row, a, m) * V(repeating: weights.far)
                let between = row.flag ? direction(row, p, m) * V(repeating: weights.other) : V.zero
                if let gradient = row.gradient(0) { (toPositive + toNegative).store(gradient + i, n) }
                if let gradient = row.gradient(1) { (between - toPositive).store(gradient + i, n) }
                if let gradient = row.gradient(2) { (V.zero - toNegative - between).store(gradient + i, n) }
            }
        }
        return isActive ? room : 0
    }

    private struct Slopes<T> {
        let near: T
        let far: T
        let other: T
    }

    @inline(__always) private static func difference<V: KernelMath>(_ row: LossRow<V>, _ x: V, _ y: V) -> V {
        x - y + V(repeating: row.number(2))
    }

    @inline(__always) private static func distance<V: KernelMath>(
        _ row: LossRow<V>, _ x: UnsafePointer<V.Scalar>, _ y: UnsafePointer<V.Scalar>
    ) -> V.Scalar {
        let p = row.number(1)
        let isTwo = p == 2
        let isOne = p == 1
        let exponent = V(repeating: p)
        let sum = row.sum { i, n in
            let d = difference(row, V.load(x + i, n), V.load(y + i, n))
            return isTwo ? d * d : isOne ? V.magnitude(d) : V.pow(V.magnitude(d), exponent)
        }
        return isTwo ? squareRootOf(sum, V.self) : isOne ? sum : powerOf(sum, 1 / p, V.self)
    }

    /// scale / distance^(p - 1)
    @inline(__always) private static func slope<V: KernelMath>(
        _ row: LossRow<V>, _ distance: V.Scalar, _ scale: V.Scalar
    ) -> V.Scalar {
        let p = row.number(1)
        if p == 1 { return scale }
        if distance == 0 { return 0 }
        return p == 2 ? scale / distance : scale / powerOf(distance, p - 1, V.self)
    }

    /// sign(d) |d|^(p - 1)
    @inline(__always) private static func direction<V: KernelMath>(_ row: LossRow<V>, _ x: V, _ y: V) -> V {
        let p = row.number(1)
        let d = difference(row, x, y)
        if p == 2 { return d }
        let size = p == 1 ? V.one : V.pow(V.magnitude(d), V(repeating: p - 1))
        return V.choose(d .> V.zero, size, V.choose(d .< V.zero, V.zero - size, V.choose(d .== V.zero, V.zero, d)))
    }
}
