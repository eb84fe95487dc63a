// A recurrent layer in one direction, over all its time steps in one call: samples depend on each other
// nowhere, so that a piece is some samples and walks through time by itself, and no thread waits for
// another between steps. The products with x, and the gradients in weights and x, are products over
// all steps at once and not done here; each step here is the product of the states with W_hh, and one
// pass over the gates (RecurrentFormulas.swift). A single sample through a large weight is a call for each step instead, whose
// pieces are units: each thread reads its part of the weight alone.
//
// recurrentForward, recurrentBackward. Slots: KernelInterface/RecurrentCall.swift. Pieces:
//   rowsPerPiece samples. A sample shorter than `time` keeps its state at the steps behind its end; the
//   output there is 0. Forward, the state before such a step is kept as 0.
// maskSequence: y = x, and 0 behind each sample's end. x and y are [batch][time][columns].
//   pointers  0 x  1 lengths  2 y      integers  0 batch * time  1 time  2 columns  3 rows per piece

import CPUFeatures
import KernelInterface

private typealias Slot = RecurrentSlot

let recurrentForwardKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        forEachUnit(DoubleVector.self, Forward(arguments, begin, end, scratch))
    } else {
        forEachUnit(FloatVector.self, Forward(arguments, begin, end, scratch))
    }
}

let recurrentBackwardKernel: Kernel = { call, begin, end, scratch in
    let arguments = Arguments(call)
    if arguments.isDouble {
        forEachUnit(DoubleVector.self, Backward(arguments, begin, end, scratch))
    } else {
        forEachUnit(FloatVector.self, Backward(arguments, begin, end, scratch))
    }
}

private protocol RecurrentRun<V> {
    associatedtype V: KernelMath
    var unit: Int { get }
    func run<U: RecurrentFormula>(_: U.Type) where U.V == V
}

@inline(__always)
private func forEachUnit<V: KernelMath, Run: RecurrentRun>(_: V.Type, _ run: Run) where Run.V == V {
    guard let unit = RecurrentUnit(rawValue: run.unit) else { return }
    switch unit {
    case .tanh: run.run(TanhUnit<V>.self)
    case .relu: run.run(ReluUnit<V>.self)
    case .lstm: run.run(LSTMUnit<V>.self)
    case .gru: run.run(GRUUnit<V>.self)
    }
}

/// Where each sample ends.
private struct Ends<V: KernelMath> {
    let lengths: UnsafeRawPointer?
    let time: Int

    @inline(__always) init(_ arguments: Arguments, _ slot: Int, time: Int) {
        lengths = arguments.has(slot) ? UnsafeRawPointer(arguments.input(slot, UInt8.self)) : nil
        self.time = time
    }

    @inline(__always) subscript(_ sample: Int) -> Int {
        guard let lengths else { return time }
        return MemoryLayout<V.Scalar>.size == 8
            ? Int(lengths.assumingMemoryBound(to: Int64.self)[sample]) : Int(lengths.assumingMemoryBound(to: Int32.self)[sample])
    }
}

/// The call of a product over a piece's samples, the same at every step.
private struct StepProduct<V: KernelMath> {
    typealias Pointer = UnsafeMutablePointer<V.Scalar>
    var call: KernelCall
    let pieces: Int
    let scratch: UnsafeMutableRawPointer?

    @inline(__always) init(
        _ arguments: Arguments, _ index: Int, rows: Int, a: Pointer, b slot: Int, c: Pointer, bias: Int? = nil,
        _ scratch: UnsafeMutableRawPointer?
    ) {
        call = arguments.input(Slot.products, KernelCall.self)[index]
        pieces = arguments.integer(index == 0 ? Slot.productPieces : Slot.projectionPieces)
        self.scratch = scratch
        call.integers[MatrixMultiplySlot.rows] = rows
        call.pointers[MatrixMultiplySlot.a] = UnsafeMutableRawPointer(a)
        call.pointers[MatrixMultiplySlot.b] = arguments.call.pointee.pointers[slot]
        call.pointers[MatrixMultiplySlot.workspace] = arguments.call.pointee.pointers[slot]
        call.pointers[MatrixMultiplySlot.c] = UnsafeMutableRawPointer(c)
        if let bias { call.pointers[MatrixMultiplySlot.bias] = arguments.call.pointee.pointers[bias] }
    }

