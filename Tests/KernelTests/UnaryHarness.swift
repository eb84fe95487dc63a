// Calls of the unary kernels as a plan makes them, for every CPU level of this machine.

import KernelDispatch
import KernelInterface

let testedLevels = CPULevel.allCases.filter { $0.rawValue <= CPULevel.highest.rawValue }
let testedKernels = testedLevels.map { KernelSet(level: $0) }

/// Float and Double, as the kernels know them.
protocol KernelElement: BinaryFloatingPoint, SIMDScalar, Sendable {
    static var isWide: Bool { get }
    var pattern: UInt64 { get }
}
extension Float: KernelElement {
    static var isWide: Bool { false }
    var pattern: UInt64 { UInt64(bitPattern) }
}
extension Double: KernelElement {
    static var isWide: Bool { true }
    var pattern: UInt64 { bitPattern }
}

private func unaryPieces(_ count: Int) -> Int { (count + elementsPerPiece - 1) / elementsPerPiece }

/// y = f(x) into memory that is already there.
func unaryForward<T: KernelElement>(
    _ set: KernelSet, _ function: UnaryFunction, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int,
    _ a: Double = 0, _ b: Double = 0
) {
    var call = KernelCall()
    call.isDouble = T.isWide
    call.pointers[0] = UnsafeMutableRawPointer(mutating: x)
    call.pointers[1] = UnsafeMutableRawPointer(y)
    call.integers[0] = function.rawValue
    call.integers[1] = count
    call.scalars[0] = a
    call.scalars[1] = b
    withUnsafePointer(to: &call) { set[.unaryForward]($0, 0, unaryPieces(count), nil) }
}

/// dx = dy f' into memory that is already there.
func unaryBackward<T: KernelElement>(
    _ set: KernelSet, _ function: UnaryFunction, _ dy: UnsafePointer<T>, _ saved: UnsafePointer<T>,
    _ dx: UnsafeMutablePointer<T>, _ count: Int, _ a: Double = 0, _ b: Double = 0
) {
    var call = KernelCall()
    call.isDouble = T.isWide
    call.pointers[0] = UnsafeMutableRawPointer(mutating: dy)
    call.pointers[1] = UnsafeMutableRawPointer(mutating: saved)
    call.pointers[2] = UnsafeMutableRawPointer(dx)
    call.integers[0] = function.rawValue
    call.integers[1] = count
    call.scalars[0] = a
    call.scalars[1] = b
    withUnsafePointer(to: &call) { set[.unaryBackward]($0, 0, unaryPieces(count), nil) }
}

func unaryValues<T: KernelElement>(
    _ set: KernelSet, _ function: UnaryFunction, _ x: [T], _ a: Double = 0, _ b: Double = 0
) -> [T] {
    var y = [T](repeating: 0, count: x.count)
    unaryForward(set, function, x, &y, x.count, a, b)
    return y
}

/// f'(x): the value is computed first where the derivative is made from it.
func unaryDerivatives<T: KernelElement>(
    _ set: KernelSet, _ function: UnaryFunction, _ x: [T], _ a: Double = 0, _ b: Double = 0
) -> [T] {
    let saved = function.derivativeFromValue ? unaryValues(set, function, x, a, b) : x
    let dy = [T](repeating: 1, count: x.count)
    var dx = [T](repeating: 0, count: x.count)
    unaryBackward(set, function, dy, saved, &dx, x.count, a, b)
    return dx
}

/// |got - exact| in units of T's spacing at `exact`, which is held in a wider type.
@inline(__always)
func ulps<T: KernelElement, Wide: BinaryFloatingPoint>(_ got: T, _ exact: Wide) -> Double {
    if exact.isNaN || got.isNaN { return exact.isNaN && got.isNaN ? 0 : .infinity }
    let nearest = T(exact)
    if nearest == got { return nearest.isInfinite ? 0 : Double((Wide(got) - exact).magnitude / Wide(nearest.ulp)) }
    if nearest.isInfinite || got.isInfinite { return .infinity }
    return Double((Wide(got) - exact).magnitude / Wide(nearest.ulp))
}
