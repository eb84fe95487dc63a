// A parameter's first values. Element i of parameter p is a function of (seed, p, i) in the outside's
// order, so storage layout and type don't matter.

import Glibc
import KernelDispatch
import KernelInterface
import Layers
import Tensors

extension Model {
    /// Puts all first values in; those that are derived from others come last.
    func fill(_ storage: Storage, seed: UInt64) throws(ChainruleError) {
        for (index, parameter) in parameters.enumerated() {
            let random = Philox(seed: seed, stream: 0x1000_0000 + UInt64(index))
            let view = parameter.view(storage.pointer, type)
            if parameter.fillQuickly(view, random) { continue }
            let whole = try parameter.firstValues(random)
            let columns = view.rank == 2 ? view.shape[1] : max(parameter.elementCount, 1)
            for element in 0..<parameter.elementCount {
                let value = parameter.firstValue(element, of: whole, random)
                let place: Int
                if view.rank == 2 {
                    place = (element / columns) * view.strides[0] + (element % columns) * view.strides[1]
                } else {
                    place = element * type.size
                }
                guard let data = view.data else { continue }
                if isDouble {
                    (data + place).storeBytes(of: value, as: Double.self)
                } else {
                    (data + place).storeBytes(of: Float(value), as: Float.self)
                }
            }
        }
        for parameter in parameters {
            guard let derivation = parameter.specification.derivation,
                let source = parameters.first(where: { $0.node == parameter.node && $0.localName == derivation.source })
            else { continue }
            let drawn = try Storage(byteCount: source.elementCount * 8, what: "first values")
            let derived = try Storage(byteCount: parameter.elementCount * 8, what: "first values")
            copyElements(from: source.view(storage.pointer, type), to: ArrayView(drawn.pointer, .float64, source.shape.dimensions))
            derivation.compute(
                UnsafeBufferPointer(start: drawn.pointer.assumingMemoryBound(to: Double.self), count: source.elementCount),
                UnsafeMutableBufferPointer(start: derived.pointer.assumingMemoryBound(to: Double.self), count: parameter.elementCount))
            copyElements(from: ArrayView(derived.pointer, .float64, parameter.shape.dimensions), to: parameter.view(storage.pointer, type))
        }
    }
}

extension Parameter {
    /// Fills an array whose elements are all drawn from one distribution; false where they aren't.
    func fillQuickly(_ view: ArrayView, _ random: Philox) -> Bool {
        guard specification.values?.isEmpty ?? true, specification.zeros == nil else { return false }
        // Other arrays than matrices are contiguous.
        let matrix = view.rank == 2 ? view : ArrayView(view.data, view.type, [1, elementCount])
        switch specification.initializer.distribution {
        case .uniform(let low, let high): matrix.fillUniform(random, from: low, to: high)
        case .normal(let mean, let deviation): matrix.fillNormal(random, mean: mean, deviation: deviation)
        default: return false
        }
        return true
    }

    /// The initialiser's value for an element.
    /// - whole: what `firstValues` has made.
    func firstValue(_ element: Int, of whole: Storage?, _ random: Philox) -> Double {
        if let values = specification.values, !values.isEmpty {
            return values[values.count == 1 ? 0 : min(element, values.count - 1)]
        }
        if let zeros = specification.zeros, zeros.contains(element) { return 0 }
        if let whole { return whole.pointer.load(fromByteOffset: element * 8, as: Double.self) }
        switch specification.initializer.distribution {
        case .constant(let value): return value
        case .uniform(let low, let high): return low + (high - low) * random.uniform(UInt64(element))
        case .normal(let mean, let deviation): return mean + deviation * random.normal(UInt64(element))
        case .truncatedNormal(let mean, let deviation, let low, let high):
            return truncatedNormal(mean, deviation, low, high, UInt64(element), random)
        case .identity: return element / shape[1] == element % shape[1] ? 1 : 0
        case .dirac(let groups): return isCentre(element, groups) ? 1 : 0
        case .orthogonal, .sparse: return 0
        }
    }

    /// Whether an element hands a channel on: the middle of a kernel from input d to output d of a group.
    private func isCentre(_ element: Int, _ groups: Int) -> Bool {
        var rest = element
        for axis in stride(from: shape.rank - 1, through: 2, by: -1) {
            guard rest % shape[axis] == shape[axis] / 2 else { return false }
            rest /= shape[axis]
        }
        return rest % shape[1] == rest / shape[1] % (shape[0] / groups)
    }

    /// Values that are made as a whole, row-major; nil where each element has its own.
    func firstValues(_ random: Philox) throws(ChainruleError) -> Storage? {
        guard specification.values == nil, elementCount > 0 else { return nil }
        switch specification.initializer.distribution {
        case .orthogonal(let gain):
            return try orthogonal(rows: shape[0], columns: elementCount / shape[0], gain: gain, random)
        case .sparse(let share, let deviation):
            return try sparse(rows: shape[0], columns: shape[1], share: share, deviation: deviation, random)
        default: return nil
        }
    }
}

/// The element in row r and column c of a matrix gets number r * columns + c. In the order of memory, whatever the strides.
extension ArrayView {
    /// The numbers' step and the bytes from line to line of memory, and from element to element.
    private var lines: (count: Int, length: Int, steps: (Int, Int), bytes: (Int, Int)) {
        let isTurned = strides[0] < strides[1]
        return isTurned
            ? (shape[1], shape[0], (1, shape[1]), (strides[1], strides[0])) : (shape[0], shape[1], (shape[1], 1), (strides[0], strides[1]))
    }

