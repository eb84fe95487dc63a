// Elman's recurrent layer (1990): the new state is a function of the input and the state before.

import KernelInterface
import Tensors

struct RNN: RecurrentStack {
    static let kind = "rnn"
    static let className: String? = "RNN"
    static let documentation = "h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu. \(RecurrentOptions.note)"
    static let attributes = RecurrentOptions.attributes([
        AttributeSpecification("nonlinearity", .word(["tanh", "relu"]), default: "tanh", "the function")
    ])
    static let inputCount = 1...3
    static let outputRoles = ["output", "h_n"]
    static let parameterShapes = RecurrentOptions.parameterShapes(1, projection: false)

    let options: RecurrentOptions

    init(_ attributes: Attributes) throws(ChainruleError) {
        options = try RecurrentOptions(attributes, Self.kind, attributes.text("nonlinearity") == "relu" ? .relu : .tanh)
    }
}
