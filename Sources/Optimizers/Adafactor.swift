// Adam without momentum whose second moments are kept by rows and columns, with steps relative to the
// size of the parameter (Shazeer and Stern 2018, in PyTorch's form).

import Glibc
import KernelInterface
import Layers
import Tensors

struct Adafactor: TensorOptimizer {
    static let kind = "adafactor"
    static let className = "Adafactor"
    static let documentation = "Adafactor: second moments by rows and columns, steps relative to the parameter's size (Shazeer and Stern 2018)"
    static let attributes = [
        OptimizerAttribute.lr("0.01"),
        AttributeSpecification("beta2_decay", .real(-Double.greatestFiniteMagnitude...0), default: "-0.8", "step t gives the newest gradient the share t^beta2_decay"),
        AttributeSpecification("eps", .text, default: "none,0.001", "least root of a second moment (none: the type's rounding), least size of a parameter"),
        AttributeSpecification("d", .real(1...Double.greatestFiniteMagnitude), default: "1", "largest root mean square of a direction"),
        OptimizerAttribute.shrinkage("0"), OptimizerAttribute.maximize,
    ]

    let decay: Double
    let eps1: Double?
    let eps2: Double
    let d: Double
    let weightDecay: Double
    let maximize: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        decay = attributes.real("beta2_decay")
        let text = attributes.text("eps")
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.map { Attributes.number($0) }
        guard parts.count == 2, let second = numbers[1], second >= 0, parts[0] == "none" || (numbers[0] ?? -1) >= 0 else {
            throw ChainruleError(
                .attribute, "adafactor's eps", expected: "two numbers of 0 or more, the first may be none", got: "\"\(text)\"")
        }
        eps1 = numbers[0]
        eps2 = second
        d = attributes.real("d")
        weightDecay = attributes.real("weight_decay")
        maximize = attributes.boolean("maximize")
    }

    func state(of shape: Shape, name: String) throws(ChainruleError) -> [StateArray] {
        guard shape.rank > 1 else { return [StateArray("variance", shape)] }
        var rows = shape.dimensions
        rows[shape.rank - 1] = 1
        var columns = shape.dimensions
        columns[shape.rank - 2] = 1
        return [StateArray("row_var", Shape(rows)), StateArray("col_var", Shape(columns))]
    }

    func append(_ update: TensorUpdate) {
        let program = update.program
        let shape = update.shape
        let isMatrix = shape.rank > 1
        // As stored.
        let sizes = isMatrix ? [shape[shape.rank - 2], shape[shape.rank - 1]] : [update.count, 1]
        let rows = update.isTransposed ? sizes[1] : sizes[0]
        let columns = update.isTransposed ? sizes[0] : sizes[1]
        let matrices = max(update.count, 1) / max(rows * columns, 1)
        let rowsPerPiece = max(1, elementsPerPiece / max(columns, 1))
        let pieces = max(1, (matrices * rows + rowsPerPiece - 1) / rowsPerPiece)
        let ofRows = update.state[update.isTransposed ? 1 : 0]
        let ofColumns = isMatrix ? update.state[update.isTransposed ? 0 : 1] : nil
        func fill(_ call: inout KernelCall) {
            call.integers[3] = update.maximize ? 1 : 0
            call.integers[4] = matrices
            call.integers[5] = rows
            call.integers[6] = columns
            call.integers[8] = update.isTransposed ? 1 : 0
            call.integers[9] = rowsPerPiece
        }
        let cost = Double(update.count) * 0.2
        let means = program.value(elements: matrices)
        if let ofColumns {
            let columnsOfPiece = 4096 / update.program.elementSize
            program.call(
                .adafactorRows, update.readsGradient([Operand(2, ofRows, .write)]), pieces: pieces, cost: cost, fill)
            program.call(
                .adafactorColumns, update.readsGradient([Operand(3, ofColumns, .write)]),
                pieces: matrices * ((columns + columnsOfPiece - 1) / columnsOfPiece), cost: cost, fill)
            program.call(
                .adafactorMeans,
                [Operand(1, update.gradient, .read), Operand(2, ofRows, .read), Operand(3, ofColumns, .read), Operand(8, means, .write)],
                fill)
        }
        let direction = program.value(elements: update.count)
        let sums = program.value(bytes: pieces * 16)
        var operands = [
            Operand(0, update.parameter, .read), Operand(2, ofRows, isMatrix ? .read : .write), Operand(6, direction, .write),
            Operand(7, sums, .write),
        ]
        if let ofColumns { operands += [Operand(3, ofColumns, .read), Operand(8, means, .read)] }
        program.call(.adafactorDirection, update.readsGradient(operands), pieces: pieces, cost: 3 * cost, fill)
        let size = program.value(elements: 1)
        update.scale(of: sums, pieces: pieces, 1, into: size)
        update.apply(direction, scale: size)
    }

    func scalars(_ at: StepMoment) -> UpdateScalars {
        let step = Double(at.step)
        var scalars = UpdateScalars.zeros
        scalars[0] = 1 - at.lr * weightDecay
        scalars[1] = eps2
        scalars[2] = min(at.lr, 1 / step.squareRoot())
        scalars[3] = d
        scalars[4] = pow(step, decay)
        scalars[5] = -1
        scalars[6] = eps1 ?? (at.isDouble ? Double.ulpOfOne : Double(Float.ulpOfOne))
        return scalars
    }

    /// The direction's root mean square is brought to d or less, so no element is beyond d sqrt(elements);
    /// before that, the denominator is eps1 or more.
    func largestStep(_ scalars: UpdateScalars, gradient: Double, elements: Int) -> Double {
        guard onlyShrinks(scalars[0]), scalars[6] >= leastSafeEpsilon else { return .infinity }
        let step = scalars[2] * max(eps2, gradient) * d * Double(elements).squareRoot()
        return max(step, gradient / scalars[6])
    }
    var watchesParameters: Bool { true }
}
