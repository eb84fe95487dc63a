// A model's gradients against central differences: for those who wrote a layer of their own, or doubt ours.

import Layers
import Tensors

public struct GradientCheck {
    public struct Finding {
        public var error = 0.0
        public var place = ""
        public var gradient = 0.0
        public var numeric = 0.0

        public init() {}
    }

    fileprivate static let most = 1000
    fileprivate static let step = 1e-6

    private let model: Model
    private let context: Context
    private let inputs: [ArrayView]
    private let copies: [Storage]
    private let outputs: [(view: ArrayView, memory: Storage, seeds: [Double])]

    /// Whoever calls holds the model.
    public init(_ model: Model, _ given: [ArrayView]) throws(ChainruleError) {
        guard model.isDouble else {
            throw ChainruleError(.dataType, "the model's type", expected: "float64, which differences need", got: model.type.name)
        }
        self.model = model
        context = try Context(model: model)
        var copies: [Storage] = []
        var inputs: [ArrayView] = []
        for (view, specification) in zip(given, model.inputSpecifications) {
            try Feeds.check(view, specification, batch: nil)
            let type = specification.kind == .real ? DataType.float64 : .int64
            let memory = try Storage(byteCount: view.elementCount * 8, what: "an input's copy")
            let copy = ArrayView(memory.pointer, type, view.dimensions)
            copyElements(from: view, to: copy)
            copies.append(memory)
            inputs.append(copy)
        }
        self.copies = copies
        self.inputs = inputs
        let batch = try inputs.withUnsafeBufferPointer { (views) throws(ChainruleError) in
            try model.batch(of: views, model.inputSpecifications)
        }
        let random = Philox(seed: 1, stream: 0)
        var outputs: [(view: ArrayView, memory: Storage, seeds: [Double])] = []
        for node in model.outputs.map({ model.nodes[$0] }) {
            guard !node.isInteger else {
                throw ChainruleError(.dataType, "output \"\(node.name)\"", expected: "real numbers", got: "whole numbers")
            }
            let shape = try node.outputShape.with(batch: batch ?? 1).validated(what: "an output")
            let memory = try Storage(byteCount: shape.elementCount * 8, what: "an output")
            let seeds = (0..<shape.elementCount).map { 2 * random.uniform(UInt64($0)) - 1 }
            outputs.append((ArrayView(memory.pointer, .float64, shape.dimensions), memory, seeds))
        }
        self.outputs = outputs
    }

    /// The sum of all outputs, each times its seed.
    private func objective() throws(ChainruleError) -> Double {
        try inputs.withUnsafeBufferPointer { (views) throws(ChainruleError) in
            try context.forward(views, isTraining: true, drawsAnew: false)
        }
        var total = 0.0
        for (index, output) in outputs.enumerated() {
            try context.output(index, to: output.view)
            let numbers = output.memory.pointer.assumingMemoryBound(to: Double.self)
            for element in output.seeds.indices { total += numbers[element] * output.seeds[element] }
        }
        return total
    }

    public func run() throws(ChainruleError) -> Finding {
        _ = try objective()
        for output in outputs {
            let numbers = output.memory.pointer.assumingMemoryBound(to: Double.self)
            for element in output.seeds.indices { numbers[element] = output.seeds[element] }
        }
        let seeds = outputs.map(\.view)
        try seeds.withUnsafeBufferPointer { (views) throws(ChainruleError) in try context.backward(views) }
        var worst = Finding()
        // All gradients first: the differences run the model again.
        var tensors: [(name: String, address: UnsafeMutableRawPointer, gradient: [Double])] = []
        for (index, view) in inputs.enumerated() where view.type == .float64 && view.elementCount > 0 {
            let memory = try Storage(byteCount: view.elementCount * 8, what: "a gradient")
            try context.inputGradient(index, to: ArrayView(memory.pointer, .float64, view.dimensions))
            tensors.append(("input \(index)", copies[index].pointer, numbers(memory.pointer, view.elementCount)))
        }
        if let base = model.storage?.pointer, let gradients = context.executor.gradients {
            for parameter in model.parameters where parameter.isTrainable && parameter.elementCount > 0 {
                tensors.append(
                    (parameter.name, base + parameter.offset, numbers(gradients.pointer + parameter.offset, parameter.elementCount)))
            }
        }
        for tensor in tensors {
            try worst.compare(tensor.name, tensor.address, tensor.gradient, least: 1e-3) { () throws(ChainruleError) in try objective() }
        }
        return worst
    }

    private func numbers(_ address: UnsafeMutableRawPointer, _ count: Int) -> [Double] {
        (0..<count).map { address.load(fromByteOffset: $0 * 8, as: Double.self) }
    }
}

extension GradientCheck.Finding {
    /// Compares the gradient in an array, at 1000 places at most, with differences of the objective, which reads it.
    /// - least: what the error is relative to at least; otherwise to the largest gradient.
    public mutating func compare(
        _ name: String, _ address: UnsafeMutableRawPointer, _ gradient: [Double], least: Double,
        _ objective: () throws(ChainruleError) -> Double
    ) throws(ChainruleError) {
        let numbers = address.assumingMemoryBound(to: Double.self)
        let largest = max(gradient.map { abs($0) }.max() ?? 0, least)
        for element in stride(from: 0, to: gradient.count, by: max(1, gradient.count / GradientCheck.most)) {
            let kept = numbers[element]
            let step = GradientCheck.step * max(abs(kept), 1)
            defer { numbers[element] = kept }
            numbers[element] = kept + step
            let above = try objective()
            numbers[element] = kept - step
            let below = try objective()
            let numeric = (above - below) / (2 * step)
            // What rounding alone may do to the difference.
            let noise = 1e-15 * max(abs(above), abs(below)) / step
            let error = max(abs(numeric - gradient[element]) - noise, 0) / largest
            if !(error <= self.error) {
                (self.error, self.gradient, self.numeric) = (error, gradient[element], numeric)
                place = "\(name), element \(element)"
            }
        }
    }

    /// Throws when an error was larger than this (0: 1e-6).
    public func require(_ tolerance: Double) throws(ChainruleError) {
        guard error <= (tolerance == 0 ? 1e-6 : tolerance) else {
            throw ChainruleError(.value, "the gradient in \(place)", expected: "\(numeric), as differences say", got: "\(gradient)")
        }
    }
}
