// Exponentials and logarithms to other bases and near 0, powers with fixed exponents, the error function, the gamma
// function's logarithm.

import KernelInterface
import Tensors

struct Exp2: UnaryLayer {
    static let kind = "exp2"
    static let documentation = "2 ** x, element by element"
    let function = UnaryFunction.exp2
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Expm1: UnaryLayer {
    static let kind = "expm1"
    static let documentation = "exp(x) - 1, with full precision near 0, element by element"
    let function = UnaryFunction.expm1
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Log2: UnaryLayer {
    static let kind = "log2"
    static let documentation = "the logarithm to base 2, element by element"
    let function = UnaryFunction.log2
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Log10: UnaryLayer {
    static let kind = "log10"
    static let documentation = "the logarithm to base 10, element by element"
    let function = UnaryFunction.log10
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Log1p: UnaryLayer {
    static let kind = "log1p"
    static let documentation = "log(1 + x), with full precision near 0, element by element"
    let function = UnaryFunction.log1p
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Rsqrt: UnaryLayer {
    static let kind = "rsqrt"
    static let documentation = "1 / sqrt(x), element by element"
    let function = UnaryFunction.rsqrt
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Square: UnaryLayer {
    static let kind = "square"
    static let documentation = "x * x, element by element"
    let function = UnaryFunction.square
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Reciprocal: UnaryLayer {
    static let kind = "reciprocal"
    static let documentation = "1 / x, element by element"
    let function = UnaryFunction.reciprocal
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Erf: UnaryLayer {
    static let kind = "erf"
    static let documentation = "the error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, element by element"
    let function = UnaryFunction.erf
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct Erfc: UnaryLayer {
    static let kind = "erfc"
    static let documentation = "1 - erf(x), with full precision far out, element by element"
    let function = UnaryFunction.erfc
    init(_ attributes: Attributes) throws(ChainruleError) {}
}

struct LogGamma: UnaryLayer {
    static let kind = "lgamma"
    static let documentation = "the logarithm of the gamma function's magnitude, element by element; infinite at 0 and the negative whole numbers"
    let function = UnaryFunction.lgamma
    init(_ attributes: Attributes) throws(ChainruleError) {}
}
