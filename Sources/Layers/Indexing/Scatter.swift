// Elements put, or added, along a dimension at the places that an array of indices names.

import KernelInterface
import Tensors

struct Scatter: ScatterLayer {
    static let kind = "scatter"
    static let documentation = "input with the elements of src (or value) at the places index along dim; of several for one place the last one stays"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0"),
        AttributeSpecification("value", .real(.finite), optional: true, "a number in place of src"),
    ]
    static let adds = false
    let dimension: Int
    let number: Double?
    let places: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        number = attributes.has("value") ? attributes.real("value") : nil
        places = Self.inputRoles.compactMap { attributes.input($0) }
    }
}

struct ScatterAdd: ScatterLayer {
    static let kind = "scatter_add"
    static let documentation = "input with the elements of src (or value) added at the places index along dim, in a fixed order"
    static let attributes = [
        AttributeSpecification("dim", .integer(.any), "the dimension; the batch is 0"),
        AttributeSpecification("value", .real(.finite), optional: true, "a number in place of src"),
    ]
    static let adds = true
    let dimension: Int
    let number: Double?
    let places: [Int]
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.integer("dim")
        number = attributes.has("value") ? attributes.real("value") : nil
        places = Self.inputRoles.compactMap { attributes.input($0) }
    }
}

protocol ScatterLayer: Layer {
    static var adds: Bool { get }
    var dimension: Int { get }
    var number: Double? { get }
    /// Which inputs are input, index and src.
    var places: [Int] { get }
}

extension ScatterLayer {
    static var inputCount: ClosedRange<Int> { 2...3 }
    static var inputRoles: [String] { ["input", "index", "src"] }
    static var integerInputs: Set<String> { ["index"] }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        guard (inputs.count == 2) == (number != nil) else {
            throw ChainruleError(
                .invalidArgument, "\(Self.kind)'s inputs", expected: "input, index and src, or the first two and value=",
                got: number == nil ? "two inputs without value=" : "three inputs and value=")
        }
        let shape = inputs[places[0]]
        let axis = try shape.axis(dimension, what: "\(Self.kind)'s dim")
        try checkIndexShape(inputs[places[1]], inside: shape, axis: axis, what: "\(Self.kind)'s index")
        if number == nil {
            try checkIndexShape(inputs[places[1]], inside: inputs[places[2]], axis: nil, what: "\(Self.kind)'s index, beside src")
        }
        return [shape]
    }

    func mixesSamples(_ inputs: [Shape]) -> Bool {
        inputs[places[0]].isBatched && ((try? inputs[places[0]].axis(dimension)) ?? 0) == 0
    }

    private func walk(_ emit: Emitter) -> IndexWalk? {
        let shape = emit.inputShapes[places[0]]
        guard let axis = try? shape.axis(dimension) else { return nil }
        var walk = IndexWalk(shape, axis: axis, index: emit.inputShapes[places[1]])
        if number == nil { walk.other = emit.inputShapes[places[2]].strides }
        return walk
    }

    func forward(_ emit: Emitter) {
        guard let walk = walk(emit) else { return }
        let indices = emit.indices(places[1], limit: walk.limit)
        emit.save("indices", indices)
        emit.program.copyFlat(emit.input(places[0]), into: emit.output(), count: emit.outputShapes[0].elementCount)
        guard walk.limit > 0 else { return }
        emit.program.scatter(
            walk, number == nil ? emit.input(places[2]) : nil, number: number ?? 0, indices: indices, into: emit.output(), adds: Self.adds)
    }

    func backward(_ emit: Emitter) {
        guard let walk = walk(emit), let indices = emit.saved("indices") else { return }
        let program = emit.program
        let dy = emit.outputGradient()
        if emit.needsInputGradient(places[0]) {
            if Self.adds || walk.limit == 0 {
                emit.setInputGradient(places[0], as: dy)
            } else {
                let gradient = emit.inputGradient(places[0])
                program.copyFlat(dy, into: gradient, count: emit.outputShapes[0].elementCount)
                program.scatter(walk, nil, number: 0, indices: indices, into: gradient, adds: false)
            }
        }
        if number == nil, emit.needsInputGradient(places[2]) {
            let gradient = emit.inputGradient(places[2])
            program.fill(gradient, with: 0, count: emit.inputShapes[places[2]].elementCount)
            if walk.limit > 0 { program.gather(walk, dy, indices: indices, into: gradient) }
        }
    }
}
