// Further operations of two arrays with NumPy's broadcasting, or of an array and a number.

import KernelInterface
import Tensors

struct MinimumOperation: BinaryOperation {
    static let kind = "minimum"
    static let documentation = "the smaller of x and y (or value); at equality the gradient goes half to each"
    static let function = BinaryFunction.minimum
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct Atan2: BinaryOperation {
    static let kind = "atan2"
    static let documentation = "the angle of the point (y, x), from -pi to pi, as C has it: atan2(x, y) for inputs x and y (or value)"
    static let function = BinaryFunction.atan2
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct Hypot: BinaryOperation {
    static let kind = "hypot"
    static let documentation = "sqrt(x^2 + y^2) without overflow on the way, element by element"
    static let function = BinaryFunction.hypot
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LogAddExp: BinaryOperation {
    static let kind = "logaddexp"
    static let documentation = "log(exp(x) + exp(y)) without overflow, element by element"
    static let function = BinaryFunction.logAddExp
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct Fmod: BinaryOperation {
    static let kind = "fmod"
    static let documentation = "the remainder of x / y with the sign of x, exactly, as C has it"
    static let function = BinaryFunction.fmod
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct Remainder: BinaryOperation {
    static let kind = "remainder"
    static let documentation = "the remainder of x / y with the sign of y, as Python has it"
    static let function = BinaryFunction.remainder
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct FloorDivide: FlatBinaryOperation {
    static let kind = "floor_divide"
    static let documentation = "the largest whole number not above x / y, as Python has it; no gradient"
    static let function = BinaryFunction.floorDivide
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}