    /// low + (high - low) * uniform, by a kernel: it takes longer than a step of a small network.
    fileprivate func fillUniform(_ random: Philox, from low: Double, to high: Double) {
        guard let data else { return }
        let lines = lines
        var state = (random.seed, random.stream)
        var call = KernelCall()
        call.isDouble = type == .float64
        call.integers[0] = lines.length
        (call.integers[1], call.integers[2]) = lines.steps
        (call.integers[3], call.integers[4]) = (lines.bytes.0 / type.size, lines.bytes.1 / type.size)
        (call.scalars[0], call.scalars[1]) = (low, high)
        withUnsafeMutableBytes(of: &state) { state in
            call.pointers[0] = data
            call.pointers[1] = state.baseAddress
            KernelSet.current[.uniformMatrix](&call, 0, lines.count, nil)
        }
    }

    /// mean + deviation * normal
    fileprivate func fillNormal(_ random: Philox, mean: Double, deviation: Double) {
        guard let data else { return }
        let lines = lines
        for line in 0..<lines.count {
            for index in 0..<lines.length {
                let number = mean + deviation * random.normal(UInt64(line * lines.steps.0 + index * lines.steps.1))
                let place = data + line * lines.bytes.0 + index * lines.bytes.1
                if type == .float64 {
                    place.storeBytes(of: number, as: Double.self)
                } else {
                    place.storeBytes(of: Float(number), as: Float.self)
                }
            }
        }
    }
}

/// Drawn again until it is within the limits; where that takes too long, by the inverse of the
/// distribution's integral.
private func truncatedNormal(
    _ mean: Double, _ deviation: Double, _ low: Double, _ high: Double, _ element: UInt64, _ random: Philox
) -> Double {
    for attempt in 0..<UInt64(64) {
        let value = mean + deviation * random.normal(element &+ attempt << 48)
        if value >= low && value <= high { return value }
    }
    // The tail further out has the better numbers: erfc is exact there.
    let sign = (low - mean) / deviation > 0 ? -1.0 : 1
    let from = sign > 0 ? (low - mean) / deviation : (mean - high) / deviation
    let to = sign > 0 ? (high - mean) / deviation : (mean - low) / deviation
    func below(_ x: Double) -> Double { 0.5 * erfc(-x / (2.0).squareRoot()) }
    let wanted = below(from) + (below(to) - below(from)) * random.uniform(element &+ 64 << 48)
    var (first, last) = (max(from, -40), min(to, 40))
    for _ in 0..<64 {
        let middle = (first + last) / 2
        if below(middle) < wanted { first = middle } else { last = middle }
    }
    return min(max(mean + sign * deviation * first, low), high)
}

/// Gram and Schmidt on normal vectors, twice against rounding: uniform among all orthogonal matrices, as
/// the QR decomposition with positive diagonal is.
private func orthogonal(rows: Int, columns: Int, gain: Double, _ random: Philox) throws(ChainruleError) -> Storage {
    let storage = try Storage(byteCount: rows * columns * 8, what: "an orthogonal matrix")
    let values = storage.pointer.assumingMemoryBound(to: Double.self)
    let vectors = min(rows, columns)
    let length = max(rows, columns)
    let (vectorStride, step) = rows <= columns ? (columns, 1) : (1, columns)
    for index in 0..<rows * columns { values[index] = random.normal(UInt64(index)) }
    for vector in 0..<vectors {
        let own = values + vector * vectorStride
        for pass in 0..<3 {
            // The last pass only scales.
            for other in 0..<(pass < 2 ? vector : 0) {
                let earlier = values + other * vectorStride
                var product = 0.0
                for i in 0..<length { product += own[i * step] * earlier[i * step] }
                for i in 0..<length { own[i * step] -= product * earlier[i * step] }
            }
            var squares = 0.0
            for i in 0..<length { squares += own[i * step] * own[i * step] }
            let factor = squares > 0 ? 1 / squares.squareRoot() : 0
            for i in 0..<length { own[i * step] *= factor }
        }
    }
    for index in 0..<rows * columns { values[index] *= gain }
    return storage
}

/// In each column, the rows that a random order puts first are 0.
private func sparse(rows: Int, columns: Int, share: Double, deviation: Double, _ random: Philox) throws(ChainruleError) -> Storage {
    let storage = try Storage(byteCount: rows * columns * 8, what: "a sparse matrix")
    let order = try Storage(byteCount: rows * 4, what: "a sparse matrix")
    let values = storage.pointer.assumingMemoryBound(to: Double.self)
    let rowOrder = order.pointer.assumingMemoryBound(to: Int32.self)
    let zeros = min(rows, Int((share * Double(rows)).rounded(.up)))
    for index in 0..<rows * columns { values[index] = deviation * random.normal(UInt64(index)) }
    for column in 0..<columns {
        Philox(seed: random.seed &+ 0x9e37_79b9_7f4a_7c15, stream: random.stream &+ UInt64(column) << 32).shuffle(rowOrder, count: rows)
        for place in 0..<zeros { values[Int(rowOrder[place]) * columns + column] = 0 }
    }
    return storage
}
