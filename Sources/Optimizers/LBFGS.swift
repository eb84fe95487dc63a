// Limited-memory BFGS: the direction comes from the last steps and changes of the gradient (Nocedal 1980),
// its length, if wanted, from a search that fulfils the strong Wolfe conditions. A step evaluates the loss and
// its gradient several times, so the trainer makes it (Training/QuasiNewton.swift); all samples should be
// in each batch. Attributes, order of decisions and numbers are PyTorch's.

import Layers
import Tensors

public struct LBFGS: Optimizer {
    static public let kind = "lbfgs"
    static public let className = "LBFGS"
    static public let documentation =
        "L-BFGS: a quasi-Newton method for full batches, which evaluates the loss several times a step (Nocedal 1980)"
    static public let attributes = [
        OptimizerAttribute.lr("1"),
        AttributeSpecification("max_iter", .integer(1...(1 << 40)), default: "20", "iterations of a step"),
        AttributeSpecification(
            "max_eval", .integer(0...(1 << 40)), default: "0", "evaluations of the loss in a step after which no iteration begins; 0: max_iter * 5 / 4"),
        AttributeSpecification("tolerance_grad", .real(.notNegative), default: "1e-7", "a step ends when no gradient is larger"),
        AttributeSpecification("tolerance_change", .real(.notNegative), default: "1e-9", "or when the loss or each parameter changes less"),
        AttributeSpecification("history_size", .integer(1...65536), default: "100", "steps that the direction is made from"),
        AttributeSpecification("line_search_fn", .word(["none", "strong_wolfe"]), default: "none", "none: the length of a step is lr"),
    ]

    public let iterations: Int
    public let evaluations: Int
    public let leastGradient: Double
    public let leastChange: Double
    public let historySize: Int
    public let searchesLine: Bool

    public init(_ attributes: Attributes) throws(ChainruleError) {
        iterations = attributes.integer("max_iter")
        let evaluations = attributes.integer("max_eval")
        self.evaluations = evaluations > 0 ? evaluations : iterations * 5 / 4
        leastGradient = attributes.real("tolerance_grad")
        leastChange = attributes.real("tolerance_change")
        historySize = attributes.integer("history_size")
        searchesLine = attributes.text("line_search_fn") == "strong_wolfe"
    }

    public var maximize: Bool { false }
    /// No kernel runs with them.
    public func scalars(_ at: StepMoment) -> UpdateScalars { .zeros }
    public func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double { .infinity }
}

extension OptimizerChoice {
    /// A search along a line follows the gradient of the loss itself, for all parameters together.
    /// - groups: what parameters have that fit one rule alone.
    func checkSearch(_ groups: [OptimizerGroup]) throws(ChainruleError) {
        let searched = ([base] + groups).filter { $0.optimizer is LBFGS && !$0.isFrozen }
        guard let first = searched.first else { return }
        func refuse(_ expected: String, _ got: String) -> ChainruleError {
            ChainruleError(.attribute, "the optimizer lbfgs", expected: expected, got: got)
        }
        guard base.optimizer is LBFGS, searched.count == 1, groups.allSatisfy({ $0.isFrozen }) else {
            throw refuse("all parameters together, or groups that are frozen", "\"\(text)\"")
        }
        guard clipNorm == 0, clipValue == 0, accumulate == 1 else {
            throw refuse("neither clip_norm nor clip_value nor accumulate: it searches along the loss's own gradient", "\"\(text)\"")
        }
        guard !first.isRegularized, !first.isConstrained else {
            throw refuse("no regulariser or constraint: it searches along the loss's own gradient", "\"\(text)\"")
        }
    }
}