    @inline(__always) mutating func run() {
        let pieces = pieces, scratch = scratch
        withUnsafePointer(to: &call) { matrixMultiplyKernel(UnsafeRawPointer($0), 0, pieces, scratch) }
    }

    /// Goes on by so many columns of B.
    @inline(__always) mutating func advance(_ columns: Int) {
        let bytes = columns &* MemoryLayout<V.Scalar>.stride
        call.pointers[MatrixMultiplySlot.b] = call.pointers[MatrixMultiplySlot.b].map { $0 + bytes }
        call.pointers[MatrixMultiplySlot.c] = call.pointers[MatrixMultiplySlot.c].map { $0 + bytes }
        call.pointers[MatrixMultiplySlot.bias] = call.pointers[MatrixMultiplySlot.bias].map { $0 + bytes }
    }
}

@inline(__always)
private func copyRow<V: KernelMath>(_: V.Type, _ from: UnsafeMutablePointer<V.Scalar>, _ to: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    var j = 0
    while j < count {
        let n = min(V.lanes, count &- j)
        let v: V = part(from + j, n)
        setPart(to + j, n, v)
        j &+= V.lanes
    }
}

@inline(__always)
private func clearRow<V: KernelMath>(_: V.Type, _ to: UnsafeMutablePointer<V.Scalar>, _ count: Int) {
    var j = 0
    while j < count {
        setPart(to + j, min(V.lanes, count &- j), V.zero)
        j &+= V.lanes
    }
}

// MARK: - forward

private struct Forward<V: KernelMath>: RecurrentRun {
    typealias Pointer = UnsafeMutablePointer<V.Scalar>
    let arguments: Arguments
    let begin: Int
    let end: Int
    let scratch: UnsafeMutableRawPointer?

    @inline(__always) init(_ arguments: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?) {
        self.arguments = arguments
        self.begin = begin
        self.end = end
        self.scratch = scratch
    }

    @inline(__always) var unit: Int { arguments.integer(Slot.unit) }

    @inline(never) func run<U: RecurrentFormula>(_: U.Type) where U.V == V {
        let sizes = RecurrentSizes(arguments, gateCount: U.gateCount)
        let rowsPerPiece = arguments.integer(Slot.rowsPerPiece)
        // One step: of a piece's units, or of all if one thread has them all. No plan has it elsewhere (`takesSteps`).
        #if BASELINE
        let unitsPerPiece = 0
        #else
        let unitsPerPiece = MemoryLayout<V.Scalar>.size == 4 ? arguments.integer(Slot.unitsPerPiece) : 0
        #endif
        let isOneStep = unitsPerPiece > 0
        let step = isOneStep ? arguments.integer(Slot.step) : 0
        let endStep = isOneStep ? step &+ 1 : sizes.time
        let together = isOneStep && (end &- begin) &* unitsPerPiece == sizes.hidden ? end &- begin : 1
        var piece = begin
        while piece < end {
            let first = isOneStep ? 0 : piece &* rowsPerPiece
            let rows = isOneStep ? sizes.batch : min(rowsPerPiece, sizes.batch &- first)
            let unit = isOneStep ? piece &* unitsPerPiece : 0
            let endUnit = isOneStep ? unit &+ together &* unitsPerPiece : sizes.hidden
            if rows > 0 { run(U.self, sizes, first, rows, step, endStep, unit, endUnit, isOneStep) }
            piece &+= together
        }
    }

