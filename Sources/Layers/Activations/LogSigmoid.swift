// log(1 / (1 + exp(-x)))

import KernelInterface
import Tensors

struct LogSigmoid: UnaryLayer {
    static let kind = "log_sigmoid"
    static let className: String? = "LogSigmoid"
    static let documentation = "log(1 / (1 + exp(-x))), element by element"

    let function = UnaryFunction.logSigmoid

    init(_ attributes: Attributes) throws(ChainruleError) {}
}
