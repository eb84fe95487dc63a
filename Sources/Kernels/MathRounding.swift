// Whole numbers next to a number. Adding 2^fractionBits to a magnitude below it leaves no bits behind the
// point, and rounds half to even.

extension KernelMath {
    @_transparent static func wholeMagnitude(_ a: Self) -> Self { (a + all(wholeShift)) - all(wholeShift) }

    /// Half to even. Zeros keep the sign of x.
    @_transparent static func rounded(_ x: Self) -> Self {
        let a = magnitude(x)
        return choose(a .< all(wholeShift), sign(wholeMagnitude(a), from: x), x)
    }

    @_transparent static func truncated(_ x: Self) -> Self {
        let a = magnitude(x)
        let nearest = wholeMagnitude(a)
        let below = choose(nearest .> a, nearest - one, nearest)
        return choose(a .< all(wholeShift), sign(below, from: x), x)
    }

    @_transparent static func floored(_ x: Self) -> Self {
        let nearest = rounded(x)
        return choose(nearest .> x, nearest - one, nearest)
    }

    @_transparent static func ceiled(_ x: Self) -> Self {
        let nearest = rounded(x)
        let above = choose(nearest .< x, nearest + one, nearest)
        // -0 between -1 and 0.
        return choose(above .== zero, sign(zero, from: x), above)
    }
}
