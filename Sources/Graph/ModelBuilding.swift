// Adding to a model: a layer becomes a node (and one more for each further output), a composite the nodes
// that it is made of. Callers see numbers, one for each output of what they added.

import Layers
import Tensors

extension Model {
    /// More than anybody draws up; a file that describes a model may hold a line for each of its bytes.
    private static let mostNodes = 100_000

    /// Adds a layer, operation or composite; nil inputs mean the first output of what was added last.
    /// Inputs and the result are callers' numbers; the outputs have consecutive ones from the result on.
    public func add(_ kind: String, _ attributeText: String, inputs given: [Int]?) throws(ChainruleError) -> Int {
        guard !isInUse else {
            throw ChainruleError(
                .state, "adding to a model", expected: "a model that has not been used yet",
                got: "one that has parameters in use")
        }
        guard nodes.count < Model.mostNodes else {
            throw ChainruleError(.invalidArgument, "the number of nodes", expected: "at most \(Model.mostNodes)", got: "one more")
        }
        let custom = CustomCatalog.registry[kind]
        let type = custom == nil ? try Model.type(of: kind) : CustomCatalog.type
        let inputs = given ?? (type.inputCount.upperBound == 0 ? [] : entries.last.map { [$0.first] } ?? [])
        for number in inputs where number < 0 || number >= numbers.count {
            throw ChainruleError(
                .invalidArgument, "an input of \(kind)",
                expected: numbers.isEmpty ? "nodes added before; there are none yet" : "a node from 0 to \(numbers.count - 1)",
                got: "\(number)")
        }
        let known = custom.map { $0.attributes + [LayerCatalog.nameAttribute] } ?? LayerCatalog.attributes(of: type)
        var attributes = try Attributes(parsing: attributeText, as: known, of: kind)
        try setRoles(&attributes, kind, custom?.inputCount ?? type.inputCount, type, count: inputs.count)
        let name = try entryName(attributes, kind: kind, isInput: kind == Input.kind)
        let first = nodes.count
        let before = (parameters.count, self.inputs.count)
        let outputs: [Int]
        do throws(ChainruleError) {
            outputs = try append(type, kind, attributes, name, inputs.map { numbers[$0] }, hasName: attributes.has("name"))
        } catch {
            // All or nothing: a composite may have got half-way.
            nodes.removeSubrange(first...)
            parameters.removeSubrange(before.0...)
            self.inputs.removeSubrange(before.1...)
            throw error.at(node: "\(kind) \"\(name)\"")
        }
        entries.append(
            Entry(
                name: name, kind: kind, attributeText: attributes.text, inputs: inputs, nodes: first..<nodes.count,
                first: numbers.count, outputShapes: outputs.map { nodes[$0].outputShape }))
        numbers += outputs
        if parameters.count > before.0 { placeParameters() }
        if kind != Input.kind { numberOfLayers += 1 }
        return numbers.count - outputs.count
    }

    private static func type(of kind: String) throws(ChainruleError) -> any LayerDescription.Type {
        if let type = LayerCatalog.type(of: kind) { return type }
        // The whole catalog would fill the message: the kinds that begin alike.
        let start = kind.lowercased().prefix(2)
        let near = LayerCatalog.kinds.filter { start.count == 2 && $0.hasPrefix(start) }
        throw ChainruleError(
            .attribute, "the kind of a node",
            expected: "a kind of the catalog" + (near.isEmpty ? "" : ", such as \(near.prefix(12).joined(separator: ", "))"), got: "\"\(kind)\"")
    }

    /// Which inputs these are.
    fileprivate func setRoles(
        _ attributes: inout Attributes, _ kind: String, _ range: ClosedRange<Int>, _ type: any LayerDescription.Type, count: Int
    ) throws(ChainruleError) {
        guard range.contains(count) else {
            let expected =
                range.lowerBound == range.upperBound
                ? "\(range.lowerBound)"
                : range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            throw ChainruleError(.invalidArgument, "the number of inputs of \(kind)", expected: expected, got: "\(count)")
        }
        let roles = type.inputRoles
        guard attributes.has("inputs"), type.hasOptionalInputs else {
            attributes.inputRoles = Array(roles.prefix(count))
            return
        }
        let words = attributes.text("inputs").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let needed = roles.prefix(range.lowerBound)
        guard words.count == count, Set(words).count == count, words.allSatisfy({ roles.contains($0) }),
            needed.allSatisfy({ words.contains($0) })
        else {
            throw ChainruleError(
                .attribute, "\(type.kind)'s inputs",
                expected: "\(count) of \(roles.joined(separator: ",")), each once, \(needed.joined(separator: ",")) among them",
                got: "\"\(attributes.text("inputs"))\"")
        }
        attributes.inputRoles = words
    }

    private func entryName(_ attributes: Attributes, kind: String, isInput: Bool) throws(ChainruleError) -> String {
        guard attributes.has("name") else { return isInput ? "input\(inputs.isEmpty ? "" : String(inputs.count))" : String(numberOfLayers) }
        let name = attributes.text("name")
        guard !name.isEmpty, name.utf8.count <= 256, !entries.contains(where: { $0.name == name }) else {
            throw ChainruleError(
                .attribute, "\(kind)'s name", expected: "1 to 256 bytes that no other node is called", got: "\"\(name)\"")
        }
        return name
    }

