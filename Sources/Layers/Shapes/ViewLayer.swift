// Layers whose output is the input's elements in the same order: nothing is computed or copied.

import Tensors

protocol ViewLayer: Layer {}

extension ViewLayer {
    static var passesIntegers: Bool { true }
    func forward(_ emit: Emitter) { emit.setOutput(as: emit.input()) }
    func backward(_ emit: Emitter) {
        if emit.needsInputGradient() { emit.setInputGradient(as: emit.outputGradient()) }
    }
}
