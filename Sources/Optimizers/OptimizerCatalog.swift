// All optimizers. A new one: its file and a line here.

import Layers
import Tensors

public enum OptimizerCatalog {
    public static let all: [any Optimizer.Type] = [SGD.self, Adam.self, AdamW.self, RMSprop.self]

    public static var kinds: [String] { all.map { $0.kind } }

    public static func type(of kind: String) -> (any Optimizer.Type)? { all.first { $0.kind == kind } }
}

/// An optimizer from its text ("adam lr=0.001 clip_norm=1"), with what all of them have.
public struct OptimizerChoice: Sendable {
    public let text: String
    public let optimizer: any Optimizer
    public let lr: Double
    public let clipNorm: Double
    public let clipValue: Double

    public init(_ text: String) throws(ChainruleError) {
        let (kind, attributes) = splitKind(text)
        guard let type = OptimizerCatalog.type(of: kind) else {
            throw ChainruleError(
                .attribute, "the optimizer", expected: "one of \(OptimizerCatalog.kinds.joined(separator: ", "))",
                got: "\"\(kind)\"")
        }
        let parsed = try Attributes(parsing: attributes, as: type.attributes + commonOptimizerAttributes, of: kind)
        optimizer = try type.init(parsed)
        lr = parsed.real("lr")
        clipNorm = parsed.real("clip_norm")
        clipValue = parsed.real("clip_value")
        self.text = text
    }
}
