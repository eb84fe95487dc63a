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

    init(_ choice: ScheduleChoice, base: Double) {
        self.choice = choice
        self.base = base
    }

    var lr: Double { choice.lr(base, steps: steps, epochs: epochs) }

    /// For a checkpoint: base steps epochs, then best ("none"), bad epochs and cooldown of a plateau.
    var text: String {
        "\(base) \(steps) \(epochs) \(memory.best.map { "\($0)" } ?? "none") \(memory.badEpochs) \(memory.cooldown)"
    }

    init(_ choice: ScheduleChoice, text: String) throws(ChainruleError) {
        let words = text.split(separator: " ").map(String.init)
        let counts = words.map { Int($0) ?? -1 }
        guard words.count == 6, let base = Double(words[0]), base.isFinite, base >= 0, [1, 2, 4, 5].allSatisfy({ counts[$0] >= 0 && counts[$0] <= 1 << 50 }),
            words[3] == "none" || Double(words[3]) != nil
        else {
            throw ChainruleError(.format, "the file's chainrule_schedule_state", expected: "six numbers", got: "\"\(text)\"")
        }
        self.init(choice, base: base)
        steps = counts[1]
        epochs = counts[2]
        memory.best = Double(words[3])
        memory.badEpochs = counts[4]
        memory.cooldown = counts[5]
    }
}

extension Trainer {
    /// Begins a schedule with the present rate; nil ends it.
    public func setSchedule(_ choice: ScheduleChoice?) {
        schedule = choice.map { ScheduleState($0, base: update.lr) }
        if let schedule { update.lr = schedule.lr }
    }

    /// After an update.
    @inline(__always)
    func scheduleStep() {
        guard schedule != nil else { return }
        schedule?.steps += 1
        if let schedule, schedule.choice.countsSteps || schedule.steps <= schedule.choice.warmup { update.lr = schedule.lr }
    }

    /// After an epoch. A plateau falls from the rate that is set now.
    public func scheduleEpoch(monitored: Double) {
        guard var state = schedule else { return }
        state.epochs += 1
        if let plateau = state.choice.plateau {
            let isWarm = state.steps >= state.choice.warmup
            state.base = plateau.rate(isWarm ? update.lr : state.base, after: monitored, &state.memory)
        }
        schedule = state
        if !state.choice.countsSteps { update.lr = state.lr }
    }

    /// What the schedule wants to see of an epoch's values.
    func monitored(_ names: [String], _ values: [Double]) throws(ChainruleError) -> Double {
        guard let plateau = schedule?.choice.plateau else { return 0 }
        let wanted = plateau.monitor ?? (names.contains("val_loss") ? "val_loss" : "loss")
        guard let column = names.firstIndex(of: wanted) else {
            throw ChainruleError(
                .notFound, "the schedule's series", expected: "one of \(names.joined(separator: ", "))", got: "\"\(wanted)\"")
        }
        return values[column]
    }
}
