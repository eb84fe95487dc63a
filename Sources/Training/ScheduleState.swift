// A trainer's schedule at work: where it stands, and when it changes the learning rate.

import Optimizers
import Tensors

public struct ScheduleState: Sendable {
    public let choice: ScheduleChoice
    /// The rate it began with; what a plateau has made of it.
    var base: Double
    var steps = 0
    var epochs = 0
    var memory = Plateau.Memory()
    /// The last epoch's value of the series that is looked at; NaN before.
    var monitored = Double.nan

    init(_ choice: ScheduleChoice, base: Double) {
        self.choice = choice
        self.base = base
    }

    func lr() throws(ChainruleError) -> Double {
        try choice.lr(base, steps: steps, epochs: epochs, monitored: monitored)
    }

    /// For a checkpoint: base steps epochs, then best ("none"), bad epochs and cooldown of a plateau, and the value
    /// monitored last.
    var text: String {
        "\(base) \(steps) \(epochs) \(memory.best.map { "\($0)" } ?? "none") \(memory.badEpochs) \(memory.cooldown) "
            + (monitored.isNaN ? "none" : "\(monitored)")
    }

    init(_ choice: ScheduleChoice, text: String) throws(ChainruleError) {
        let words = text.split(separator: " ").map(String.init)
        let counts = words.map { wholeNumber($0) ?? -1 }
        guard words.count == 7, let base = Double(words[0]), base.isFinite, base >= 0, [1, 2, 4, 5].allSatisfy({ counts[$0] >= 0 && counts[$0] <= 1 << 50 }),
            words[3] == "none" || Double(words[3]) != nil, words[6] == "none" || Double(words[6]) != nil
        else {
            throw ChainruleError(.format, "the file's chainrule_schedule_state", expected: "seven numbers", got: "\"\(text)\"")
        }
        self.init(choice, base: base)
        steps = counts[1]
        epochs = counts[2]
        memory.best = Double(words[3])
        memory.badEpochs = counts[4]
        memory.cooldown = counts[5]
        monitored = Double(words[6]) ?? .nan
    }
}

extension Trainer {
    /// Begins a schedule with the present rate; nil ends it.
    public func setSchedule(_ choice: ScheduleChoice?) throws(ChainruleError) {
        let state = choice.map { ScheduleState($0, base: update.lr) }
        let rate = try state?.lr()
        schedule = state
        if let rate { update.lr = rate }
    }

    /// The rate behind the update that this batch completes; nil: it stays, or this batch completes none.
    @inline(__always)
    func nextRate() throws(ChainruleError) -> Double? {
        guard var next = schedule, update.pending + 1 >= update.choice.accumulate else { return nil }
        next.steps += 1
        return next.choice.countsSteps || next.steps <= next.choice.warmup ? try next.lr() : nil
    }

    /// After an update.
    @inline(__always)
    func scheduleStep(_ rate: Double?) {
        schedule?.steps += 1
        if let rate { update.lr = rate }
    }

    /// After an epoch. A plateau falls from the rate that is set now.
    public func scheduleEpoch(monitored: Double) throws(ChainruleError) {
        guard var state = schedule else { return }
        state.epochs += 1
        state.monitored = monitored
        if let plateau = state.choice.plateau {
            let isWarm = state.steps >= state.choice.warmup
            state.base = plateau.rate(isWarm ? update.lr : state.base, after: monitored, &state.memory)
        }
        let rate = state.choice.countsSteps ? nil : try state.lr()
        schedule = state
        if let rate { update.lr = rate }
    }

    /// What the schedule wants to see of an epoch's values.
    func monitored(_ names: [String], _ values: [Double]) throws(ChainruleError) -> Double {
        guard let watching = schedule?.choice.watching else { return 0 }
        let wanted = watching.monitor ?? (names.contains("val_loss") ? "val_loss" : "loss")
        guard let column = names.firstIndex(of: wanted) else {
            throw ChainruleError(
                .notFound, "the schedule's series", expected: "one of \(names.joined(separator: ", "))", got: "\"\(wanted)\"")
        }
        return values[column]
    }
}