    /// Some steps of some units of some samples.
    @inline(__always) private func run<U: RecurrentFormula>(
        _: U.Type, _ sizes: RecurrentSizes, _ first: Int, _ rows: Int, _ firstStep: Int, _ endStep: Int, _ firstUnit: Int,
        _ endUnit: Int, _ isOneStep: Bool
    ) where U.V == V {
        let time = sizes.time, hidden = sizes.hidden, state = sizes.state, gates = sizes.gates
        let work: Pointer = arguments.output(Slot.work)
        let isOdd = isOneStep && firstStep & 1 != 0
        let states = work + (isOdd ? sizes.fullAt : sizes.stateAt) + first &* state
        let newStates = isOneStep ? work + (isOdd ? sizes.stateAt : sizes.fullAt) + first &* state : states
        let cells = work + sizes.cellAt + first &* hidden
        let sums = work + sizes.productAt + first &* gates
        let full = work + sizes.fullAt + first &* hidden
        let projected = work + sizes.projectedAt + first &* state
        let previous: Pointer? = arguments.has(Slot.previous) ? arguments.output(Slot.previous) : nil
        let kept: Pointer? = arguments.has(Slot.kept) ? arguments.output(Slot.kept) : nil
        let allGates: Pointer = arguments.output(Slot.gates)
        let output: Pointer = arguments.output(Slot.output)
        let outputStride = arguments.integer(Slot.outputStride)
        let ends = Ends<V>(arguments, Slot.lengths, time: time)
        let hasProjection = !isOneStep && arguments.integer(Slot.projectionPieces) > 0
        let isReverse = arguments.integer(Slot.isReverse) != 0
        // Of some units, a gate's columns at a time; the call of the whole product is the second then.
        let isPart = endUnit &- firstUnit < hidden
        let products = isPart ? U.gateCount : 1
        var product = StepProduct<V>(
            arguments, isOneStep && !isPart ? 1 : 0, rows: rows, a: states, b: Slot.weight, c: sums, bias: Slot.bias, scratch)
        var projection = product
        if hasProjection {
            projection = StepProduct(arguments, 1, rows: rows, a: full, b: Slot.projection, c: projected, scratch)
        }
        product.advance(firstUnit)
        // Elements of a state that are this piece's.
        let count = isOneStep ? endUnit &- firstUnit : state
        for step in firstStep..<endStep {
            let t = isReverse ? time &- 1 &- step : step
            for _ in 0..<products {
                product.run()
                if products > 1 { product.advance(hidden) }
            }
            for row in 0..<rows {
                let place = (first &+ row) &* time &+ t
                let isActive = t < ends[first &+ row]
                let own = states + row &* state
                let target = output + place &* outputStride
                if let previous {
                    let kept = previous + (place &* state &+ firstUnit)
                    if isActive { copyRow(V.self, own + firstUnit, kept, count) } else { clearRow(V.self, kept, count) }
                }
                if !isActive {
                    clearRow(V.self, target + firstUnit, count)
                    if isOneStep { copyRow(V.self, own + firstUnit, newStates + (row &* state &+ firstUnit), count) }
                    continue
                }
                let one = RecurrentStep<V>(
                    hidden: hidden, gates: allGates + place &* gates, product: UnsafePointer(sums + row &* gates),
                    state: UnsafePointer(own), cell: cells + row &* hidden, kept: kept.map { $0 + place &* hidden })
                let result = hasProjection ? full + row &* hidden : newStates + row &* state
                let copy = !hasProjection ? target : kept.map { $0 + (sizes.batch &* time &+ place) &* hidden }
                #if !BASELINE
                // The next sample's x lies far behind this one's, where the CPU's own prefetching doesn't look.
                let next = UnsafePointer(one.gates + time &* gates)
                #endif
                var j = firstUnit
                while j < endUnit {
                    let n = min(V.lanes, endUnit &- j)
                    #if !BASELINE
                    for gate in 0..<U.gateCount { cr_prefetch(next + (gate &* hidden &+ j)) }
                    #endif
                    let h = U.value(one, j, n)
                    setPart(result + j, n, h)
                    if let copy { setPart(copy + j, n, h) }
                    j &+= V.lanes
                }
            }
            if !hasProjection { continue }
            projection.run()
            for row in 0..<rows where t < ends[first &+ row] {
                copyRow(V.self, projected + row &* state, states + row &* state, state)
                copyRow(V.self, projected + row &* state, output + ((first &+ row) &* time &+ t) &* outputStride, state)
            }
        }
    }
}

