// Rates that rise and fall: one cycle over the whole training (Smith and Topin 2018), or many triangles
// (Smith 2017). The momentum stays as it is: PyTorch's with cycle_momentum=False.

import Glibc
import Layers
import Tensors

struct OneCycle: Schedule {
    static let kind = "one_cycle"
    static let className = "OneCycleLR"
    static let documentation = "up from max_lr / div_factor to max_lr, then down to that over final_div_factor"
    static let attributes = [
        AttributeSpecification("max_lr", .real(.notNegative), "the highest rate"),
        AttributeSpecification("total_steps", .integer(1...(1 << 40)), optional: true, "length of the cycle"),
        AttributeSpecification("epochs", .integer(1...(1 << 20)), optional: true, "or how many epochs, of"),
        AttributeSpecification("steps_per_epoch", .integer(1...(1 << 40)), optional: true, "so many steps"),
        AttributeSpecification("pct_start", .real(.probability), default: "0.3", "share of the cycle in which the rate rises"),
        AttributeSpecification("anneal_strategy", .word(["cos", "linear"]), default: "cos", "along half a cosine or a line"),
        AttributeSpecification("div_factor", .real(.positive), default: "25", "max_lr over the first rate"),
        AttributeSpecification("final_div_factor", .real(.positive), default: "10000", "the first rate over the last"),
        AttributeSpecification("three_phase", .boolean, default: "false", "down to the first rate as slowly as up, then to the last"),
    ]
    static let countsSteps = true
    let highest: Double
    let total: Int
    let rising: Double
    let isLinear: Bool
    let first: Double
    let last: Double
    let threePhases: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        highest = attributes.real("max_lr")
        if attributes.has("total_steps") {
            total = attributes.integer("total_steps")
        } else {
            let (product, overflow) = attributes.integer("epochs").multipliedReportingOverflow(by: attributes.integer("steps_per_epoch"))
            guard !overflow, product > 0 else {
                throw ChainruleError(.attribute, "one_cycle's length", expected: "total_steps, or epochs and steps_per_epoch", got: "neither")
            }
            total = product
        }
        rising = attributes.real("pct_start")
        isLinear = attributes.text("anneal_strategy") == "linear"
        first = highest / attributes.real("div_factor")
        last = first / attributes.real("final_div_factor")
        threePhases = attributes.boolean("three_phase")
    }

    func lr(_ base: Double, _ t: Int) -> Double {
        let t = Double(min(t, total - 1))
        let end = Double(total - 1)
        let top = rising * Double(total) - 1
        if t <= top { return between(first, highest, t, 0, top) }
        guard threePhases else { return between(highest, last, t, top, end) }
        let bottom = 2 * rising * Double(total) - 2
        return t <= bottom ? between(highest, first, t, top, bottom) : between(first, last, t, bottom, end)
    }

    private func between(_ from: Double, _ to: Double, _ t: Double, _ start: Double, _ end: Double) -> Double {
        let share = end > start ? (t - start) / (end - start) : 1
        return isLinear ? (to - from) * share + from : cosine(from, to, share)
    }
}

struct Cyclic: Schedule {
    static let kind = "cyclic"
    static let className = "CyclicLR"
    static let documentation = "between base_lr and max_lr, up in step_size_up and down in step_size_down"
    static let attributes = [
        AttributeSpecification("base_lr", .real(.notNegative), "the lowest rate"),
        AttributeSpecification("max_lr", .real(.notNegative), "the highest rate, of the first cycle"),
        ScheduleAttribute.count("step_size_up", "2000", "how long the rate rises"),
        AttributeSpecification("step_size_down", .integer(1...(1 << 40)), optional: true, "how long it falls; as long as it rises, without this"),
        AttributeSpecification(
            "mode", .word(["triangular", "triangular2", "exp_range"]), default: "triangular",
            "cycles of the same height, each half as high as the last, or with heights times gamma^step"),
        AttributeSpecification("gamma", .real(.notNegative), default: "1", "for exp_range"),
    ]
    static let countsSteps = true
    let lowest: Double
    let highest: Double
    let up: Int
    let down: Int
    let mode: String
    let gamma: Double
    private let halves: Bool
    private let decays: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        lowest = attributes.real("base_lr")
        highest = attributes.real("max_lr")
        up = attributes.integer("step_size_up")
        down = attributes.has("step_size_down") ? attributes.integer("step_size_down") : up
        mode = attributes.text("mode")
        halves = mode == "triangular2"
        decays = mode == "exp_range"
        gamma = attributes.real("gamma")
        guard highest >= lowest else {
            throw ChainruleError(.attribute, "cyclic's max_lr", expected: "base_lr (\(lowest)) or more", got: "\(highest)")
        }
    }

    func lr(_ base: Double, _ t: Int) -> Double {
        let cycle = t / (up + down)
        let place = t % (up + down)
        let share = place <= up ? Double(place) / Double(up) : Double(up + down - place) / Double(down)
        let height = halves ? pow(2, -Double(cycle)) : decays ? pow(gamma, Double(t)) : 1
        return lowest + (highest - lowest) * share * height
    }
}
