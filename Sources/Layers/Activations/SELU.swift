// ELU scaled so that activations normalise themselves (Klambauer et al. 2017)

import KernelInterface
import Tensors

struct SELU: UnaryLayer {
    static let kind = "selu"
    static let className: String? = "SELU"
    static let documentation = "ELU scaled so that activations normalise themselves (Klambauer et al. 2017), element by element"

    let function = UnaryFunction.selu

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
