// The losses over single elements: the value for a prediction x and a target t, and its derivative in x.
// Conventions at kinks and edges are PyTorch's.

import KernelInterface

/// Numbers of a formula; `column` is that of the element's column.
struct LossNumbers<V: KernelMath> {
    let a: V
    let b: V
    let flag: Bool
}

protocol LossFormula {
    static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _ column: V) -> (value: V, slope: V)
}

enum MeanSquared: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let d = x - t
        return (d * d, d + d)
    }
}

enum Absolute: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let d = x - t
        let zero = V(repeating: 0)
        let one = V(repeating: 1)
        return (V.magnitude(d), V.choose(d .> zero, one, V.choose(d .< zero, zero - one, zero)))
    }
}

/// a: delta
enum Huber: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let d = x - t
        let size = V.magnitude(d)
        let delta = numbers.a
        let half = V(repeating: 0.5)
        let value = V.choose(size .< delta, half * d * d, delta * (size - half * delta))
        return (value, V.atMost(V.atLeast(d, V.zero - delta), delta))
    }
}

/// a: beta, not 0
enum SmoothAbsolute: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let d = x - t
        let size = V.magnitude(d)
        let beta = numbers.a
        let half = V(repeating: 0.5)
        let value = V.choose(size .< beta, half * d * d / beta, size - half * beta)
        return (value, V.atMost(V.atLeast(d / beta, V.all(-1)), V.one))
    }
}

enum BinaryCrossEntropyWithLogits: LossFormula {
    /// max(x, 0) - x t + log(1 + exp(-|x|)); slope sigmoid(x) - t. No overflow for any x.
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let zero = V(repeating: 0)
        let one = V(repeating: 1)
        let negative = x .< zero
        let e = V.expOfNegative(V.choose(negative, x, zero - x))
        let sigmoid = V.choose(negative, e, one) / (one + e)
        let value = V.choose(negative, zero, x) - x * t + V.log1p(e)
        return (value, sigmoid - t)
    }
}

/// log(1 + exp(x)) and its derivative, sigmoid(x).
@inline(__always) private func softplus<V: KernelMath>(_ x: V) -> (value: V, slope: V) {
    let negative = x .< V.zero
    let e = V.expOfNegative(V.choose(negative, x, V.zero - x))
    return (V.choose(negative, V.zero, x) + V.log1p(e), V.choose(negative, e, V.one) / (V.one + e))
}

/// column: what positive answers count
enum BinaryCrossEntropyWithPositiveWeights: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _ column: V) -> (value: V, slope: V) {
        let height = V.fma(column - V.one, t, V.one)
        let (rest, slope) = softplus(V.zero - x)
        return (V.fma(V.one - t, x, height * rest), (V.one - t) - height * slope)
    }
}

/// The gradient's smallest divisor is PyTorch's, a float also in doubles.
enum BinaryCrossEntropy: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let lowest = V.all(-100)
        let yes = V.atLeast(V.log(x), lowest)
        let no = V.atLeast(V.log1p(V.zero - x), lowest)
        let spread = V.atLeast((V.one - x) * x, V.all(V.Scalar(Float(1e-12))))
        return ((t - V.one) * no - t * yes, (x - t) / spread)
    }
}

enum Divergence: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let own = V.choose(t .== V.zero, V.zero, t * V.log(t))
        return (own - t * x, V.zero - t)
    }
}

enum DivergenceOfLogarithms: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let p = V.exp(t)
        return (p * (t - x), V.zero - p)
    }
}

/// Stirling's approximation of log(t!), where t > 1.
@inline(__always) private func logOfFactorial<V: KernelMath>(_ t: V) -> V {
    let safe = V.atLeast(t, V.one)
    let value = t * V.log(safe) - t + V.all(0.5) * V.log(V.all(2 * V.Scalar.pi) * safe)
    return V.choose(t .> V.one, value, V.zero)
}

/// flag: with Stirling's terms
enum PoissonOfLogarithm: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let rate = V.exp(x)
        let value = rate - t * x
        return (numbers.flag ? value + logOfFactorial(t) : value, rate - t)
    }
}

