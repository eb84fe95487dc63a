// Sizes of 1 become larger by repeating what is there.

import Tensors

struct Expand: Layer {
    static let kind = "expand"
    static let passesIntegers = true
    static let documentation = "dimensions of size 1 repeated to new sizes, as broadcasting does; -1 leaves a size as it is"
    static let attributes = [
        AttributeSpecification("size", .integers, "the new sizes, the batch first; -1: as it is; further ones may stand in front if there is no batch")
    ]

    let sizes: [Int]

    init(_ attributes: Attributes) throws(ChainruleError) {
        sizes = attributes.integers("size")
        guard sizes.allSatisfy({ $0 >= -1 }) else {
            throw ChainruleError(.attribute, "expand's size", expected: "sizes of 0 or more, or -1", got: "\(sizes)")
        }
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let own = inputs[0]
        let more = sizes.count - own.rank
        guard more >= 0, more == 0 || !own.isBatched, !sizes.prefix(max(more, 0)).contains(-1) else {
            throw ChainruleError(
                .attribute, "expand's size", expected: own.isBatched ? "\(own.rank) sizes" : "\(own.rank) sizes or more, new ones not -1",
                got: "\(sizes)")
        }
        var result = Array(sizes.prefix(more))
        for (index, size) in own.dimensions.enumerated() {
            let wanted = sizes[more + index]
            guard wanted == -1 || wanted == size || size == 1 else {
                throw ChainruleError(.shape, "expand's size", expected: "\(size) or -1 for dimension \(index) of \(own)", got: "\(wanted)")
            }
            result.append(wanted == -1 ? size : wanted)
        }
        return [Shape(result)]
    }

    func forward(_ emit: Emitter) {
        let shape = emit.outputShapes[0]
        emit.program.copyStrided(
            emit.input(), strides: emit.inputShapes[0].broadcastStrides(to: shape), into: emit.output(), strides: shape.strides,
            sizes: shape.dimensions)
    }

    func backward(_ emit: Emitter) {
        guard emit.needsInputGradient() else { return }
        emit.program.sumTo(emit.inputShapes[0], emit.outputGradient(), emit.outputShapes[0], into: emit.inputGradient())
    }
}
