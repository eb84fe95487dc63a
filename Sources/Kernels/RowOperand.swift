// An operand of a loop along a row: an array with a step, or one value for all.

struct RowOperand<V: KernelMath> {
    let base: UnsafePointer<V.Scalar>?
    let step: Int
    let value: V

    /// A nil `base` means the constant.
    @inline(__always) init(_ base: UnsafePointer<V.Scalar>?, step: Int, constant: V.Scalar) {
        self.base = base
        if let base {
            self.step = step
            value = V(repeating: step == 0 ? base[0] : 0)
        } else {
            self.step = 0
            value = V(repeating: constant)
        }
    }

    @inline(__always) func load(_ index: Int) -> V {
        if step == 1 { return V.load(base.unsafelyUnwrapped + index) }
        if step == 0 { return value }
        return V.loadStrided(base.unsafelyUnwrapped + index * step, step, V.lanes)
    }

    @inline(__always) func load(_ index: Int, _ count: Int) -> V {
        if step == 1 { return V.load(base.unsafelyUnwrapped + index, count) }
        if step == 0 { return value }
        return V.loadStrided(base.unsafelyUnwrapped + index * step, step, count)
    }
}

extension Arguments {
    /// Slot `slot` as an operand of flat work; nil pointers give the constant in scalar 0.
    @inline(__always) func operand<V: KernelMath>(_ slot: Int, step: Int, offset: Int, _: V.Type) -> RowOperand<V> {
        RowOperand(
            has(slot) ? input(slot, V.Scalar.self) + offset * step : nil, step: step, constant: scalar(0))
    }
}
