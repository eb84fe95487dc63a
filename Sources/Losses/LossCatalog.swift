// All losses. A new one: its file and a line here. "none" stands for the output itself and is the
// trainer's matter.

import Layers
import Tensors

public enum LossCatalog {
    public static let all: [any Loss.Type] = [
        MeanSquaredError.self, L1.self, Huber.self, CrossEntropy.self, BinaryCrossEntropyWithLogits.self,
    ]
    public static let none = "none"
    public static let noneDocumentation = "the model's output, one number, is itself what is minimised"

    public static var kinds: [String] { all.map { $0.kind } + [none] }

    public static func type(of kind: String) -> (any Loss.Type)? { all.first { $0.kind == kind } }

    /// A loss from its text ("cross_entropy label_smoothing=0.1"); nil for "none".
    public static func make(_ text: String) throws(ChainruleError) -> (any Loss)? {
        let (kind, attributes) = splitKind(text)
        if let type = type(of: kind) {
            return try type.init(Attributes(parsing: attributes, as: type.attributes, of: kind))
        }
        guard kind == none else {
            throw ChainruleError(.attribute, "the loss", expected: "one of \(kinds.joined(separator: ", "))", got: "\"\(kind)\"")
        }
        _ = try Attributes(parsing: attributes, as: [], of: kind)
        return nil
    }
}
