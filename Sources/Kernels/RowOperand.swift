// Operands of loops along a row. A loop over ElementRuns is one loop; over a RowOperand the compiler makes it one for
// each kind of step, faster where the rows are short and there is little to compute.

/// An array with a step, or one value for all.
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

/// Part of a row: elements one after the other, or (`mask` 0) a vector that stands for all.
struct ElementRun<V: KernelMath> {
    let base: UnsafePointer<V.Scalar>
    let mask: Int

    @inline(__always) func load(_ index: Int) -> V { V.load(base + (index & mask)) }
    @inline(__always) func load(_ index: Int, _ count: Int) -> V { V.load(base + (index & mask), count) }
}

extension Arguments {
    /// Slot `slot` as an operand of flat work; nil pointers give the constant in scalar 0.
    @inline(__always) func operand<V: KernelMath>(_ slot: Int, step: Int, offset: Int, _: V.Type) -> RowOperand<V> {
        RowOperand(
            has(slot) ? input(slot, V.Scalar.self) + offset * step : nil, step: step, constant: scalar(0))
    }
}
