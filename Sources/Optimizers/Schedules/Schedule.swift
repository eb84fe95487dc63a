// What a schedule is: the learning rate as a function of the rate it began with and of how many steps or
// epochs have passed. A new one is a file (or a type in one of these) and a line in `all`.

import Layers
import Tensors

public protocol Schedule: Sendable {
    /// The word in a schedule's text.
    static var kind: String { get }
    /// The class in Python, PyTorch's name.
    static var className: String { get }
    static var documentation: String { get }
    /// In the order of PyTorch's constructor.
    static var attributes: [AttributeSpecification] { get }
    /// Counts updates, unless the text says otherwise, and not epochs.
    static var countsSteps: Bool { get }

    init(_ attributes: Attributes) throws(ChainruleError)

    /// The same of one schedule: as its type says, unless it is the host program's.
    var countsSteps: Bool { get }
    /// Looks at a series of the history, and at which; nil: val_loss, or loss without validation data.
    var watches: Bool { get }
    var monitor: String? { get }

    /// The rate after `t` steps or epochs; allocates nothing.
    func lr(_ base: Double, _ t: Int) -> Double
    /// The same, by functions of the host program, which may refuse. `monitored`: of the last epoch, NaN before.
    func rate(_ base: Double, _ t: Int, monitored: Double) throws(ChainruleError) -> Double
}

extension Schedule {
    public static var countsSteps: Bool { false }
    public var countsSteps: Bool { Self.countsSteps }
    public var watches: Bool { false }
    public var monitor: String? { nil }
    public func rate(_ base: Double, _ t: Int, monitored: Double) throws(ChainruleError) -> Double { lr(base, t) }
}

public enum ScheduleCatalog {
    public static let all: [any Schedule.Type] = [
        ConstantSchedule.self, LinearSchedule.self, StepSchedule.self, MultiStepSchedule.self, ExponentialSchedule.self,
        PolynomialSchedule.self, CosineSchedule.self, CosineWarmRestarts.self, OneCycle.self, Cyclic.self, Plateau.self,
    ]

    /// Kinds of the host program.
    public static let registry = Registry<CatalogKind<any Schedule>>()

    static func known(_ kind: String) throws(ChainruleError) -> CatalogKind<any Schedule> {
        if let type = all.first(where: { $0.kind == kind }) {
            return CatalogKind(kind: kind, attributes: type.attributes + commonAttributes, documentation: type.documentation) {
                (attributes) throws(ChainruleError) in try type.init(attributes)
            }
        }
        if let own = registry[kind] { return own }
        let known = all.map { $0.kind } + registry.all.map(\.kind)
        throw ChainruleError(.attribute, "the schedule", expected: "one of \(known.joined(separator: ", "))", got: "\"\(kind)\"")
    }

    /// Attributes that every schedule has.
    public static let commonAttributes = [
        AttributeSpecification("per", .word(["default", "step", "epoch"]), default: "default", "what it counts; the default is epochs, for one_cycle and cyclic steps"),
        AttributeSpecification("warmup", .integer(0...(1 << 40)), default: "0", "so many updates with a rate that grows linearly come first"),
        AttributeSpecification("from", .integer(0...(1 << 40)), default: "0", "for a schedule behind a ';': after how many steps or epochs it takes over"),
    ]
}

/// Numbers that the schedules' attributes share.
enum ScheduleAttribute {
    static let gamma = AttributeSpecification("gamma", .real(.notNegative), default: "0.1", "what the rate is multiplied by")
    static func count(_ name: String, _ value: String? = nil, _ meaning: String) -> AttributeSpecification {
        AttributeSpecification(name, .integer(1...(1 << 40)), default: value, meaning)
    }
    static let least = AttributeSpecification("eta_min", .real(.notNegative), default: "0", "the smallest rate")
}
