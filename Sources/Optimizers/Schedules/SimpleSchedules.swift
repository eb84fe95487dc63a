// Rates that change by a factor: constant, linear, in steps, exponential, polynomial
// (torch.optim.lr_scheduler's closed forms).

import Glibc
import Layers
import Tensors

struct ConstantSchedule: Schedule {
    static let kind = "constant"
    static let className = "ConstantLR"
    static let documentation = "lr * factor for total_iters, then lr"
    static let attributes = [
        AttributeSpecification("factor", .real(.probability), default: "0.3333333333333333", "what the rate is multiplied by at first"),
        AttributeSpecification("total_iters", .integer(0...(1 << 40)), default: "5", "for how long"),
    ]
    let factor: Double
    let total: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        factor = attributes.real("factor")
        total = attributes.integer("total_iters")
    }

    func lr(_ base: Double, _ t: Int) -> Double { t < total ? base * factor : base }
}

struct LinearSchedule: Schedule {
    static let kind = "linear"
    static let className = "LinearLR"
    static let documentation = "lr times a factor that goes from start_factor to end_factor in total_iters"
    static let attributes = [
        AttributeSpecification("start_factor", .real(Double.leastNonzeroMagnitude...1), default: "0.3333333333333333", "the factor at first"),
        AttributeSpecification("end_factor", .real(.probability), default: "1", "the factor at last"),
        ScheduleAttribute.count("total_iters", "5", "how long it changes"),
    ]
    let start: Double
    let end: Double
    let total: Int

    init(_ attributes: Attributes) throws(ChainruleError) {
        start = attributes.real("start_factor")
        end = attributes.real("end_factor")
        total = attributes.integer("total_iters")
    }

    func lr(_ base: Double, _ t: Int) -> Double { base * (start + (end - start) * Double(min(t, total)) / Double(total)) }
}

struct StepSchedule: Schedule {
    static let kind = "step"
    static let className = "StepLR"
    static let documentation = "lr times gamma every step_size"
    static let attributes = [ScheduleAttribute.count("step_size", nil, "how long a rate holds"), ScheduleAttribute.gamma]
    let size: Int
    let gamma: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        size = attributes.integer("step_size")
        gamma = attributes.real("gamma")
    }

    func lr(_ base: Double, _ t: Int) -> Double { base * pow(gamma, Double(t / size)) }
}

struct MultiStepSchedule: Schedule {
    static let kind = "multi_step"
    static let className = "MultiStepLR"
    static let documentation = "lr times gamma at each milestone"
    static let attributes = [
        AttributeSpecification("milestones", .integers, "when the rate changes"), ScheduleAttribute.gamma,
    ]
    let milestones: [Int]
    let gamma: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        milestones = attributes.integers("milestones")
        gamma = attributes.real("gamma")
        guard !milestones.isEmpty, milestones.allSatisfy({ $0 >= 0 }) else {
            throw ChainruleError(
                .attribute, "multi_step's milestones", expected: "numbers of 0 or more",
                got: milestones.isEmpty ? "none" : milestones.map { "\($0)" }.joined(separator: ","))
        }
    }

    func lr(_ base: Double, _ t: Int) -> Double {
        var passed = 0
        for milestone in milestones where milestone <= t { passed += 1 }
        return base * pow(gamma, Double(passed))
    }
}

struct ExponentialSchedule: Schedule {
    static let kind = "exponential"
    static let className = "ExponentialLR"
    static let documentation = "lr times gamma each time"
    static let attributes = [AttributeSpecification("gamma", .real(.notNegative), "what the rate is multiplied by")]
    let gamma: Double

    init(_ attributes: Attributes) throws(ChainruleError) { gamma = attributes.real("gamma") }

    func lr(_ base: Double, _ t: Int) -> Double { base * pow(gamma, Double(t)) }
}

struct PolynomialSchedule: Schedule {
    static let kind = "polynomial"
    static let className = "PolynomialLR"
    static let documentation = "lr * (1 - t / total_iters)^power, then 0"
    static let attributes = [
        ScheduleAttribute.count("total_iters", "5", "when the rate is 0"),
        AttributeSpecification("power", .real(.notNegative), default: "1", "the polynomial's power"),
    ]
    let total: Int
    let power: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        total = attributes.integer("total_iters")
        power = attributes.real("power")
    }

    func lr(_ base: Double, _ t: Int) -> Double { base * pow(1 - Double(min(t, total)) / Double(total), power) }
}