extension RecurrentSizes {
    @inline(__always) init(_ arguments: Arguments, gateCount: Int) {
        self.init(
            batch: arguments.integer(Slot.batch), time: arguments.integer(Slot.time), hidden: arguments.integer(Slot.hidden),
            state: arguments.integer(Slot.state), gateCount: gateCount)
    }
}

// MARK: - backward

private struct Backward<V: KernelMath>: RecurrentRun {
    typealias Pointer = UnsafeMutablePointer<V.Scalar>
    let arguments: Arguments
    let begin: Int
    let end: Int
    let scratch: UnsafeMutableRawPointer?

    @inline(__always) init(_ arguments: Arguments, _ begin: Int, _ end: Int, _ scratch: UnsafeMutableRawPointer?) {
        self.arguments = arguments
        self.begin = begin
        self.end = end
        self.scratch = scratch
    }

    @inline(__always) var unit: Int { arguments.integer(Slot.unit) }

    @inline(never) func run<U: RecurrentFormula>(_: U.Type) where U.V == V {
        let sizes = RecurrentSizes(arguments, gateCount: U.gateCount)
        let rowsPerPiece = arguments.integer(Slot.rowsPerPiece)
        for piece in begin..<end {
            let first = piece &* rowsPerPiece
            let rows = min(rowsPerPiece, sizes.batch &- first)
            if rows > 0 { run(U.self, sizes, first, rows) }
        }
    }

    @inline(__always) private func run<U: RecurrentFormula>(_: U.Type, _ sizes: RecurrentSizes, _ first: Int, _ rows: Int)
    where U.V == V {
        let time = sizes.time, hidden = sizes.hidden, state = sizes.state
        let work: Pointer = arguments.output(Slot.work)
        let carries = work + sizes.stateAt + first &* state
        let products = work + sizes.gradientProductAt + first &* state
        let stepGates = work + sizes.stepGatesAt + first &* sizes.gates
        let arrived = work + sizes.arrivedAt + first &* state
        let hasProjection = arguments.integer(Slot.projectionPieces) > 0
        let full = hasProjection ? work + sizes.fullGradientAt + first &* hidden : arrived
        let further: Pointer = arguments.output(Slot.gateGradients) + sizes.batch &* time &* sizes.gates
        let outputGradient: Pointer? = arguments.has(Slot.output) ? arguments.output(Slot.output) : nil
        let outputStride = arguments.integer(Slot.outputStride)
        let ends = Ends<V>(arguments, Slot.lengths, time: time)
        let isReverse = arguments.integer(Slot.isReverse) != 0
        let wantsInitial = arguments.integer(Slot.wantsInitial) != 0
        var product = StepProduct<V>(arguments, 0, rows: rows, a: stepGates, b: Slot.weight, c: products, scratch)
        var projection = product
        if hasProjection {
            projection = StepProduct(arguments, 1, rows: rows, a: arrived, b: Slot.projection, c: full, scratch)
        }
        for step in 0..<time {
            let t = isReverse ? step : time &- 1 &- step
            let later = isReverse ? t &- 1 : t &+ 1
            for row in 0..<rows {
                let end = ends[first &+ row]
                let place = (first &+ row) &* time &+ t
                let gradient = outputGradient.map { $0 + place &* outputStride }
                // What the later step's product brought; a step behind the end brings nothing.
                let brought = step > 0 && later < end ? products + row &* state : nil
                arrive(carries + row &* state, brought, gradient, arrived + row &* state, state, isActive: t < end)
                if hasProjection {
                    copyRow(V.self, arrived + row &* state, further + place &* state, state)
                } else {
                    takeBack(U.self, sizes, first, row, place, full + row &* hidden, isActive: t < end)
                }
            }
            if hasProjection {
                projection.run()
                for row in 0..<rows {
                    let place = (first &+ row) &* time &+ t
                    takeBack(U.self, sizes, first, row, place, full + row &* hidden, isActive: t < ends[first &+ row])
                }
            }
            if step &+ 1 < time || wantsInitial { product.run() }
        }
        if !wantsInitial { return }
        let last = isReverse ? time &- 1 : 0
        for row in 0..<rows where last < ends[first &+ row] {
            arrive(carries + row &* state, products + row &* state, nil, arrived + row &* state, state, isActive: false)
        }
    }