/// a: eps; flag: with Stirling's terms
enum Poisson: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let rate = x + numbers.a
        let value = x - t * V.log(rate)
        return (numbers.flag ? value + logOfFactorial(t) : value, V.one - t / rate)
    }
}

/// a: margin
enum HingeEmbedding: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let room = numbers.a - x
        let near = (t .!= V.one) .& V.opposite(room .< V.zero)
        let far = t .!= V.all(-1)
        return (
            V.choose(near, room, V.zero) + V.choose(far, x, V.zero),
            V.choose(near, V.all(-1), V.zero) + V.choose(far, V.one, V.zero)
        )
    }
}

enum SoftMargin: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let (value, slope) = softplus(V.zero - t * x)
        return (value, V.zero - t * slope)
    }
}

enum LogCosh: LossFormula {
    /// 0.5 log(1 + sinh(d)^2) for small d, |d| + log(1 + exp(-2|d|)) - log(2) for others.
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let d = x - t
        let size = V.magnitude(d)
        let growth = V.expm1(V.atMost(size, V.one))
        let sinh = V.all(0.5) * (growth + growth / (growth + V.one))
        let near = V.all(0.5) * V.log1p(sinh * sinh)
        let far = size + V.log1p(V.expOfNegative(V.all(-2) * size)) - V.all(0x1.62e42fefa39efp-1)
        return (V.choose(size .< V.one, near, far), V.tanh(d))
    }
}

/// column: the quantile
enum Quantile: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _: LossNumbers<V>, _ column: V) -> (value: V, slope: V) {
        let d = t - x
        let below = column - V.one
        let slope = V.choose(d .> V.zero, V.zero - column, V.choose(d .< V.zero, V.zero - below, V.zero))
        return (V.choose(d .< V.zero, below * d, column * d), slope)
    }
}

/// a: alpha, negative for none; b: gamma
enum SigmoidFocal: LossFormula {
    @inline(__always) static func both<V: KernelMath>(_ x: V, _ t: V, _ numbers: LossNumbers<V>, _: V) -> (value: V, slope: V) {
        let (rest, sigmoid) = softplus(x)
        let entropy = rest - x * t
        let (alpha, gamma) = (numbers.a, numbers.b)
        let share = V.fma(V.all(2) * alpha - V.one, t, V.one - alpha)
        let height = V.choose(alpha .< V.zero, V.one, share)
        // 1 - p of the right answer.
        let sign = V.one - (t + t)
        let miss = V.fma(sign, sigmoid, t)
        let power = V.pow(miss, gamma)
        let change = V.choose(miss .> V.zero, gamma * V.pow(miss, gamma - V.one), V.zero)
        let slope = (sigmoid - t) * power + entropy * change * sign * sigmoid * (V.one - sigmoid)
        return (height * power * entropy, height * slope)
    }
}

/// Losses of two predictions x and y: the value and both derivatives.
protocol PairFormula {
    static func all<V: KernelMath>(_ x: V, _ y: V, _ t: V, _ numbers: LossNumbers<V>) -> (value: V, x: V, y: V)
}

/// Mean x and variance y; a: eps; b: a constant that is added.
enum Gaussian: PairFormula {
    @inline(__always) static func all<V: KernelMath>(_ x: V, _ y: V, _ t: V, _ numbers: LossNumbers<V>) -> (value: V, x: V, y: V) {
        let variance = V.choose(y .< V.zero, V.all(.nan), V.atLeast(y, numbers.a))
        let d = x - t
        let ratio = d / variance
        let half = V.all(0.5)
        return (
            half * (V.log(variance) + d * ratio) + numbers.b, ratio, half * (V.one / variance - ratio * ratio)
        )
    }
}

/// a: margin
enum MarginRanking: PairFormula {
    @inline(__always) static func all<V: KernelMath>(_ x: V, _ y: V, _ t: V, _ numbers: LossNumbers<V>) -> (value: V, x: V, y: V) {
        let room = numbers.a - t * (x - y)
        let active = V.opposite(room .< V.zero)
        return (V.choose(active, room, V.zero), V.choose(active, V.zero - t, V.zero), V.choose(active, t, V.zero))
    }
}
