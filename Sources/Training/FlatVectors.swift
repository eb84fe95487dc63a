// Arithmetic on arrays of the size of all parameters, for an optimizer whose operations differ from step to
// step. Sums are taken in double precision in one order, whatever the thread count and the CPU.

struct FlatVectors {
    /// A multiple of 8: blocks end at 64 bytes, zeros behind what is used.
    let count: Int
    let isDouble: Bool

    func dot(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> Double {
        isDouble ? dot(a, b, Double.self) : dot(a, b, Float.self)
    }

    /// y += factor * x, of all elements or the first `count`.
    func add(_ factor: Double, _ x: UnsafeRawPointer, to y: UnsafeMutableRawPointer, count: Int? = nil) {
        let count = count ?? self.count
        isDouble ? add(factor, x, y, count, Double.self) : add(factor, x, y, count, Float.self)
    }

    /// y = factor * x
    func multiply(_ x: UnsafeRawPointer, by factor: Double, into y: UnsafeMutableRawPointer) {
        isDouble ? multiply(x, factor, y, Double.self) : multiply(x, factor, y, Float.self)
    }

    /// y = a - b
    func subtract(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, into y: UnsafeMutableRawPointer) {
        isDouble ? subtract(a, b, y, Double.self) : subtract(a, b, y, Float.self)
    }

    /// With the change c = now - before of a gradient and the step s = length * direction: c s and c c.
    func curvature(
        _ now: UnsafeRawPointer, _ before: UnsafeRawPointer, _ direction: UnsafeRawPointer, length: Double
    ) -> (products: Double, squares: Double) {
        isDouble ? curvature(now, before, direction, length, Double.self) : curvature(now, before, direction, length, Float.self)
    }

    /// The sum of magnitudes, and the largest.
    func magnitudes(_ x: UnsafeRawPointer) -> (sum: Double, largest: Double) {
        isDouble ? magnitudes(x, Double.self) : magnitudes(x, Float.self)
    }

    // Of one type. Eight partial sums: one after the other would wait for each addition.

    @_optimize(speed)
    private func dot<T: BinaryFloatingPoint>(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _: T.Type) -> Double {
        let a = a.assumingMemoryBound(to: T.self)
        let b = b.assumingMemoryBound(to: T.self)
        var sums = SIMD8<Double>(repeating: 0)
        var i = 0
        while i < count {
            for lane in 0..<8 { sums[lane] += Double(a[i &+ lane]) * Double(b[i &+ lane]) }
            i &+= 8
        }
        return sums.sum()
    }

    @_optimize(speed)
    private func add<T: BinaryFloatingPoint>(_ factor: Double, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int, _: T.Type) {
        let x = x.assumingMemoryBound(to: T.self)
        let y = y.assumingMemoryBound(to: T.self)
        for i in 0..<count { y[i] = T(Double(y[i]) + factor * Double(x[i])) }
    }

    @_optimize(speed)
    private func multiply<T: BinaryFloatingPoint>(_ x: UnsafeRawPointer, _ factor: Double, _ y: UnsafeMutableRawPointer, _: T.Type) {
        let x = x.assumingMemoryBound(to: T.self)
        let y = y.assumingMemoryBound(to: T.self)
        for i in 0..<count { y[i] = T(factor * Double(x[i])) }
    }

    @_optimize(speed)
    private func subtract<T: BinaryFloatingPoint>(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _: T.Type
    ) {
        let a = a.assumingMemoryBound(to: T.self)
        let b = b.assumingMemoryBound(to: T.self)
        let y = y.assumingMemoryBound(to: T.self)
        for i in 0..<count { y[i] = a[i] - b[i] }
    }

    @_optimize(speed)
    private func curvature<T: BinaryFloatingPoint>(
        _ now: UnsafeRawPointer, _ before: UnsafeRawPointer, _ direction: UnsafeRawPointer, _ length: Double, _: T.Type
    ) -> (products: Double, squares: Double) {
        let now = now.assumingMemoryBound(to: T.self)
        let before = before.assumingMemoryBound(to: T.self)
        let direction = direction.assumingMemoryBound(to: T.self)
        var products = 0.0
        var squares = 0.0
        for i in 0..<count {
            let change = Double(now[i] - before[i])
            products += change * Double(T(length * Double(direction[i])))
            squares += change * change
        }
        return (products, squares)
    }

    @_optimize(speed)
    private func magnitudes<T: BinaryFloatingPoint>(_ x: UnsafeRawPointer, _: T.Type) -> (sum: Double, largest: Double) {
        let x = x.assumingMemoryBound(to: T.self)
        var sum = 0.0
        var largest = 0.0
        for i in 0..<count {
            let magnitude = abs(Double(x[i]))
            sum += magnitude
            if magnitude > largest { largest = magnitude }
        }
        return (sum, largest)
    }
}
