// Momentum whose matrix is made nearly orthogonal by a few Newton-Schulz steps before it is taken
// (Jordan et al. 2024, in the form of PyTorch's torch.optim.Muon, in the model's own precision).

import KernelDispatch
import KernelInterface
import Layers
import Tensors

struct Muon: TensorOptimizer {
    static let kind = "muon"
    static let className = "Muon"
    static let documentation = "Muon: p -= lr * orthogonalized momentum, for matrices; other parameters need a group of another kind"
    static let attributes = [
        OptimizerAttribute.lr("0.001"), OptimizerAttribute.shrinkage("0.1"),
        AttributeSpecification("momentum", .real(.probability), default: "0.95", "how slowly the mean of gradients forgets"),
        AttributeSpecification("nesterov", .boolean, default: "true", "looks ahead along the momentum"),
        AttributeSpecification("ns_coefficients", .reals, default: "3.4445,-4.775,2.0315", "a, b, c of X = a X + (b X X^T + c (X X^T)^2) X"),
        OptimizerAttribute.eps("1e-7"),
        AttributeSpecification("ns_steps", .integer(0...99), default: "5", "how often that is done"),
        AttributeSpecification(
            "adjust_lr_fn", .word(["original", "match_rms_adamw"]), default: "original",
            "lr times sqrt(max(1, rows / columns)), or times 0.2 sqrt(max(rows, columns))"),
    ]

    let momentum: Double
    let weightDecay: Double
    let nesterov: Bool
    let coefficients: [Double]
    let eps: Double
    let steps: Int
    let matchesAdamW: Bool
    /// A bound of the direction's elements.
    private let largestValue: Double
    let maximize = false

    init(_ attributes: Attributes) throws(ChainruleError) {
        momentum = attributes.real("momentum")
        weightDecay = attributes.real("weight_decay")
        nesterov = attributes.boolean("nesterov")
        coefficients = attributes.reals("ns_coefficients")
        guard coefficients.count == 3 else {
            throw ChainruleError(
                .attribute, "muon's ns_coefficients", expected: "three numbers",
                got: listText(coefficients))
        }
        eps = attributes.real("eps")
        steps = attributes.integer("ns_steps")
        matchesAdamW = attributes.text("adjust_lr_fn") == "match_rms_adamw"
        largestValue = Muon.largestValue(coefficients[0], coefficients[1], coefficients[2], steps: steps)
    }

    func state(of shape: Shape, name: String) throws(ChainruleError) -> [StateArray] {
        guard shape.rank == 2 else {
            throw ChainruleError(
                .attribute, "muon's parameters",
                expected: "matrices; others in a group of another kind, such as \"; \(name) adamw lr=0.001\"",
                got: "\"\(name)\" of shape \(shape)")
        }
        return [StateArray("momentum_buffer")]
    }

    func append(_ update: TensorUpdate) {
        let program = update.program
        // Singular vectors of the stored, maybe transposed, matrix are the matrix's own.
        let rows = update.isTransposed ? update.shape[1] : update.shape[0]
        let columns = update.isTransposed ? update.shape[0] : update.shape[1]
        let direction = program.value(elements: update.count)
        let sums = program.value(bytes: update.pieces * 16)
        let size = program.value(elements: 1)
        program.call(
            .muon,
            update.readsGradient([Operand(2, update.state[0], .write), Operand(6, direction, .write), Operand(7, sums, .write)]),
            pieces: update.pieces, cost: Double(update.count) * 0.5
        ) {
            $0.integers[0] = update.count
            $0.integers[1] = nesterov ? 1 : 0
            $0.integers[3] = update.maximize ? 1 : 0
        }
        var x = program.value(elements: update.count)
        update.withoutStepNumbers {
            update.scale(of: sums, pieces: update.pieces, 2, least: eps, into: size)
            program.call(
                .updateApply, [Operand(0, x, .write), Operand(1, direction, .read), Operand(2, size, .read)],
                pieces: flatPieces(update.count, parametersPerPiece), cost: Double(update.count) * 0.2
            ) {
                $0.integers[0] = update.count
                $0.scalars[5] = 1
            }
            for _ in 0..<steps { x = step(x, rows, columns, program) }
        }
        // PyTorch's rows and columns are the outside's.
        let outer = (rows: Double(update.shape[0]), columns: Double(update.shape[1]))
        let ratio = matchesAdamW ? 0.2 * max(outer.rows, outer.columns).squareRoot() : max(1, outer.rows / outer.columns).squareRoot()
        update.apply(x, scale: program.constant([ratio]))
    }

    /// a X + (b G + c G G) X with G = X X^T; of a tall X, a X + X (b G + c G G) with G = X^T X.
    private func step(_ x: Value, _ rows: Int, _ columns: Int, _ program: Program) -> Value {
        let isTall = rows > columns
        let side = min(rows, columns)
        let gram = program.value(elements: side * side)
        let polynomial = program.value(elements: side * side)
        let next = program.value(elements: rows * columns)
        program.matrixProduct(
            m: side, n: side, k: max(rows, columns), a: x, transposeA: isTall, b: x, transposeB: !isTall, into: gram)
        program.matrixProduct(m: side, n: side, k: side, a: gram, b: gram, into: polynomial)
        program.accumulate(gram, a: coefficients[1], into: polynomial, b: coefficients[2], count: side * side)
        program.accumulate(x, a: coefficients[0], into: next, b: 0, count: rows * columns)
        var problem = MatrixMultiplyProblem(m: rows, n: columns, k: side, isDouble: program.isDouble)
        problem.accumulate = true
        program.matrixProduct(problem, a: isTall ? x : polynomial, b: isTall ? polynomial : x, into: next)
        return next
    }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        var scalars = UpdateScalars.zeros
        scalars[0] = 1 - at.lr * weightDecay
        scalars[1] = momentum
        scalars[5] = -at.lr
        return scalars
    }

    /// No element of a matrix is beyond its largest singular value.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard onlyShrinks(scalars[0]), eps >= leastSafeEpsilon else { return .infinity }
        return abs(scalars[5]) * largestValue * Double(elements).squareRoot()
    }

    /// How large a singular value of 0 to 1 may become in all steps. In each, s becomes a s + b s^3 + c s^5,
    /// which has its extremes where a + 3 b s^2 + 5 c s^4 = 0; a hundredth is for rounding.
    private static func largestValue(_ a: Double, _ b: Double, _ c: Double, steps: Int) -> Double {
        var largest = 1.01
        var most = largest
        for _ in 0..<steps {
            func magnitude(_ squared: Double) -> Double { abs(squared.squareRoot() * (a + squared * (b + squared * c))) }
            var next = magnitude(largest * largest)
            let root = (9 * b * b - 20 * a * c).squareRoot()
            for squared in [(-3 * b + root) / (10 * c), (-3 * b - root) / (10 * c), -a / (3 * b)]
            where squared > 0 && squared < largest * largest {
                next = max(next, magnitude(squared))
            }
            largest = 1.01 * next
            guard largest.isFinite else { return .infinity }
            most = max(most, largest)
        }
        return most
    }
}
