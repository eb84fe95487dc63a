// A rate that falls when a series has stopped improving (torch.optim.lr_scheduler.ReduceLROnPlateau).

import Layers
import Tensors

public struct Plateau: Schedule {
    public static let kind = "plateau"
    public static let className = "ReduceLROnPlateau"
    public static let documentation = "lr times factor when the monitored series hasn't improved for more than patience epochs"
    public static let attributes = [
        AttributeSpecification("mode", .word(["min", "max"]), default: "min", "which values are better"),
        AttributeSpecification("factor", .real(0...1), default: "0.1", "what the rate is multiplied by"),
        AttributeSpecification("patience", .integer(0...(1 << 40)), default: "10", "epochs without improvement that are borne"),
        AttributeSpecification("threshold", .real(.notNegative), default: "0.0001", "what counts as improvement"),
        AttributeSpecification("threshold_mode", .word(["rel", "abs"]), default: "rel", "a share of the best value, or as it is"),
        AttributeSpecification("cooldown", .integer(0...(1 << 40)), default: "0", "epochs after a fall in which nothing is counted"),
        AttributeSpecification("min_lr", .real(.notNegative), default: "0", "the smallest rate"),
        AttributeSpecification("eps", .real(.notNegative), default: "1e-8", "smaller changes of the rate are left out"),
        AttributeSpecification("monitor", .text, optional: true, "the series in fit; val_loss, or loss without validation data"),
    ]

    let isMaximum: Bool
    let factor: Double
    let patience: Int
    let threshold: Double
    let isRelative: Bool
    let cooldown: Int
    let least: Double
    let eps: Double
    public let monitor: String?

    public init(_ attributes: Attributes) throws(ChainruleError) {
        isMaximum = attributes.text("mode") == "max"
        factor = attributes.real("factor")
        patience = attributes.integer("patience")
        threshold = attributes.real("threshold")
        isRelative = attributes.text("threshold_mode") == "rel"
        cooldown = attributes.integer("cooldown")
        least = attributes.real("min_lr")
        eps = attributes.real("eps")
        monitor = attributes.has("monitor") ? attributes.text("monitor") : nil
        guard factor < 1 else {
            throw ChainruleError(.attribute, "plateau's factor", expected: "a number under 1", got: "\(factor)")
        }
    }

    public var watches: Bool { true }
    public func lr(_ base: Double, _ t: Int) -> Double { base }

    /// What it remembers from epoch to epoch.
    public struct Memory: Sendable, Equatable {
        public var best: Double?
        public var badEpochs = 0
        public var cooldown = 0
        public init() {}
    }

    /// Takes an epoch's value in; the new rate.
    public func rate(_ rate: Double, after value: Double, _ memory: inout Memory) -> Double {
        let isBetter: Bool
        if let best = memory.best {
            switch (isMaximum, isRelative) {
            case (false, true): isBetter = value < best * (1 - threshold)
            case (false, false): isBetter = value < best - threshold
            case (true, true): isBetter = value > best * (1 + threshold)
            case (true, false): isBetter = value > best + threshold
            }
        } else {
            isBetter = value == value
        }
        if isBetter {
            memory.best = value
            memory.badEpochs = 0
        } else {
            memory.badEpochs += 1
        }
        if memory.cooldown > 0 {
            memory.cooldown -= 1
            memory.badEpochs = 0
        }
        guard memory.badEpochs > patience else { return rate }
        memory.cooldown = cooldown
        memory.badEpochs = 0
        let reduced = max(rate * factor, least)
        return rate - reduced > eps ? reduced : rate
    }
}
