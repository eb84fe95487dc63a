// The gated recurrent unit (Cho et al. 2014), with PyTorch's place for the reset gate: on W_hn h + b_hn.

import KernelInterface
import Tensors

struct GRU: RecurrentStack {
    static let kind = "gru"
    static let className: String? = "GRU"
    static let documentation = """
        r, z = sigmoid(W_i x_t + b_i + W_h h_(t-1) + b_h), n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn)), \
        h_t = (1 - z) n + z h_(t-1); gates in the order r, z, n. \(RecurrentOptions.note)
        """
    static let attributes = RecurrentOptions.attributes()
    static let inputCount = 1...3
    static let outputRoles = ["output", "h_n"]
    static let parameterShapes = RecurrentOptions.parameterShapes(3, projection: false)

    let options: RecurrentOptions

    init(_ attributes: Attributes) throws(ChainruleError) { options = try RecurrentOptions(attributes, Self.kind, .gru) }
}
