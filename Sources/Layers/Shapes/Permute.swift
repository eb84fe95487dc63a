// Dimensions in a new order, and elements in reversed or rotated order: copies whose gradients are copies back.

import Tensors

struct Permute: Layer {
    static let kind = "permute"
    static let passesIntegers = true
    static let documentation = "dimensions in the order dims; the batch (dimension 0) stays first"
    static let attributes = [AttributeSpecification("dims", .integers, "for each new dimension, which one it was; the batch is 0")]

    let dimensions: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) { dimensions = attributes.integers("dims") }

    private func order(_ shape: Shape) throws(ChainruleError) -> [Int] {
        var order: [Int] = []
        for dimension in dimensions { order.append(try shape.axis(dimension, what: "permute's dims")) }
        guard order.count == shape.rank, Set(order).count == shape.rank else {
            throw ChainruleError(.attribute, "permute's dims", expected: "each dimension of \(shape) once", got: "\(dimensions)")
        }
        guard !shape.isBatched || order[0] == 0 else {
            throw ChainruleError(.attribute, "permute's dims", expected: "the batch (0) first", got: "\(dimensions)")
        }
        return order
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        [Shape(try order(inputs[0]).map { inputs[0][$0] })]
    }

    func forward(_ emit: Emitter) {
        let shape = emit.outputShapes[0]
        emit.program.copyStrided(
            emit.input(), strides: walk(emit), into: emit.output(), strides: shape.strides, sizes: shape.dimensions)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        let shape = emit.outputShapes[0]
        emit.program.copyStrided(
            emit.outputGradient(), strides: shape.strides, into: emit.inputGradient(), strides: walk(emit), sizes: shape.dimensions)
    }

    private func walk(_ emit: Emitter) -> [Int] {
        let strides = emit.inputShapes[0].strides
        return ((try? order(emit.inputShapes[0])) ?? []).map { strides[$0] }
    }
}

struct Flip: Layer {
    static let kind = "flip"
    static let passesIntegers = true
    static let documentation = "elements in reversed order along dims"
    static let attributes = [AttributeSpecification("dims", .integers, "the dimensions; the batch is 0")]

    let dimensions: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) { dimensions = attributes.integers("dims") }

    private func axes(_ shape: Shape) throws(ChainruleError) -> [Int] {
        var axes: [Int] = []
        for dimension in dimensions { axes.append(try shape.axis(dimension, what: "flip's dims")) }
        guard Set(axes).count == axes.count else {
            throw ChainruleError(.attribute, "flip's dims", expected: "each dimension once", got: "\(dimensions)")
        }
        return axes
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        _ = try axes(inputs[0])
        return inputs
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool { (try? axes(inputs[0]).contains(0)) ?? true }

    func forward(_ emit: Emitter) { flip(emit, emit.input(), into: emit.output()) }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { flip(emit, emit.outputGradient(), into: emit.inputGradient()) }
    }

    private func flip(_ emit: Emitter, _ x: Value, into y: Value) {
        let shape = emit.inputShapes[0]
        var strides = shape.strides
        var offset = 0
        for axis in (try? axes(shape)) ?? [] where shape[axis] > 0 {
            offset += (shape[axis] - 1) * strides[axis]
            strides[axis] = -strides[axis]
        }
        emit.program.copyStrided(x, strides: strides, offset: offset, into: y, strides: shape.strides, sizes: shape.dimensions)
    }
}

struct Roll: Layer {
    static let kind = "roll"
    static let passesIntegers = true
    static let documentation = "elements moved by shifts along dims, those that leave at the end entering at the front; without dims along all, as one dimension"
    static let attributes = [
        AttributeSpecification("shifts", .integers, "by how many places, one number for each of dims"),
        AttributeSpecification("dims", .integers, default: "", "the dimensions; the batch is 0"),
    ]

    let shifts: [Int]
    let dimensions: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        shifts = attributes.integers("shifts")
        dimensions = attributes.integers("dims")
        guard shifts.count == max(dimensions.count, 1) else {
            throw ChainruleError(
                .attribute, "roll's shifts", expected: "\(max(dimensions.count, 1)), as many as dims", got: "\(shifts.count)")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        for dimension in dimensions { _ = try inputs[0].axis(dimension, what: "roll's dims") }
        return inputs
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool {
        dimensions.isEmpty || dimensions.contains { ((try? inputs[0].axis($0)) ?? 0) == 0 }
    }

    func forward(_ emit: Emitter) { roll(emit, emit.input(), into: emit.output(), forwards: true) }

    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { roll(emit, emit.outputGradient(), into: emit.inputGradient(), forwards: false) }
    }

    /// In blocks of all dimensions; or one dimension after the other, each in two copies.
    private func roll(_ emit: Emitter, _ x: Value, into y: Value, forwards: Bool) {
        let shape = emit.inputShapes[0]
        let axes = dimensions.compactMap { try? shape.axis($0) }
        if !axes.contains(0), Set(axes).count == axes.count, shape.elementCount > 0 {
            let moves = zip(axes, shifts).map { axis, shift in
                let size = shape[axis]
                let first = ((forwards ? -(shift % size) : shift % size) + size) % size
                return LineMove(axis: axis, sources: (0..<size).map { (first + $0) % size }, before: 0)
            }
            if emit.program.move(x, shape, moves, into: y) { return }
        }
        var forms = dimensions.compactMap { try? shape.axis($0) }.map { FoldForm(shape, axis: $0) }
        if dimensions.isEmpty { forms = [FoldForm(Shape([shape.elementCount]), axis: 0)] }
        var from = x
        for (number, form) in forms.enumerated() where shape.elementCount > 0 {
            let to = number == forms.count - 1 ? y : emit.workspace(elements: shape.elementCount)
            let size = form.columns
            let shift = shifts[number] % size
            let places = ((forwards ? shift : -shift) + size) % size
            let strides = [size * form.inner, form.inner, 1]
            for (first, count, place) in [(0, size - places, places), (size - places, places, 0)] {
                emit.program.copyStrided(
                    from, strides: strides, offset: first * form.inner, into: to, strides: strides, toOffset: place * form.inner,
                    sizes: [form.outer, count, form.inner])
            }
            from = to
        }
    }
}
