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
            guard let type = ScheduleCatalog.all.first(where: { $0.kind == kind }) else {
                throw ChainruleError(
                    .attribute, "the schedule", expected: "one of \(ScheduleCatalog.all.map { $0.kind }.joined(separator: ", "))", got: "\"\(kind)\"")
            }
            let attributes = try Attributes(parsing: words, as: type.attributes + ScheduleCatalog.commonAttributes, of: kind)
            let from = attributes.integer("from")
            if let last = parts.last {
                guard from > last.from, attributes.text("per") == "default", attributes.integer("warmup") == 0, !(last.schedule is Plateau),
                    type != Plateau.self
                else {
                    throw ChainruleError(
                        .attribute, "the schedule behind a ';'",
                        expected: "from= above \(last.from), per and warmup in the first one only, and no plateau", got: "\"\(part)\"")
                }
            } else {
                countsSteps = attributes.text("per") == "step" || (attributes.text("per") == "default" && type.countsSteps)
                warmup = attributes.integer("warmup")
                guard from == 0, !(countsSteps && type == Plateau.self) else {
                    throw ChainruleError(.attribute, "the first schedule", expected: "from=0, and plateau per epoch", got: "\"\(part)\"")
                }
            }
            parts.append((from, try type.init(attributes)))
        }
        self.parts = parts
        self.countsSteps = countsSteps
        self.warmup = warmup
    }

    public var plateau: Plateau? { parts[0].schedule as? Plateau }

    /// The rate after so many updates and epochs. Warm-up counts updates; what counts steps begins behind it.
    public func lr(_ base: Double, steps: Int, epochs: Int) -> Double {
        let t = countsSteps ? max(0, steps - warmup) : epochs
        var current = 0
        for index in parts.indices where parts[index].from <= t { current = index }
        let rate = parts[current].schedule.lr(base, t - parts[current].from)
        return steps < warmup ? rate * Double(steps + 1) / Double(warmup + 1) : rate
    }
}
