// The functions of two variables: value and both derivatives side by side. Conventions at the
// edges are PyTorch's.

import KernelInterface

protocol BinaryOperation {
    static func value<V: KernelMath>(_ x: V, _ y: V) -> V
    /// The loss's gradient in x, from its gradient dz in z = value(x, y).
    static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _ z: V) -> V
    static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _ z: V) -> V
    /// Whether the derivatives are long enough, or seldom enough used, to be functions of their own, around which the
    /// loops are one.
    static var isLong: Bool { get }
}

extension BinaryOperation {
    @inline(__always) static var isLong: Bool { false }
}

enum Addition: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { x + y }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { dz }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { dz }
}

enum Subtraction: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { x - y }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { dz }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { V.zero - dz }
}

enum Multiplication: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { x * y }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _ y: V, _: V) -> V { dz * y }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _: V, _: V) -> V { dz * x }
}

enum Division: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { x / y }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _ y: V, _: V) -> V { dz / y }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _: V, _ y: V, _ z: V) -> V {
        (V.zero - dz) * (z / y)
    }
}

enum Exponentiation: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.pow(x, y) }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        // A constant x ** 0 has no slope, not even at x = 0.
        let slope = y * V.pow(x, y - V(repeating: 1))
        return V.choose(y .== V(repeating: 0), V(repeating: 0), dz * slope)
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _ z: V) -> V {
        // 0 ** y is constant for y >= 0 (but for the jump at y = 0).
        let zero = V.zero
        let slope = z * V.log(x)
        return dz * V.choose(x .== zero, V.choose(y .>= zero, zero, slope), slope)
    }
}

enum Larger: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.larger(x, y)
    }
    /// Half each where both are equal.
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        V.choose(x .< y, V(repeating: 0), V.choose(x .== y, dz * V(repeating: 0.5), dz))
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        V.choose(x .> y, V(repeating: 0), V.choose(x .== y, dz * V(repeating: 0.5), dz))
    }
}

/// What runs over the rows of one operation: the forward loop or the backward loop.
protocol BinaryBody {
    associatedtype V: KernelMath
    func run<Operation: BinaryOperation>(_: Operation.Type)
}

/// One switch per run of rows, then loops specialised for operation and element type.
@inline(never) func withBinaryOperation<Body: BinaryBody>(_ code: Int, _ body: Body) {
    // init(rawValue:) would be a weak symbol of no CPU level.
    switch unsafeBitCast(UInt8(truncatingIfNeeded: code), to: BinaryFunction.self) {
    case .add: body.run(Addition.self)
    case .subtract: body.run(Subtraction.self)
    case .multiply: body.run(Multiplication.self)
    case .divide: body.run(Division.self)
    case .power: body.run(Exponentiation.self)
    case .maximum: body.run(Larger.self)
    case .minimum: body.run(Smaller.self)
    case .atan2: body.run(Angle.self)
    case .hypot: body.run(Length.self)
    case .logAddExp: body.run(LogarithmOfSum.self)
    case .fmod: body.run(RemainderOfFirst.self)
    case .remainder: body.run(RemainderOfSecond.self)
    case .floorDivide: body.run(WholeQuotient.self)
    case .equal: body.run(Equal.self)
    case .notEqual: body.run(NotEqual.self)
    case .less: body.run(Less.self)
    case .lessOrEqual: body.run(LessOrEqual.self)
    case .greater: body.run(Greater.self)
    case .greaterOrEqual: body.run(GreaterOrEqual.self)
    case .logicalAnd: body.run(Both.self)
    case .logicalOr: body.run(Either.self)
    case .logicalXor: body.run(OneOfTwo.self)
    case .prelu: body.run(SlopeBelowZero.self)
    }
}
