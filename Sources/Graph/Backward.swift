// The chain rule: from the gradients in the outputs, node by node against the order of computation,
// to the gradients in parameters and inputs. A node's gradient is the sum over those who used it.

import KernelInterface
import Layers
import Tensors

extension PlanBuilder {
    /// - seeds: the gradient in each output node.
    /// - wantsInputs: also down to the model's inputs.
    /// - returns: the gradients in the model's inputs; nil where none was asked for or none flows.
    @discardableResult
    public func appendBackward(seeds: [(node: Int, gradient: Value)], wantsInputs: Bool) -> [Value?] {
        var arriving = [[Value]](repeating: [], count: model.nodes.count)
        /// Gradients in outputs behind the first, by node and output.
        var further: [Int: [Int: Value]] = [:]
        for seed in seeds { arriving[seed.node].append(seed.gradient) }
        let needed = nodesNeedingGradient(wantsInputs: wantsInputs)
        var inputGradients = [Value?](repeating: nil, count: model.inputs.count)
        var reached = Set<Int>()

        for (index, node) in model.nodes.enumerated().reversed() where needed[index] {
            program.node = index
            let gradient = sum(arriving[index], count: emitters[index].outputShapes[0].elementCount)
            if let output = node.selectedOutput {
                if let gradient { further[node.inputs[0], default: [:]][output] = gradient }
                continue
            }
            guard gradient != nil || further[index] != nil else { continue }
            if let input = node.inputIndex {
                inputGradients[input] = gradient
                continue
            }
            let emitter = emitters[index]
            emitter.outputGradients = emitter.outputShapes.indices.map { $0 == 0 ? gradient : further[index]?[$0] }
            emitter.inputsNeedingGradient = node.inputs.map { needed[$0] }
            program.roundsOperands = model.roundsOperands(index)
            node.layer.backward(emitter)
            program.roundsOperands = false
            for parameter in node.parameters { reached.insert(parameter) }
            for (input, contribution) in zip(node.inputs, emitter.inputGradients) {
                if let contribution { arriving[input].append(contribution) }
            }
        }
        if request.addsGradients { addFresh(reached) } else { clearUnreached(reached) }
        return inputGradients
    }

    /// Nodes from which a parameter (or a wanted input) can be reached backwards.
    private func nodesNeedingGradient(wantsInputs: Bool) -> [Bool] {
        var needed: [Bool] = []
        for node in model.nodes {
            let isReached = learns(node) || (wantsInputs && node.inputIndex != nil) || node.inputs.contains { needed[$0] }
            needed.append(isReached && !node.isInteger)
        }
        return needed
    }

    private func sum(_ values: [Value], count: Int) -> Value? {
        guard var total = values.first else { return nil }
        for value in values.dropFirst() {
            let sum = program.value(elements: count)
            program.addFlat(total, value, into: sum, count: count)
            total = sum
        }
        return total
    }

    /// Adds what this pass found to the gradients of earlier ones, and looks at the sums: an update needs to know that
    /// no gradient is NaN, infinite or very large, and would have to read them once more for that.
    private func addFresh(_ reached: Set<Int>) {
        let flag = program.value(bytes: 4, home: .block(.control, Control.sawLarge))
        for index in reached.sorted() where model.parameters[index].isTrainable {
            let parameter = model.parameters[index]
            guard let fresh = emitters[parameter.node].parameterGradient(parameter.localName) else { continue }
            let total = program.value(elements: parameter.elementCount, home: .block(.gradients, parameter.offset))
            program.accumulate(fresh, a: 1, into: total, b: 1, count: parameter.elementCount, large: flag)
        }
    }

    /// A parameter that doesn't reach the outputs has gradient zero.
    private func clearUnreached(_ reached: Set<Int>) {
        for (index, parameter) in model.parameters.enumerated()
        where parameter.isTrainable && !reached.contains(index) && !request.frozen.contains(index) {
            let gradient = program.value(elements: parameter.elementCount, home: .block(.gradients, parameter.offset))
            program.fill(gradient, with: 0, count: parameter.elementCount)
        }
    }
}
