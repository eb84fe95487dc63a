// Long short-term memory (Hochreiter and Schmidhuber 1997; the forget gate: Gers et al. 2000; the
// projection: Sak et al. 2014).

import KernelInterface
import Tensors

struct LSTM: RecurrentStack {
    static let kind = "lstm"
    static let className: String? = "LSTM"
    static let documentation = """
        i, f, g, o = gates of W_ih x_t + b_ih + W_hh h_(t-1) + b_hh, sigmoid but g tanh; c_t = f c_(t-1) + i g, \
        h_t = o tanh(c_t), or W_hr times that. \(RecurrentOptions.note)
        """
    static let attributes = RecurrentOptions.attributes(last: [
        AttributeSpecification(
            "proj_size", .integer(0...RecurrentOptions.limit), default: "0", "size that W_hr projects the state to; 0: none")
    ])
    static let inputCount = 1...4
    static let outputRoles = ["output", "h_n", "c_n"]
    static let parameterShapes = RecurrentOptions.parameterShapes(4, projection: true)

    let options: RecurrentOptions

    init(_ attributes: Attributes) throws(ChainruleError) { options = try RecurrentOptions(attributes, Self.kind, .lstm) }
}
