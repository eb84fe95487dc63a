// A length along a direction that fulfils the strong Wolfe conditions: the loss falls enough, and its slope
// has become flat enough (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6; the order of
// decisions and the constants are PyTorch's, so that the same losses give the same lengths).

import Tensors

/// The loss at a length along the direction.
struct TrialPoint {
    var length: Double
    /// Infinity where the loss or its gradient isn't finite: too far.
    var loss: Double
    /// The gradient times the direction.
    var slope: Double
    /// Where the gradient is kept: 0 for that at length 0, else 1 to 3.
    var place: Int
}

struct LineSearch {
    private static let decrease = 1e-4
    private static let flatness = 0.9
    private static let mostTrials = 25
    private static let leastProgress = 1e-9

    /// At length 0.
    let origin: TrialPoint
    /// The direction's largest element.
    let reach: Double
    private(set) var evaluations = 0
    private var trials = 0

    init(origin: TrialPoint, reach: Double) {
        self.origin = origin
        self.reach = reach
    }

    typealias Evaluate = (_ length: Double, _ place: Int) throws(ChainruleError) -> TrialPoint

    private func isTooHigh(_ point: TrialPoint) -> Bool {
        point.loss > origin.loss + LineSearch.decrease * point.length * origin.slope
    }

    private func isFlat(_ point: TrialPoint) -> Bool { abs(point.slope) <= -LineSearch.flatness * origin.slope }

    /// The best point found, beginning at a length. The gradient of no other place than the result's is of use then.
    mutating func run(from length: Double, _ evaluate: Evaluate) throws(ChainruleError) -> TrialPoint {
        var before = origin
        var now = try evaluate(length, 1)
        evaluations = 1
        while trials < LineSearch.mostTrials {
            if isTooHigh(now) || (trials > 1 && now.loss >= before.loss) { return try narrow(before, now, evaluate) }
            if isFlat(now) { return now }
            if now.slope >= 0 { return try narrow(before, now, evaluate) }
            let least = now.length + 0.01 * (now.length - before.length)
            let farther = LineSearch.lowest(before, now, within: (least, now.length * 10))
            before = now
            now = try evaluate(farther, before.place == 1 ? 2 : 1)
            evaluations += 1
            trials += 1
        }
        return origin.loss <= now.loss ? origin : now
    }

    /// Between two points with an acceptable length between them.
    private mutating func narrow(_ one: TrialPoint, _ other: TrialPoint, _ evaluate: Evaluate) throws(ChainruleError) -> TrialPoint {
        // Of equal losses the first's is taken for the lower one.
        var lowIsFirst = one.loss <= other.loss
        var (low, high) = lowIsFirst ? (one, other) : (other, one)
        var isSlow = false
        while trials < LineSearch.mostTrials {
            let first = min(low.length, high.length)
            let last = max(low.length, high.length)
            if (last - first) * reach < LineSearch.leastProgress { break }
            var length = LineSearch.lowest(low, high, within: (first, last))
            let margin = 0.1 * (last - first)
            if min(last - length, length - first) < margin {
                // Twice near an end, or at it: away from it.
                if isSlow || length >= last || length <= first {
                    length = abs(length - last) < abs(length - first) ? last - margin : first + margin
                    isSlow = false
                } else {
                    isSlow = true
                }
            } else {
                isSlow = false
            }
            var free = 1
            while free == low.place || free == high.place { free += 1 }
            let now = try evaluate(length, free)
            evaluations += 1
            trials += 1
            if isTooHigh(now) || now.loss >= low.loss {
                high = now
                if lowIsFirst ? now.loss < low.loss : now.loss <= low.loss {
                    swap(&low, &high)
                    lowIsFirst.toggle()
                }
            } else {
                let isDone = isFlat(now)
                if !isDone && now.slope * (high.length - low.length) >= 0 { high = low }
                low = now
                if isDone { break }
            }
        }
        return low
    }

    /// Where the cubic through two points with their slopes is lowest, or the middle where it has no lowest point.
    private static func lowest(_ a: TrialPoint, _ b: TrialPoint, within bounds: (Double, Double)) -> Double {
        let (a, b) = a.length <= b.length ? (a, b) : (b, a)
        let middle = (bounds.0 + bounds.1) / 2
        let d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
        let square = d1 * d1 - a.slope * b.slope
        guard square >= 0 else { return middle }
        let d2 = square.squareRoot()
        let place = b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
        return place.isFinite ? min(max(place, bounds.0), bounds.1) : middle
    }
}
