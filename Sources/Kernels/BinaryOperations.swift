// Further functions of two variables; see Binary.swift. Values that go through Double: MathPairs.swift.

enum Smaller: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.smaller(x, y)
    }
    /// Half each where both are equal.
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        V.choose(x .> y, V.zero, V.choose(x .== y, dz * V.all(0.5), dz))
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        V.choose(x .< y, V.zero, V.choose(x .== y, dz * V.all(0.5), dz))
    }
}

/// The angle of the point (y, x), as C's atan2(x, y); at the origin the slopes are 0.
enum Angle: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.throughDouble(AngleOfPoint.self, x, y) }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        let square = V.fma(x, x, y * y)
        return V.choose(square .== V.zero, V.zero, dz * (y / square))
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        let square = V.fma(x, x, y * y)
        return V.choose(square .== V.zero, V.zero, (V.zero - dz) * (x / square))
    }
}

enum Length: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.throughDouble(Hypotenuse.self, x, y) }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _: V, _ z: V) -> V { dz * (x / z) }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _: V, _ y: V, _ z: V) -> V { dz * (y / z) }
}

/// log(exp(x) + exp(y)) as the larger one and log(1 + exp(-|x - y|)).
enum LogarithmOfSum: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func difference<V: KernelMath>(_ x: V, _ y: V) -> V {
        // Equal infinities have a difference of 0.
        V.choose(x .== y, V.zero, x - y)
    }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        let larger = V.larger(x, y)
        return larger + V.log1p(V.expOfNegative(V.zero - V.magnitude(difference(x, y))))
    }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        dz * V.sigmoid(difference(x, y))
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        dz * V.sigmoid(difference(y, x))
    }
}

enum RemainderOfFirst: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.throughDouble(TruncatedRemainder.self, x, y)
    }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { dz }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        (V.zero - dz) * V.truncated(x / y)
    }
}

enum RemainderOfSecond: BinaryOperation {
    @inline(__always) static var isLong: Bool { true }
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.throughDouble(FlooredRemainder.self, x, y)
    }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _: V, _: V, _: V) -> V { dz }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        (V.zero - dz) * V.floored(x / y)
    }
}

/// x where it is positive, y x elsewhere; at 0 the slope in x is y.
enum SlopeBelowZero: BinaryOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .> V.zero, x, y * x) }
    @inline(__always) static func gradientX<V: KernelMath>(_ dz: V, _ x: V, _ y: V, _: V) -> V {
        V.choose(x .> V.zero, dz, dz * y)
    }
    @inline(__always) static func gradientY<V: KernelMath>(_ dz: V, _ x: V, _: V, _: V) -> V {
        V.choose(x .> V.zero, V.zero, dz * x)
    }
}

/// What has slope 0 in both variables.
protocol FlatOperation: BinaryOperation {}

extension FlatOperation {
    @inline(__always) static func gradientX<V: KernelMath>(_: V, _: V, _: V, _: V) -> V { V.zero }
    @inline(__always) static func gradientY<V: KernelMath>(_: V, _: V, _: V, _: V) -> V { V.zero }
}

enum WholeQuotient: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.throughDouble(FlooredQuotient.self, x, y) }
}

// Questions, answered by 1 (yes) and 0. Numbers other than 0, NaN among them, count as yes.

enum Equal: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .== y, V.one, V.zero) }
}

enum NotEqual: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .!= y, V.one, V.zero) }
}

enum Less: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .< y, V.one, V.zero) }
}

enum LessOrEqual: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .<= y, V.one, V.zero) }
}

enum Greater: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .> y, V.one, V.zero) }
}

enum GreaterOrEqual: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V { V.choose(x .>= y, V.one, V.zero) }
}

enum Both: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.choose(x .== V.zero, V.zero, V.choose(y .== V.zero, V.zero, V.one))
    }
}

enum Either: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        V.choose(x .!= V.zero, V.one, V.choose(y .!= V.zero, V.one, V.zero))
    }
}

enum OneOfTwo: FlatOperation {
    @inline(__always) static func value<V: KernelMath>(_ x: V, _ y: V) -> V {
        let first = V.choose(x .!= V.zero, V.one, V.zero)
        let second = V.choose(y .!= V.zero, V.one, V.zero)
        return V.choose(first .!= second, V.one, V.zero)
    }
}