    /// The gradient in the state after a step: what is carried, came by the product and by the output.
    /// A step behind the sample's end carries on.
    @inline(__always) private func arrive(
        _ carry: Pointer, _ brought: Pointer?, _ gradient: Pointer?, _ arrived: Pointer, _ count: Int, isActive: Bool
    ) {
        var j = 0
        while j < count {
            let n = min(V.lanes, count &- j)
            var sum: V = part(carry + j, n)
            if let brought { sum += part(brought + j, n) }
            if isActive {
                if let gradient { sum += part(gradient + j, n) }
                setPart(arrived + j, n, sum)
                setPart(carry + j, n, V.zero)
            } else {
                setPart(arrived + j, n, V.zero)
                setPart(carry + j, n, sum)
            }
            j &+= V.lanes
        }
    }

    /// From the gradient in a step's state to those in its gates.
    @inline(__always) private func takeBack<U: RecurrentFormula>(
        _: U.Type, _ sizes: RecurrentSizes, _ first: Int, _ row: Int, _ place: Int, _ dh: Pointer, isActive: Bool
    ) where U.V == V {
        let work: Pointer = arguments.output(Slot.work)
        let own = first &+ row
        let gradients: Pointer = arguments.output(Slot.gateGradients)
        let keptGradients = gradients + (sizes.batch &* sizes.time &+ place) &* sizes.gates
        let stepGates = work + sizes.stepGatesAt + own &* sizes.gates
        if !isActive {
            clearRow(V.self, gradients + place &* sizes.gates, sizes.gates)
            clearRow(V.self, stepGates, sizes.gates)
            if U.gateCount == 3 { clearRow(V.self, keptGradients, sizes.gates) }
            return
        }
        let gates: Pointer = arguments.output(Slot.gates)
        let carry = work + sizes.stateAt + own &* sizes.state
        // Units that do without them never look.
        let previous: Pointer = arguments.has(Slot.previous) ? arguments.output(Slot.previous) : work
        let kept: Pointer = arguments.has(Slot.kept) ? arguments.output(Slot.kept) : work
        let one = RecurrentStepBack<V>(
            hidden: sizes.hidden, gates: UnsafePointer(gates + place &* sizes.gates), xGradients: gradients + place &* sizes.gates,
            hGradients: stepGates, keptGradients: keptGradients, carry: carry,
            cellGradient: work + sizes.cellAt + own &* sizes.hidden, previous: UnsafePointer(previous + place &* sizes.state),
            kept: UnsafePointer(kept + place &* sizes.hidden))
        var j = 0
        while j < sizes.hidden {
            let n = min(V.lanes, sizes.hidden &- j)
            U.derivative(one, j, n, part(dh + j, n))
            j &+= V.lanes
        }
    }
}

// MARK: - lengths

let maskSequenceKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        maskSequence(DoubleVector.self, arguments, begin, end)
    } else {
        maskSequence(FloatVector.self, arguments, begin, end)
    }
}

@inline(__always)
private func maskSequence<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let time = arguments.integer(1), columns = arguments.integer(2), rowsPerPiece = arguments.integer(3)
    let ends = Ends<V>(arguments, 1, time: time)
    let x: UnsafeMutablePointer<V.Scalar> = arguments.output(0)
    let y: UnsafeMutablePointer<V.Scalar> = arguments.output(2)
    for row in (begin &* rowsPerPiece)..<min(end &* rowsPerPiece, arguments.integer(0)) {
        if row % time < ends[row / time] {
            copyRow(V.self, x + row &* columns, y + row &* columns, columns)
        } else {
            clearRow(V.self, y + row &* columns, columns)
        }
    }
}
