// Images in another size: the nearest element, or interpolation between two or four (Keys 1981, a = -3/4),
// along one dimension after another.

import Tensors

struct Upsample: AxisLayer {
    static let kind = "upsample"
    static let className: String? = "Upsample"
    static let documentation =
        "an image of one to three dimensions of space in another size, by the nearest element (nearest, nearest-exact) or by interpolation "
        + "(linear, bilinear, bicubic, trilinear)"
    static let attributes = [
        AttributeSpecification("size", .integers, optional: true, "the output's sizes: one number, or one for each dimension of space"),
        AttributeSpecification("scale_factor", .reals, optional: true, "in place of size, what sizes are multiplied by: one number, or one for each dimension"),
        AttributeSpecification(
            "mode", .word(["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"]), default: "nearest",
            "what lies between elements; linear for one dimension of space, bilinear and bicubic for two, trilinear for three"),
        AttributeSpecification(
            "align_corners", .boolean, default: "false", "whether the centres of the corners stay where they are, rather than their edges"),
        AttributeSpecification(
            "recompute_scale_factor", .boolean, default: "false", "whether positions follow from the sizes, rather than from scale_factor"),
    ]

    enum Mode { case nearest, nearestExact, linear, cubic }

    let size: [Int]
    let factors: [Double]
    let mode: Mode
    let ranks: ClosedRange<Int>
    let aligns: Bool
    let recomputes: Bool

    init(_ attributes: Attributes) throws(ChainruleError) {
        size = attributes.integers("size")
        factors = attributes.reals("scale_factor")
        aligns = attributes.boolean("align_corners")
        recomputes = attributes.boolean("recompute_scale_factor")
        switch attributes.text("mode") {
        case "linear": (mode, ranks) = (.linear, 1...1)
        case "bilinear": (mode, ranks) = (.linear, 2...2)
        case "trilinear": (mode, ranks) = (.linear, 3...3)
        case "bicubic": (mode, ranks) = (.cubic, 2...2)
        case "nearest-exact": (mode, ranks) = (.nearestExact, 1...3)
        default: (mode, ranks) = (.nearest, 1...3)
        }
        guard attributes.has("size") != attributes.has("scale_factor") else {
            throw ChainruleError(
                .attribute, "upsample's attributes", expected: "size or scale_factor", got: attributes.has("size") ? "both" : "neither")
        }
        guard size.allSatisfy({ $0 >= 1 && $0 <= AxisTable.most }) else {
            throw ChainruleError(.attribute, "upsample's size", expected: "numbers from 1 to \(AxisTable.most)", got: "\(size)")
        }
        guard factors.allSatisfy({ $0 > 0 && $0 <= Double(AxisTable.most) && 1 / $0 <= Double(AxisTable.most) }) else {
            throw ChainruleError(
                .attribute, "upsample's scale_factor", expected: "numbers greater than 0, up to \(AxisTable.most)", got: "\(factors)")
        }
        guard !aligns || mode == .linear || mode == .cubic else {
            throw ChainruleError(.attribute, "upsample's align_corners", expected: "false with this mode", got: "true")
        }
        guard !recomputes || size.isEmpty else {
            throw ChainruleError(.attribute, "upsample's recompute_scale_factor", expected: "false with size", got: "true")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let input = inputs[0]
        guard ranks.contains(input.rank - 2) else {
            let dimensions = ranks.count == 1 ? "\(ranks.lowerBound + 2)" : "3 to 5"
            throw ChainruleError(
                .shape, "upsample's input", expected: "\(dimensions) dimensions (batch, channels, ...) for this mode", got: "\(input)")
        }
        let rank = input.rank - 2
        try checkImage(input, rank: rank, kind: Self.kind)
        let given = max(size.count, factors.count)
        guard given == 1 || given == rank else {
            throw ChainruleError(
                .attribute, "upsample's \(size.isEmpty ? "scale_factor" : "size")", expected: "1 number\(rank == 1 ? "" : " or \(rank)")", got: "\(given)")
        }
        var sizes: [Int] = []
        for axis in 0..<rank {
            if !size.isEmpty {
                sizes.append(size[size.count == 1 ? 0 : axis])
                continue
            }
            let exact = (Double(input[axis + 2]) * factor(axis)).rounded(.down)
            guard exact >= 1, exact <= Double(AxisTable.most) else {
                throw ChainruleError(
                    .shape, "upsample's output", expected: "1 to \(AxisTable.most) elements along a dimension",
                    got: "\(input[axis + 2]) times \(factor(axis))")
            }
            sizes.append(Int(exact))
        }
        // The gradient's table has as many lines as the input.
        guard input.dimensions.suffix(rank).allSatisfy({ $0 <= AxisTable.most }) else {
            throw ChainruleError(.shape, "upsample's input", expected: "at most \(AxisTable.most) elements along a dimension", got: "\(input)")
        }
        return [Shape(input.dimensions.prefix(2) + sizes)]
    }

    private func factor(_ axis: Int) -> Double { factors[factors.count == 1 ? 0 : axis] }

    func steps(_ shape: Shape) -> [(axis: Int, table: AxisTable)] {
        guard let output = try? outputShapes([shape])[0] else { return [] }
        var steps: [(axis: Int, table: AxisTable)] = []
        for axis in 2..<shape.rank {
            let (from, to) = (shape[axis], output[axis])
            let given = factors.isEmpty || recomputes ? nil : factor(axis - 2)
            // Equal sizes are copied whatever the factor, but by the cubic.
            if from == to && (given == nil || mode != .cubic) { continue }
            var table = AxisTable(size: from)
            for position in 0..<to { table.append(entries(position, from: from, to: to, factor: given)) }
            steps.append((axis, table))
        }
        return steps
    }

    private func entries(_ position: Int, from: Int, to: Int, factor: Double?) -> [(source: Int, weight: Double)] {
        switch mode {
        case .nearest, .nearestExact:
            // PyTorch reckons this in float32 for every type.
            let scale = factor.map { Float(1 / $0) } ?? Float(from) / Float(to)
            if mode == .nearest && to == 2 * from { return [(position / 2, 1)] }
            let place = ((Float(position) + (mode == .nearest ? 0 : 0.5)) * scale).rounded(.down)
            return [(min(Int(place), from - 1), 1)]
        case .linear:
            let place = max(0, place(position, from, to, factor))
            let low = min(Int(place), from - 1)
            let weight = min(max(place - Double(low), 0), 1)
            return [(low, 1 - weight), (min(low + 1, from - 1), weight)]
        case .cubic:
            let place = place(position, from, to, factor)
            let low = min(Int(place.rounded(.down)), from - 1)
            let t = min(max(place - Double(low), 0), 1)
            let a = -0.75
            func near(_ x: Double) -> Double { ((a + 2) * x - (a + 3)) * x * x + 1 }
            func far(_ x: Double) -> Double { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
            let weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
            return (0..<4).map { (min(max(low - 1 + $0, 0), from - 1), weights[$0]) }
        }
    }

    /// Where a position of the output lies in the input.
    private func place(_ position: Int, _ from: Int, _ to: Int, _ factor: Double?) -> Double {
        if aligns { return to > 1 ? Double(position) * (Double(from - 1) / Double(to - 1)) : 0 }
        let scale = factor.map { 1 / $0 } ?? Double(from) / Double(to)
        return scale * (Double(position) + 0.5) - 0.5
    }
}
