// Adam's direction, scaled for each parameter to the parameter's own norm (You et al., "Large batch
// optimization for deep learning", 2020, algorithm 2 with both bias corrections).

import KernelInterface
import Layers
import Tensors

struct LAMB: TensorOptimizer {
    static let kind = "lamb"
    static let className = "LAMB"
    static let documentation = "LAMB: p -= lr * |p| / |u| * u for each parameter, u Adam's direction plus weight_decay * p (You et al. 2020)"
    static let attributes = [
        OptimizerAttribute.lr("0.001"), OptimizerAttribute.betas(), OptimizerAttribute.eps("1e-6"),
        AttributeSpecification("weight_decay", .real(.notNegative), default: "0.01", "adds weight_decay * p to the direction"),
        OptimizerAttribute.maximize,
    ]

    let numbers: AdamNumbers
    init(_ attributes: Attributes) throws(ChainruleError) {
        numbers = try AdamNumbers(attributes, kind: LAMB.kind, isDecoupled: false)
    }

    var maximize: Bool { numbers.maximize }

    func state(of shape: Shape, name: String) throws(ChainruleError) -> [StateArray] {
        [StateArray("exp_avg"), StateArray("exp_avg_sq")]
    }

    func append(_ update: TensorUpdate) {
        let program = update.program
        let direction = program.value(elements: update.count)
        let sums = program.value(bytes: update.pieces * 16)
        let trust = program.value(elements: 1)
        program.call(
            .lamb,
            update.readsGradient([
                Operand(0, update.parameter, .read), Operand(2, update.state[0], .write), Operand(3, update.state[1], .write),
                Operand(6, direction, .write), Operand(7, sums, .write),
            ]), pieces: update.pieces, cost: Double(update.count)
        ) {
            $0.integers[0] = update.count
            $0.integers[3] = update.maximize ? 1 : 0
        }
        update.scale(of: sums, pieces: update.pieces, 0, into: trust)
        update.apply(direction, scale: trust)
    }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = numbers.base(at)
        // m / c1 / (sqrt(v / c2) + eps), multiplied by c1 above and below the line.
        scalars[3] = numbers.eps * numbers.correction1(at)
        scalars[5] = -at.lr
        scalars[6] = numbers.correction1(at) / numbers.correction2(at).squareRoot()
        return scalars
    }

    /// |p| / |u| times an element of u is |p| at most; where one of the norms is 0, the factor is 1.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard scalars[3] >= leastSafeEpsilon else { return .infinity }
        let direction = gradient / scalars[3] + numbers.weightDecay * gradient
        return max(abs(scalars[5]), 1) * max(direction, gradient * Double(elements).squareRoot())
    }
    var watchesParameters: Bool { true }
}
