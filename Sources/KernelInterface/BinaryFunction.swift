// The elementwise functions of two variables, by name. Values and derivatives stand side by side
// in Kernels/Binary.swift.

public enum BinaryFunction: Int, CaseIterable, Sendable {
    case add, subtract, multiply, divide, power, maximum, minimum
    case atan2, hypot, logAddExp
    /// The remainder with the sign of x, and that with the sign of y; the quotient that goes with the second.
    case fmod, remainder, floorDivide
    /// 1 where it holds, 0 elsewhere.
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    case logicalAnd, logicalOr, logicalXor
    /// x where it is positive, x * y elsewhere.
    case prelu
}
