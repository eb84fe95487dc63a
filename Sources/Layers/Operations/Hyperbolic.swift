// Hyperbolic functions but for tanh, and their inverses.

import KernelInterface
import Tensors

struct Sinh: UnaryLayer {
    static let kind = "sinh"
    static let documentation = "(exp(x) - exp(-x)) / 2, element by element"
    let function = UnaryFunction.sinh
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Cosh: UnaryLayer {
    static let kind = "cosh"
    static let documentation = "(exp(x) + exp(-x)) / 2, element by element"
    let function = UnaryFunction.cosh
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Asinh: UnaryLayer {
    static let kind = "asinh"
    static let documentation = "the inverse of sinh: log(x + sqrt(x^2 + 1)), element by element"
    let function = UnaryFunction.asinh
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Acosh: UnaryLayer {
    static let kind = "acosh"
    static let documentation = "the inverse of cosh: log(x + sqrt(x^2 - 1)); NaN below 1, element by element"
    let function = UnaryFunction.acosh
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Atanh: UnaryLayer {
    static let kind = "atanh"
    static let documentation = "the inverse of tanh: log((1 + x) / (1 - x)) / 2; NaN outside -1 to 1, element by element"
    let function = UnaryFunction.atanh
    init(_ attributes: Attributes) throws(ChainruleError) {}
}
