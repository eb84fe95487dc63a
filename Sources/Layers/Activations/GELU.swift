// x * Phi(x), Phi the normal distribution (Hendrycks and Gimpel 2016)

import KernelInterface
import Tensors

struct GELU: UnaryLayer {
    static let kind = "gelu"
    static let className: String? = "GELU"
    static let documentation = "x * Phi(x), Phi the normal distribution; approximate=tanh: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))"
    static let attributes = [
        AttributeSpecification("approximate", .word(["none", "tanh"]), default: "none", "exact, or by tanh")
    ]

    let function: UnaryFunction

    init(_ attributes: Attributes) throws(ChainruleError) {
        function = attributes.text("approximate") == "tanh" ? .geluTanh : .gelu
    }
}
