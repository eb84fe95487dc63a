// Linear maps along one dimension, each result from a few elements of its line: what interpolation and padding
// are made of, one dimension after another. The gradient is the same with the table turned round.

import KernelInterface
import Tensors

struct AxisTable {
    /// Elements of a line that are read.
    let size: Int
    /// For each result, its first entry; and the number of entries at the end.
    private(set) var first = [0]
    private(set) var sources: [Int] = []
    private(set) var weights: [Double] = []
    var count: Int { first.count - 1 }

    /// What stands in a plan's tables.
    static let most = 1 << 24

    init(size: Int) { self.size = size }

    mutating func append(_ entries: [(source: Int, weight: Double)]) {
        for entry in entries {
            sources.append(entry.source)
            weights.append(entry.weight)
        }
        first.append(sources.count)
    }

    var transposed: AxisTable {
        var result = AxisTable(size: count)
        result.first = [Int](repeating: 0, count: size + 1)
        for source in sources { result.first[source + 1] += 1 }
        for source in 0..<size { result.first[source + 1] += result.first[source] }
        var next = result.first
        result.sources = [Int](repeating: 0, count: sources.count)
        result.weights = [Double](repeating: 0, count: sources.count)
        for target in 0..<count {
            for entry in first[target]..<first[target + 1] {
                let place = next[sources[entry]]
                next[sources[entry]] += 1
                result.sources[place] = target
                result.weights[place] = weights[entry]
            }
        }
        return result
    }
}

extension Program {
    /// Applies tables one after the other, each to its dimension; x is contiguous and of this shape.
    func combine(_ x: Value, _ shape: Shape, _ steps: [(axis: Int, table: AxisTable)], into result: Value, filling: Double = 0) {
        var shape = shape
        var x = x
        // Those that shrink first, so that nothing between is larger than both ends.
        let steps = steps.filter { $0.table.count < $0.table.size } + steps.filter { $0.table.count >= $0.table.size }
        if steps.isEmpty { return copyFlat(x, into: result, count: shape.elementCount) }
        for (number, step) in steps.enumerated() {
            let outer = shape.dimensions[..<step.axis].reduce(1, *)
            let inner = shape.dimensions[(step.axis + 1)...].reduce(1, *)
            let elements = outer * step.table.count * inner
            let isLast = number == steps.count - 1
            let target = isLast ? result : value(elements: elements)
            shape.dimensions[step.axis] = step.table.count
            defer { x = target }
            guard elements > 0 else { continue }
            let perPiece = max(1, elementsPerPiece / inner)
            call(
                .combineAlong,
                [
                    Operand(0, x, .read), Operand(1, target, .write), Operand(2, table(of: step.table.first), .read),
                    Operand(3, table(of: step.table.sources), .read), Operand(4, constant(step.table.weights), .read),
                ], pieces: (outer * step.table.count + perPiece - 1) / perPiece, cost: Double(elements) * (inner == 1 ? 2 : 0.5)
            ) {
                $0.integers[0] = outer
                $0.integers[1] = step.table.size
                $0.integers[2] = step.table.count
                $0.integers[3] = inner
                $0.integers[4] = perPiece
                $0.scalars[0] = filling
            }
        }
    }
}

/// A layer that is such maps.
protocol AxisLayer: Layer {
    var filling: Double { get }
    /// The maps that change something, in the order of their dimensions.
    func steps(_ shape: Shape) -> [(axis: Int, table: AxisTable)]
}

extension AxisLayer {
    var filling: Double { 0 }

    func forward(_ emit: Emitter) { combineForward(emit) }
    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { combineBackward(emit) }
    }

    func combineForward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        emit.program.combine(emit.input(), shape, steps(shape), into: emit.output(), filling: filling)
    }

    func combineBackward(_ emit: Emitter) {
        let steps = steps(emit.inputShapes[0]).reversed().map { (axis: $0.axis, table: $0.table.transposed) }
        emit.program.combine(emit.outputGradient(), emit.outputShapes[0], steps, into: emit.inputGradient())
    }
}
