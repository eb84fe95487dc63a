// The elementwise functions of two variables, by name. Values and derivatives stand side by side
// in Kernels/Binary.swift.

public enum BinaryFunction: Int, CaseIterable, Sendable {
    case add, subtract, multiply, divide, power, maximum
}