    /// Appends the nodes of a layer or composite, and returns those of its outputs.
    fileprivate func append(
        _ type: any LayerDescription.Type, _ kind: String, _ attributes: Attributes, _ name: String, _ inputNodes: [Int],
        hasName: Bool
    ) throws(ChainruleError) -> [Int] {
        let made: any LayerDescription =
            if let custom = CustomCatalog.registry[kind] { CustomCatalog.layer(custom, attributes) } else { try type.init(attributes) }
        if let composite = made as? any CompositeLayer {
            let outputs = try composite.build(Composition(self, name), inputNodes)
            guard outputs.count == type.outputRoles.count else {
                throw ChainruleError(.internal, "\(kind) made \(outputs.count) outputs instead of \(type.outputRoles.count)")
            }
            return outputs
        }
        guard let layer = made as? any Layer else { throw ChainruleError(.internal, "\(kind) is no layer") }
        let shapes = inputNodes.map { nodes[$0].outputShape }
        let kinds = inputNodes.map { nodes[$0].outputKinds[0] }
        try Model.check(kinds, layer, attributes.inputRoles)
        var outputShapes: [Shape] = []
        for shape in try layer.outputShapes(shapes) { outputShapes.append(try shape.validated(what: "the output")) }
        let outputKinds = layer.outputKinds(kinds)
        guard outputShapes.count == type.outputRoles.count, outputKinds.count == outputShapes.count else {
            throw ChainruleError(.internal, "\(kind) has \(outputShapes.count) outputs instead of \(type.outputRoles.count)")
        }
        let isInput = kind == Input.kind
        let indices = try addParameters(of: layer, shapes, name, isItself: hasName && type.inputCount.upperBound == 0)
        let node = nodes.count
        nodes.append(
            Node(
                name: name, kind: kind, attributeText: attributes.text, layer: layer, inputs: inputNodes, inputShapes: shapes,
                outputShapes: outputShapes, outputKinds: outputKinds, parameters: indices,
                inputIndex: isInput ? inputs.count : nil, selectedOutput: nil))
        if isInput { inputs.append(node) }
        for output in outputShapes.indices.dropFirst() {
            nodes.append(
                Node(
                    name: "\(name).\(type.outputRoles[output])", kind: kind, attributeText: "", layer: Selection(shape: outputShapes[output]),
                    inputs: [node], inputShapes: [outputShapes[0]], outputShapes: [outputShapes[output]],
                    outputKinds: [outputKinds[output]], parameters: [], inputIndex: nil, selectedOutput: output))
        }
        return Array(node..<nodes.count)
    }

    private static func check(_ kinds: [ElementKind], _ layer: any Layer, _ roles: [String]) throws(ChainruleError) {
        let type = Swift.type(of: layer)
        guard !type.passesIntegers else { return }
        for (index, kind) in kinds.enumerated() {
            let role = index < roles.count ? roles[index] : "input \(index)"
            if type.eitherInputs.contains(role) { continue }
            let wanted: ElementKind = type.integerInputs.contains(role) ? .integer : .real
            guard kind != wanted else { continue }
            throw ChainruleError(
                .dataType, "\(type.kind)'s \(role)",
                expected: wanted == .integer ? "whole numbers (an input with dtype=integer, argmax, ...)" : "real numbers",
                got: kind == .integer ? "whole numbers" : "real numbers")
        }
    }

    private func addParameters(
        of layer: any Layer, _ shapes: [Shape], _ name: String, isItself: Bool
    ) throws(ChainruleError) -> [Int] {
        var added: [Parameter] = []
        let specifications = try layer.parameters(shapes)
        let isItself = isItself && specifications.count == 1
        for specification in specifications {
            var specification = specification
            specification.shape = try specification.shape.validated(what: "parameter \(specification.name)")
            if specification.values == nil { try specification.initializer.check(specification.shape, what: "parameter \(specification.name)") }
            // A node that is nothing but its tensor gives it its own name.
            let fullName = isItself ? name : "\(name).\(specification.name)"
            guard !parameters.contains(where: { $0.name == fullName }) else {
                throw ChainruleError(.attribute, "a parameter's name", expected: "one that is free", got: "\"\(fullName)\"")
            }
            added.append(Parameter(name: fullName, localName: specification.name, node: nodes.count, specification: specification))
        }
        let first = parameters.count
        parameters += added
        return Array(first..<parameters.count)
    }
}

/// The nodes of a composite in the making.
private final class Composition: GraphBuilding {
    private unowned let model: Model
    private let prefix: String

    init(_ model: Model, _ prefix: String) {
        self.model = model
        self.prefix = prefix
    }

    func add(_ kind: String, _ text: String, _ inputs: [Int], name: String?) throws(ChainruleError) -> [Int] {
        guard let type = LayerCatalog.type(of: kind) else { throw ChainruleError(.internal, "no kind \(kind)") }
        var attributes = try Attributes(parsing: text, as: LayerCatalog.attributes(of: type), of: kind)
        try model.setRoles(&attributes, kind, type.inputCount, type, count: inputs.count)
        let own = name.map { "\(prefix).\($0)" } ?? "\(prefix).\(kind)#\(model.nodes.count)"
        return try model.append(type, kind, attributes, own, inputs, hasName: name != nil)
    }

    func shape(_ node: Int) -> Shape { model.nodes[node].outputShape }
}

/// A further output of a node: the plan takes the value from there.
private struct Selection: Layer {
    static let kind = "selection"
    static let documentation = "one of several outputs"
    static let passesIntegers = true
    let shape: Shape
    init(shape: Shape) { self.shape = shape }
    init(_ attributes: Attributes) throws(ChainruleError) { shape = [] }
    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] { [shape] }
    func forward(_ emit: Emitter) {}
    func backward(_ emit: Emitter) {}
}
