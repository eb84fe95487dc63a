// Questions about two arrays with NumPy's broadcasting, or about an array and a number. Answers are the real
// numbers 1 (yes) and 0, so that they can be multiplied and averaged; no gradient flows through them.

import KernelInterface
import Tensors

/// An operation whose slopes are 0.
protocol FlatBinaryOperation: BinaryOperation {}

extension FlatBinaryOperation {
    func backward(_ emit: Emitter) {}
}

struct EqualOperation: FlatBinaryOperation {
    static let kind = "eq"
    static let documentation = "1 where x = y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.equal
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct NotEqualOperation: FlatBinaryOperation {
    static let kind = "ne"
    static let documentation = "1 where x is not y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.notEqual
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LessOperation: FlatBinaryOperation {
    static let kind = "lt"
    static let documentation = "1 where x < y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.less
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LessOrEqualOperation: FlatBinaryOperation {
    static let kind = "le"
    static let documentation = "1 where x <= y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.lessOrEqual
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct GreaterOperation: FlatBinaryOperation {
    static let kind = "gt"
    static let documentation = "1 where x > y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.greater
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct GreaterOrEqualOperation: FlatBinaryOperation {
    static let kind = "ge"
    static let documentation = "1 where x >= y, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.greaterOrEqual
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LogicalAnd: FlatBinaryOperation {
    static let kind = "logical_and"
    static let documentation = "1 where both x and y are not 0, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.logicalAnd
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LogicalOr: FlatBinaryOperation {
    static let kind = "logical_or"
    static let documentation = "1 where x or y is not 0, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.logicalOr
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}

struct LogicalXor: FlatBinaryOperation {
    static let kind = "logical_xor"
    static let documentation = "1 where one of x and y is not 0, 0 elsewhere, element by element; y may be a number, value"
    static let function = BinaryFunction.logicalXor
    let number: Double?
    init(_ attributes: Attributes) throws(ChainruleError) { number = Self.number(attributes) }
}
