// Angles: tan, and the inverses of sin, cos and tan.

import KernelInterface
import Tensors

struct Tan: UnaryLayer {
    static let kind = "tan"
    static let documentation = "tan(x), x in radians, element by element"
    let function = UnaryFunction.tan
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Asin: UnaryLayer {
    static let kind = "asin"
    static let documentation = "the angle, -pi/2 to pi/2, whose sine is x; NaN outside -1 to 1, element by element"
    let function = UnaryFunction.asin
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Acos: UnaryLayer {
    static let kind = "acos"
    static let documentation = "the angle, 0 to pi, whose cosine is x; NaN outside -1 to 1, element by element"
    let function = UnaryFunction.acos
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Atan: UnaryLayer {
    static let kind = "atan"
    static let documentation = "the angle, -pi/2 to pi/2, whose tangent is x, element by element"
    let function = UnaryFunction.atan
    init(_ attributes: Attributes) throws(ChainruleError) {}
}
