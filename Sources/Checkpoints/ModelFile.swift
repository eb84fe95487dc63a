// A model as a safetensors file: its parameters under PyTorch's names, its description line by line
// in the metadata. A line is a node: kind, inputs, attributes.

import Graph
import Layers
import Tensors

public enum ModelFile {
    public static let formatKey = "chainrule_format"
    static let modelKey = "chainrule_model"
    static let typeKey = "chainrule_dtype"
    static let seedKey = "chainrule_seed"
    static let computeKey = "chainrule_compute"
    static let outputsKey = "chainrule_outputs"

    public static func metadata(_ model: Model) -> [(String, String)] {
        let lines = model.entries.map { entry in
            "\(entry.kind)\t\(entry.inputs.map(String.init).joined(separator: ","))\t\(entry.attributeText)"
        }
        return [
            (formatKey, "1"), (typeKey, model.type.name), (seedKey, String(model.seed)),
            (outputsKey, model.outputs.map { String(model.number(of: $0)) }.joined(separator: ",")),
            (modelKey, lines.joined(separator: "\n")),
        ] + (model.compute == .float32 ? [] : [(computeKey, "\(model.compute.word)")])
    }

    public static func tensors(_ model: Model) throws(ChainruleError) -> [(name: String, view: ArrayView)] {
        let base = try model.prepare().pointer
        return model.parameters.map { ($0.name, $0.view(base, model.type)) }
    }

    public static func serialize(_ model: Model) throws(ChainruleError) -> Storage {
        try SafetensorsFile.serialize(metadata: metadata(model), tensors: tensors(model))
    }

    /// The model that a file describes, with the file's values.
    public static func model(_ file: SafetensorsFile) throws(ChainruleError) -> Model {
        guard let format = file.metadata[formatKey], let text = file.metadata[modelKey] else {
            throw ChainruleError(
                .format, "the file", expected: "a model saved by Chainrule",
                got: "a safetensors file without a description; build the model and load its parameters")
        }
        guard format == "1" else {
            throw ChainruleError(.format, "the file's format", expected: "1", got: "\"\(format)\"; a newer Chainrule made it")
        }
        guard let type = [DataType.float32, .float64].first(where: { $0.name == file.metadata[typeKey] }),
            let seed = UInt64(file.metadata[seedKey] ?? "")
        else {
            throw ChainruleError(.format, "the file's metadata", expected: "\(typeKey) and \(seedKey)", got: "something else")
        }
        let model = Model(type: type, seed: seed)
        if let word = file.metadata[computeKey] {
            do throws(ChainruleError) {
                try model.setCompute(word)
            } catch {
                throw ChainruleError(.format, "the file's \(computeKey)", expected: error.expected, got: error.got)
            }
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, let inputs = integers(parts[1]) else {
                throw ChainruleError(.format, "node \(number) of the file", expected: "kind, inputs and attributes", got: "\"\(line)\"")
            }
            _ = try model.add(parts[0], parts[2], inputs: inputs)
        }
        if let outputs = integers(file.metadata[outputsKey] ?? ""), !outputs.isEmpty, outputs != model.outputs {
            try model.setOutputs(outputs)
        }
        try load(file, into: model, strict: false, requireAll: true, missing: .format)
        return model
    }

    static func integers(_ text: String) -> [Int]? {
        var list: [Int] = []
        for part in text.split(separator: ",") {
            guard let value = wholeNumber(part) else { return nil }
            list.append(value)
        }
        return list
    }

    /// Copies the tensors that the model has; nothing is written before all are known to fit.
    /// - strict: the file must hold nothing else.
    /// - requireAll: the file must hold every parameter; `missing` is the error's code otherwise.
    public static func load(
        _ file: SafetensorsFile, into model: Model, strict: Bool, requireAll: Bool, missing: ErrorCode = .notFound
    ) throws(ChainruleError) {
        var copies: [(ArrayView, Parameter)] = []
        var used = Set<String>()
        for parameter in model.parameters {
            guard let entry = file.tensors.first(where: { $0.name == parameter.name }) else {
                if requireAll {
                    let names = file.tensors.prefix(12).map(\.name).joined(separator: ", ")
                    throw ChainruleError(
                        missing, "the file", expected: "a tensor \"\(parameter.name)\"",
                        got: names.isEmpty ? "no tensors" : "only \(names)")
                }
                continue
            }
            used.insert(entry.name)
            // What isn't trained may be a count: PyTorch keeps num_batches_tracked as a whole number.
            guard let view = file.view(entry), view.type.isReal || !parameter.isTrainable else {
                throw ChainruleError(
                    .format, "tensor \"\(entry.name)\"", expected: "F32 or F64 of at most \(Shape.maximumRank) dimensions",
                    got: "\(entry.typeName) \(entry.shape)")
            }
            guard entry.shape == parameter.shape else {
                throw ChainruleError(
                    .shape, "tensor \"\(entry.name)\"", expected: "\(parameter.shape)", got: "\(entry.shape)")
            }
            copies.append((view, parameter))
        }
        guard !used.isEmpty || model.parameters.isEmpty else {
            throw ChainruleError(
                .notFound, "the file's tensors", expected: "one of the model's parameters", got: "none of them")
        }
        if strict, let extra = file.tensors.first(where: { !used.contains($0.name) }) {
            throw ChainruleError(
                .format, "the file's tensors", expected: "only parameters of the model", got: "\"\(extra.name)\" as well")
        }
        // Memory only now: a small file that describes a huge model has not got its tensors.
        let base = try model.prepare().pointer
        for (source, parameter) in copies { copyElements(from: source, to: parameter.view(base, model.type)) }
    }
}
