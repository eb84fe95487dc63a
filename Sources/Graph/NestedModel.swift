// A model used as a layer of another: what it is made of is added once more, under names that begin with
// the layer's, and its present values are copied.

import Layers
import Tensors

extension Model {
    /// Adds the entries of another model; its inputs become these numbers. Returns the numbers of its outputs.
    public func add(_ other: Model, name given: String?, inputs: [Int]) throws(ChainruleError) -> [Int] {
        guard other !== self else {
            throw ChainruleError(.invalidArgument, "the model to add", expected: "another one", got: "the model itself")
        }
        guard other.type == type else {
            throw ChainruleError(.dataType, "the model to add", expected: type.name, got: other.type.name)
        }
        guard inputs.count == other.inputs.count else {
            throw ChainruleError(
                .invalidArgument, "the number of inputs of the model to add", expected: "\(other.inputs.count)", got: "\(inputs.count)")
        }
        guard !other.entries.isEmpty else {
            throw ChainruleError(.state, "the model to add", expected: "at least one node", got: "an empty model")
        }
        let prefix = given ?? String(numberOfLayers)
        let mark = Mark(self)
        do throws(ChainruleError) {
            let outputs = try append(other, prefix, inputs)
            numberOfLayers = mark.numberOfLayers + 1
            return outputs
        } catch {
            mark.restore(self)
            throw error.at(node: "model \"\(prefix)\"")
        }
    }

    private func append(_ other: Model, _ prefix: String, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        /// This model's numbers by the other's.
        var own: [Int] = []
        var input = 0
        for entry in other.entries {
            if entry.kind == Input.kind {
                try check(inputs[input], fits: other.nodes[other.inputs[input]])
                own.append(inputs[input])
                input += 1
                continue
            }
            let words = entry.attributeText.split(separator: " ").filter { !$0.hasPrefix("name=") }
            let text = (words.map(String.init) + ["name=\(prefix).\(entry.name)"]).joined(separator: " ")
            let firstParameter = parameters.count
            let number = try add(entry.kind, text, inputs: entry.inputs.map { own[$0] })
            own += Array(number..<(number + entry.outputShapes.count))
            let theirs = entry.nodes.flatMap { other.nodes[$0].parameters }
            for (place, parameter) in theirs.enumerated() { givenValues[firstParameter + place] = try other.copy(of: parameter) }
        }
        return other.outputs.map { own[other.number(of: $0)] }
    }

    private func check(_ number: Int, fits node: Node) throws(ChainruleError) {
        guard number >= 0, number < numbers.count else {
            throw ChainruleError(.invalidArgument, "an input", expected: "a node added before", got: "\(number)")
        }
        let source = nodes[numbers[number]]
        guard source.outputShape == node.outputShape, source.outputKinds[0] == node.outputKinds[0] else {
            throw ChainruleError(
                .shape, "input \"\(node.name)\" of the model to add",
                expected: "\(node.outputShape)" + (node.isInteger ? " of whole numbers" : ""), got: "\(source.outputShape)")
        }
    }

    /// A parameter's bytes as they are kept.
    private func copy(of index: Int) throws(ChainruleError) -> Storage {
        let base = try prepare()
        let parameter = parameters[index]
        let bytes = parameter.elementCount * type.size
        let copy = try Storage(byteCount: bytes, what: "a parameter's values")
        copy.pointer.copyMemory(from: base.pointer + parameter.offset, byteCount: bytes)
        return copy
    }
}

/// How far a model had got, to go back to.
private struct Mark {
    let nodes, entries, numbers, parameters, inputs, numberOfLayers: Int
    let givenValues: [Int: Storage]

    init(_ model: Model) {
        nodes = model.nodes.count
        entries = model.entries.count
        numbers = model.numbers.count
        parameters = model.parameters.count
        inputs = model.inputs.count
        numberOfLayers = model.numberOfLayers
        givenValues = model.givenValues
    }

    func restore(_ model: Model) {
        model.nodes.removeSubrange(nodes...)
        model.entries.removeSubrange(entries...)
        model.numbers.removeSubrange(numbers...)
        model.parameters.removeSubrange(parameters...)
        model.inputs.removeSubrange(inputs...)
        model.numberOfLayers = numberOfLayers
        model.givenValues = givenValues
    }
}
