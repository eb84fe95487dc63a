// The elementwise functions of one variable, by name: activations and operations alike. Their
// values and derivatives stand side by side in Kernels/Unary*.swift. The same loops serve as
// kernels of their own and as the last step of a matrix product's store.

public enum UnaryFunction: Int, CaseIterable, Sendable {
    case identity, negate, relu, leakyRelu, elu, selu, gelu, geluTanh, silu, sigmoid, tanh
    case softplus, hardtanh
    case exp, log, sqrt, sin, cos, abs
    case reciprocal, square
    /// x ** a for a constant exponent a (the first scalar).
    case power
    /// a * x + b
    case affine
    case erf, expm1, log1p
    case tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh, exp2, log2, log10, rsqrt, erfc
    case sign, floor, ceil
    /// To multiples of 1 / a, or of a where b is not 0.
    case round
    case trunc, frac
    /// Between a and b.
    case clip
    case isNaN, isInfinite, isFinite, logicalNot
    case hardsigmoid, hardswish, mish, celu, threshold, hardshrink, softshrink, tanhshrink, softsign, logSigmoid
    /// |x| ** a, whose slope at 0 counts as 0.
    case powerOfMagnitude
    /// The logarithm of the gamma function's magnitude.
    case lgamma

    /// Whether the derivative is a function of the value y alone: then x need not be kept, and the
    /// function may be fused into the product that makes x.
    public var derivativeFromValue: Bool {
        switch self {
        case .identity, .negate, .relu, .leakyRelu, .elu, .selu, .sigmoid, .tanh, .exp, .expm1, .sqrt, .reciprocal,
            .hardtanh, .affine, .tan, .exp2, .rsqrt, .sinh, .hardshrink, .softshrink, .frac:
            true
        default: false
        }
    }
}
