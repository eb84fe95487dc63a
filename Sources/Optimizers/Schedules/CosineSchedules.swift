// Rates that fall along half a cosine, once or again and again (Loshchilov and Hutter, "SGDR", 2017).

import Glibc
import Layers
import Tensors

struct CosineSchedule: Schedule {
    static let kind = "cosine"
    static let className = "CosineAnnealingLR"
    static let documentation = "from lr to eta_min along half a cosine in T_max, and back"
    static let attributes = [ScheduleAttribute.count("T_max", nil, "how long the rate falls"), ScheduleAttribute.least]
    let length: Int
    let least: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        length = attributes.integer("T_max")
        least = attributes.real("eta_min")
    }

    func lr(_ base: Double, _ t: Int) -> Double { cosine(base, least, Double(t % (2 * length)) / Double(length)) }
}

struct CosineWarmRestarts: Schedule {
    static let kind = "cosine_warm_restarts"
    static let className = "CosineAnnealingWarmRestarts"
    static let documentation = "from lr to eta_min along half a cosine in T_0, then again in T_0 * T_mult, and so on"
    static let attributes = [
        ScheduleAttribute.count("T_0", nil, "length of the first fall"),
        ScheduleAttribute.count("T_mult", "1", "how many times longer each next one is"), ScheduleAttribute.least,
    ]
    let first: Int
    let growth: Int
    let least: Double

    init(_ attributes: Attributes) throws(ChainruleError) {
        first = attributes.integer("T_0")
        growth = attributes.integer("T_mult")
        least = attributes.real("eta_min")
    }

    func lr(_ base: Double, _ t: Int) -> Double {
        if growth == 1 { return cosine(base, least, Double(t % first) / Double(first)) }
        var place = t
        var length = first
        while place >= length {
            place -= length
            let (next, overflow) = length.multipliedReportingOverflow(by: growth)
            if overflow { break }
            length = next
        }
        return cosine(base, least, Double(place) / Double(length))
    }
}

/// From one rate to another, `share` of the way along half a cosine.
func cosine(_ from: Double, _ to: Double, _ share: Double) -> Double { to + (from - to) * (1 + cos(Double.pi * share)) / 2 }
