// Which parameters one call updates, and where an optimizer's own arrays lie.

import Graph
import Layers
import Optimizers
import Tensors

/// Parameters of one group that lie side by side; one parameter, if its optimizer looks at each as a whole.
struct UpdateRun {
    let group: Int
    /// Bytes of the block of trainable parameters.
    var range: Range<Int>
    /// Indices into the model's parameters.
    var parameters: [Int]
    /// Where the optimizer's arrays begin, in bytes of its state.
    var state: [Int] = []
    /// Of a parameter of which the rows are looked at that a step used.
    var rowsKernel: Int?
}

/// A class: each step looks here, and a reference is all that it takes along.
final class UpdateLayout {
    let groups: [OptimizerGroup]
    private(set) var runs: [UpdateRun] = []
    /// What is kept in files: name, the array's description, where it lies.
    private(set) var arrays: [(name: String, parameter: Int, shape: Shape?, offset: Int)] = []
    /// Parameters that stay as they are.
    private(set) var frozen: Set<Int> = []
    /// Parameters of which only the rows that a step used are looked at.
    private(set) var sparse: Set<Int> = []
    /// Sums of gradients over batches, and the mean of the weights: arrays like the parameters' block.
    private(set) var accumulated: Int?
    private(set) var average: Int?
    private(set) var byteCount = 0
    /// Elements of the largest parameter that is updated.
    private(set) var largestCount = 1

    init(_ choice: OptimizerChoice, _ model: Model) throws(ChainruleError) {
        let trainable = model.parameters.indices.filter { model.parameters[$0].isTrainable }
        let assigned = try choice.assign(trainable.map { model.parameters[$0].name })
        groups = assigned.groups
        for (place, index) in trainable.enumerated() {
            let parameter = model.parameters[index]
            let group = assigned.of[place]
            let end = parameter.offset + Storage.aligned(parameter.elementCount * model.type.size)
            if groups[group].isFrozen {
                frozen.insert(index)
                continue
            }
            largestCount = max(largestCount, parameter.elementCount)
            if let kernel = UpdateLayout.rowsKernel(groups[group], parameter, choice) {
                sparse.insert(index)
                runs.append(UpdateRun(group: group, range: parameter.offset..<end, parameters: [index], rowsKernel: kernel))
                continue
            }
            if let last = runs.last, last.rowsKernel == nil, last.group == group, last.range.upperBound == parameter.offset,
                groups[group].optimizer is any FlatOptimizer
            {
                runs[runs.count - 1].range = last.range.lowerBound..<end
                runs[runs.count - 1].parameters.append(index)
            } else if parameter.elementCount > 0 {
                runs.append(UpdateRun(group: group, range: parameter.offset..<end, parameters: [index]))
            }
        }
        for place in runs.indices {
            var run = runs[place]
            try addState(&run, model)
            runs[place] = run
        }
        if choice.accumulate > 1 { accumulated = addWhole("accumulated", model) }
        if choice.hasAverage { average = addWhole("average", model) }
    }

    /// Where the gradient is zero, nothing may happen.
    private static func rowsKernel(_ group: OptimizerGroup, _ parameter: Parameter, _ choice: OptimizerChoice) -> Int? {
        guard parameter.specification.isSparse, parameter.elementCount > 0, choice.accumulate == 1, choice.clipNorm == 0,
            !group.isRegularized, !group.isConstrained
        else { return nil }
        return (group.optimizer as? any FlatOptimizer)?.rowsKernel
    }

    private func addState(_ run: inout UpdateRun, _ model: Model) throws(ChainruleError) {
        let optimizer = groups[run.group].optimizer
        if let flat = optimizer as? any FlatOptimizer {
            for name in flat.state {
                run.state.append(byteCount)
                for index in run.parameters {
                    arrays.append((name, index, nil, byteCount + model.parameters[index].offset - run.range.lowerBound))
                }
                byteCount += run.range.count
            }
        } else if let whole = optimizer as? any TensorOptimizer {
            let parameter = model.parameters[run.parameters[0]]
            for array in try whole.state(of: parameter.shape, name: parameter.name) {
                run.state.append(byteCount)
                arrays.append((array.name, run.parameters[0], array.shape, byteCount))
                byteCount += Storage.aligned((array.shape ?? parameter.shape).elementCount * model.type.size)
            }
        }
    }

    private func addWhole(_ name: String, _ model: Model) -> Int {
        let offset = byteCount
        for (index, parameter) in model.parameters.enumerated() where parameter.isTrainable {
            arrays.append((name, index, nil, offset + parameter.offset))
        }
        byteCount += model.trainableBytes
        return offset
    }

    /// Some parameters are changed by a function of the host program.
    var hasCustomOptimizer: Bool { runs.contains { groups[$0.group].optimizer is CustomOptimizer } }

    /// The only run, if nothing but one pass over all parameters is to be done.
    var single: UpdateRun? {
        guard runs.count == 1, frozen.isEmpty, sparse.isEmpty, accumulated == nil else { return nil }
        let group = groups[runs[0].group]
        return group.isRegularized || group.isConstrained ? nil : runs[0]
    }
}

extension Parameter {
    /// An array beside the parameter: of its own shape and layout, or of another one.
    func view(beside base: UnsafeMutableRawPointer, shape: Shape?, _ type: DataType) -> ArrayView {
        guard let shape else { return view(base - offset, type) }
        return ArrayView(base, type, shape.dimensions)
    }
}
