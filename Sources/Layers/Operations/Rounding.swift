// Whole numbers next to a number, signs, limits, and questions that are answered by 1 (yes) and 0. Where the
// slope is 0 everywhere, no gradient is computed at all.

import KernelInterface
import Tensors

/// A function whose slope is 0 wherever it has one.
protocol FlatUnaryLayer: UnaryLayer {}

extension FlatUnaryLayer {
    func backward(_ emit: Emitter) {}
}

struct Sign: FlatUnaryLayer {
    static let kind = "sign"
    static let documentation = "1, 0 or -1 by the sign of x; 0 for NaN, element by element"
    let function = UnaryFunction.sign
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Floor: FlatUnaryLayer {
    static let kind = "floor"
    static let documentation = "the largest whole number that is not above x, element by element"
    let function = UnaryFunction.floor
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Ceil: FlatUnaryLayer {
    static let kind = "ceil"
    static let documentation = "the smallest whole number that is not below x, element by element"
    let function = UnaryFunction.ceil
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Round: FlatUnaryLayer {
    static let kind = "round"
    static let documentation = "the nearest whole number, half to even; with decimals, the nearest multiple of 10 ** -decimals"
    static let attributes = [
        AttributeSpecification("decimals", .integer(-30...30), default: "0", "digits behind the point; negative: zeros before it")
    ]
    let function = UnaryFunction.round
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        let decimals = attributes.integer("decimals")
        var scale = 1.0
        for _ in 0..<abs(decimals) { scale *= 10 }
        constants = (scale, decimals < 0 ? 1 : 0)
    }
}

struct Trunc: FlatUnaryLayer {
    static let kind = "trunc"
    static let documentation = "x without what stands behind the point, element by element"
    let function = UnaryFunction.trunc
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Frac: UnaryLayer {
    static let kind = "frac"
    static let documentation = "what stands behind the point: x - trunc(x), element by element"
    let function = UnaryFunction.frac
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Clip: UnaryLayer {
    static let kind = "clip"
    static let documentation = "x held between min and max (max wins); the gradient at the limits themselves is 1, as in PyTorch's clamp"
    static let attributes = [
        AttributeSpecification("min", .real(.finite), optional: true, "lower limit"),
        AttributeSpecification("max", .real(.finite), optional: true, "upper limit"),
    ]
    let function = UnaryFunction.clip
    let constants: (Double, Double)

    init(_ attributes: Attributes) throws(ChainruleError) {
        guard attributes.has("min") || attributes.has("max") else {
            throw ChainruleError(.attribute, "clip's limits", expected: "min=, max= or both", got: "neither")
        }
        constants = (
            attributes.has("min") ? attributes.real("min") : -.infinity, attributes.has("max") ? attributes.real("max") : .infinity
        )
    }
}

struct IsNaN: FlatUnaryLayer {
    static let kind = "isnan"
    static let documentation = "1 where x is NaN, 0 elsewhere"
    let function = UnaryFunction.isNaN
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct IsInf: FlatUnaryLayer {
    static let kind = "isinf"
    static let documentation = "1 where x is infinite, 0 elsewhere"
    let function = UnaryFunction.isInfinite
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct IsFinite: FlatUnaryLayer {
    static let kind = "isfinite"
    static let documentation = "1 where x is a finite number, 0 elsewhere"
    let function = UnaryFunction.isFinite
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct LogicalNot: FlatUnaryLayer {
    static let kind = "logical_not"
    static let documentation = "1 where x is 0, 0 elsewhere"
    let function = UnaryFunction.logicalNot
    init(_ attributes: Attributes) throws(ChainruleError) {}
}
