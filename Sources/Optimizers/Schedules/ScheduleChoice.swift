// A schedule from its text ("cosine T_max=100 per=step warmup=10"), or several one after the other
// ("linear total_iters=5; cosine T_max=20 from=5"), each beginning with the whole rate.

import Layers
import Tensors

public struct ScheduleChoice: Sendable {
    public let text: String
    /// Counts updates, not epochs.
    public let countsSteps: Bool
    public let warmup: Int
    private let parts: [(from: Int, schedule: any Schedule)]

    public init(_ text: String) throws(ChainruleError) {
        self.text = text
        var parts: [(from: Int, schedule: any Schedule)] = []
        var countsSteps = false
        var warmup = 0
        for part in text.split(separator: ";", omittingEmptySubsequences: false).map(String.init) {
            let (kind, words) = splitKind(part)
            let entry = try ScheduleCatalog.known(kind)
            let attributes = try Attributes(parsing: words, as: entry.attributes, of: kind)
            let schedule = try entry.make(attributes)
            let isPlateau = schedule is Plateau
            let from = attributes.integer("from")
            if let last = parts.last {
                guard from > last.from, attributes.text("per") == "default", attributes.integer("warmup") == 0, !(last.schedule is Plateau),
                    !isPlateau
                else {
                    throw ChainruleError(
                        .attribute, "the schedule behind a ';'",
                        expected: "from= above \(last.from), per and warmup in the first one only, and no plateau", got: "\"\(part)\"")
                }
            } else {
                countsSteps = attributes.text("per") == "step" || (attributes.text("per") == "default" && schedule.countsSteps)
                warmup = attributes.integer("warmup")
                guard from == 0, !(countsSteps && isPlateau) else {
                    throw ChainruleError(.attribute, "the first schedule", expected: "from=0, and plateau per epoch", got: "\"\(part)\"")
                }
            }
            parts.append((from, schedule))
        }
        self.parts = parts
        self.countsSteps = countsSteps
        self.warmup = warmup
    }

    public var plateau: Plateau? { parts[0].schedule as? Plateau }
    /// The first that looks at a series of the history.
    public var watching: (any Schedule)? { parts.first { $0.schedule.watches }?.schedule }

    /// The rate after so many updates and epochs. Warm-up counts updates; what counts steps begins behind it.
    /// - monitored: of the last epoch; NaN before.
    public func lr(_ base: Double, steps: Int, epochs: Int, monitored: Double) throws(ChainruleError) -> Double {
        let t = countsSteps ? max(0, steps - warmup) : epochs
        var current = 0
        for index in parts.indices where parts[index].from <= t { current = index }
        let rate = try parts[current].schedule.rate(base, t - parts[current].from, monitored: monitored)
        return steps < warmup ? rate * Double(steps + 1) / Double(warmup + 1) : rate
    }
}
