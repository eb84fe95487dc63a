// The operations of an update: gradients are regularised and looked over, parameters changed and
// constrained, their mean taken.

import Graph
import KernelDispatch
import KernelInterface
import Layers
import Optimizers
import Tensors

struct UpdateProgram {
    let choice: OptimizerChoice
    let layout: UpdateLayout
    let model: Model

    private var elementSize: Int { model.type.size }

    /// Whether an update may do with `checkOfWatched` and what was seen of the gradients when they were added up.
    var usesSums: Bool { choice.clipNorm == 0 && layout.accumulated == nil && layout.groups.allSatisfy { !$0.isRegularized } }

    /// Phase check alone, of what is not a gradient.
    func checkOfWatched() -> Program {
        let program = Program(isDouble: model.isDouble)
        program.phase = .check
        program.node = -1
        appendCheck(to: program, [], watched: watched(program), scale: nil)
        return program
    }

    /// Few parameters of one group: phase update alone, in one call that looks at the gradients first; nil: for others.
    func joined() -> Program? {
        guard let run = layout.single, choice.clipNorm == 0, run.range.count <= parametersPerPiece * elementSize,
            layout.groups[run.group].optimizer is any FlatOptimizer
        else { return nil }
        let program = Program(isDouble: model.isDouble)
        guard watched(program).isEmpty else { return nil }
        program.phase = .update
        append(
            to: program, run, range: run.range, gradient: gradient(of: run, run.range, program), scale: nil,
            flag: program.value(bytes: 4, home: .block(.control, Control.nonFinite)))
        return program
    }

    /// The update of all parameters, in the phases check, update and commit (the mean of the weights).
    func whole() -> Program {
        let program = Program(isDouble: model.isDouble)
        let scale = choice.clipNorm > 0 ? program.value(bytes: 8, home: .block(.control, Control.gradientScale)) : nil
        program.phase = .check
        program.node = -1
        var sections: [(run: Int, range: Range<Int>, gradient: Value)] = []
        var sources: [(value: Value, elements: Int)] = []
        for (index, run) in layout.runs.enumerated() {
            let starts = sectionStarts(run)
            for (place, start) in starts.enumerated() {
                let range = start..<(place + 1 < starts.count ? starts[place + 1] : run.range.upperBound)
                let gradient = gradient(of: run, range, program)
                sections.append((index, range, gradient))
                if run.rowsKernel == nil { sources.append((gradient, range.count / elementSize)) }
            }
        }
        appendCheck(
            to: program, sources, tables: layout.runs.filter { $0.rowsKernel != nil }, watched: watched(program), scale: scale)
        program.phase = .update
        for section in sections {
            append(to: program, layout.runs[section.run], range: section.range, gradient: section.gradient, scale: scale)
        }
        for run in layout.runs { appendConstraints(to: program, run) }
        if let average = layout.average {
            let count = model.trainableBytes / elementSize
            program.phase = .commit
            program.accumulate(
                program.value(elements: count, home: .block(.parameters, 0)), a: 0,
                into: program.value(elements: count, home: .block(.optimizer, average)), b: 1, count: count)
        }
        return program
    }

    /// Elements of a weight that is worth a section of its own.
    private static let leastSection = 4 * parametersPerPiece

    /// Where the parts of a run begin that are looked at and updated by a call each, in bytes: each large weight begins one,
    /// so that the halves that two threads take are those that they have computed the gradient of.
    private func sectionStarts(_ run: UpdateRun) -> [Int] {
        var starts = [run.range.lowerBound]
        let group = layout.groups[run.group]
        if run.rowsKernel != nil || group.isRegularized || layout.accumulated != nil { return starts }
        var last = starts[0]
        for index in run.parameters {
            let parameter = model.parameters[index]
            if parameter.elementCount < Self.leastSection || parameter.offset - last < Self.leastSection * elementSize { continue }
            last = parameter.offset
            starts.append(last)
        }
        return starts
    }

    /// Takes a batch's gradients into the mean: phase check, then update for the first batch or commit for
    /// a further one.
    func accumulation() -> Program? {
        guard let place = layout.accumulated else { return nil }
        let program = Program(isDouble: model.isDouble)
        let count = model.trainableBytes / elementSize
        let fresh = program.value(elements: count, home: .block(.gradients, 0))
        let sum = program.value(elements: count, home: .block(.optimizer, place))
        program.phase = .check
        appendCheck(to: program, [(fresh, count)], scale: nil)
        program.phase = .update
        program.accumulate(fresh, a: 1 / Double(choice.accumulate), into: sum, b: 0, count: count)
        program.phase = .commit
        program.accumulate(fresh, a: 1 / Double(choice.accumulate), into: sum, b: 1, count: count)
        return program
    }

    /// The gradients of a byte range of the parameters, as they come; the mean of several batches' in
    /// memory of its own, so that nothing that is kept has changed when the update is refused.
    func source(_ range: Range<Int>, _ program: Program) -> (value: Value, elements: Int) {
        let count = range.count / elementSize
        let fresh = program.value(bytes: range.count, home: .block(.gradients, range.lowerBound))
        guard let place = layout.accumulated else { return (fresh, count) }
        let mean = program.value(bytes: range.count)
        let sum = program.value(bytes: range.count, home: .block(.optimizer, place + range.lowerBound))
        program.accumulate(sum, a: 1, into: mean, b: 0, count: count)
        program.accumulate(fresh, a: 1 / Double(choice.accumulate), into: mean, b: 1, count: count)
        return (mean, count)
    }

    /// What bounds the optimizers' steps beside the gradients.
    private func watched(_ program: Program) -> [(value: Value, elements: Int)] {
        var list: [(value: Value, elements: Int)] = []
        for run in layout.runs {
            let optimizer = layout.groups[run.group].optimizer
            var homes: [Home] = []
            if optimizer.watchesParameters { homes.append(.block(.parameters, run.range.lowerBound)) }
            if let index = optimizer.watchedState { homes.append(.block(.optimizer, run.state[index])) }
            list += homes.map { (program.value(bytes: run.range.count, home: $0), run.range.count / elementSize) }
        }
        return list
    }

    /// Looks for NaN, infinity and numbers beyond the limit (UpdateLimits.swift) in the gradients and in
    /// what is watched, and sets the control block's flag to whether there is any. `scale` receives what
    /// clipping by norm multiplies gradients by.
    /// - tables: of which only the touched rows are looked at; there is no clipping by norm then.
    func appendCheck(
        to program: Program, _ sources: [(value: Value, elements: Int)], tables: [UpdateRun] = [],
        watched: [(value: Value, elements: Int)] = [], scale: Value?
    ) {
        let places = tables.map { TouchedRows($0, model, program) }
        let all = (sources + watched).reduce(0) { $0 + flatPieces($1.elements) }
        let count = places.reduce(all) { $0 + $1.pieces }
        let flags = program.value(bytes: max(count, 1) * 4)
        var from = 0
        for table in places {
            program.call(
                .touchedRowsFinite,
                [Operand(1, table.gradient, .read), Operand(2, flags, .write, byteOffset: from * 4), Operand(6, table.first, .read)],
                pieces: table.pieces, cost: Double(table.rows) * 0.5
            ) {
                $0.integers[0] = table.rows
                $0.integers[1] = table.columns
                $0.scalars[0] = UpdateLimits(isDouble: program.isDouble).scale
            }
            from += table.pieces
        }
        appendCheck(to: program, sources, watched: watched, flags: flags, from: from, count: count, scale: scale)
    }

    /// The same, behind the first `from` of `count` flags, which others set.
    func appendCheck(
        to program: Program, _ sources: [(value: Value, elements: Int)], watched: [(value: Value, elements: Int)] = [], flags: Value,
        from: Int, count: Int, scale: Value?
    ) {
        let flag = program.value(bytes: 4, home: .block(.control, Control.nonFinite))
        var finish = [Operand(1, flags, .read), Operand(4, flag, .write)]
        let partials = scale.map { _ in program.value(bytes: max(count, 1) * 8) }
        if let scale, let partials { finish += [Operand(0, partials, .read), Operand(3, scale, .write)] }
        // What is watched adds nothing to the norm.
        if let partials, !watched.isEmpty {
            program.fill(partials, with: 0, count: max(count, 1) * 8 / elementSize)
        }
        var place = from
        for (index, source) in (sources + watched).enumerated() {
            let pieces = flatPieces(source.elements)
            var operands = [Operand(0, source.value, .read), Operand(2, flags, .write, byteOffset: place * 4)]
            if let partials, index < sources.count { operands.append(Operand(1, partials, .write, byteOffset: place * 8)) }
            program.call(.gradientStatistics, operands, pieces: pieces, cost: Double(source.elements) * 0.1) {
                $0.integers[0] = source.elements
                $0.scalars[0] = UpdateLimits(isDouble: program.isDouble).scale
            }
            place += pieces
        }
        program.call(.gradientStatisticsFinish, finish) {
            $0.integers[0] = count
            $0.scalars[0] = scale != nil ? choice.clipNorm : .infinity
        }
    }

    /// Updates a byte range within a run. The calls' numbers come with each step.
    /// - flag: the call looks at the gradients first, and says here whether one was too large for it.
    func append(to program: Program, _ run: UpdateRun, range: Range<Int>, gradient: Value, scale: Value?, flag: Value? = nil) {
        let elements = range.count / elementSize
        let optimizer = layout.groups[run.group].optimizer
        func state(_ index: Int) -> Value {
            program.value(elements: elements, home: .block(.optimizer, run.state[index] + range.lowerBound - run.range.lowerBound))
        }
        let parameter = program.value(elements: elements, home: .block(.parameters, range.lowerBound))
        program.node = run.group
        if let kernel = run.rowsKernel, let flat = optimizer as? any FlatOptimizer {
            let table = TouchedRows(run, model, program)
            var operands = [Operand(0, parameter, .write), Operand(1, gradient, .read), Operand(6, table.first, .read)]
            for index in run.state.indices { operands.append(Operand(flat.stateSlots[index], state(index), .write)) }
            program.call(.updateTouchedRows, operands, pieces: table.pieces, cost: Double(table.rows) * 0.5) {
                $0.integers[0] = table.rows
                $0.integers[1] = flat.options
                $0.integers[3] = flat.maximize ? 1 : 0
                $0.integers[4] = table.columns
                $0.integers[5] = kernel
            }
        } else if let flat = optimizer as? any FlatOptimizer {
            var operands = [Operand(0, parameter, .write), Operand(1, gradient, .read)]
            for index in run.state.indices { operands.append(Operand(flat.stateSlots[index], state(index), .write)) }
            if let scale { operands.append(Operand(4, scale, .read)) }
            if let flag { operands.append(Operand(7, flag, .write)) }
            program.call(flat.kernel, operands, pieces: flatPieces(elements, parametersPerPiece), cost: Double(elements) * 0.5) {
                $0.integers[0] = elements
                $0.integers[1] = flat.options
                $0.integers[3] = flat.maximize ? 1 : 0
            }
        } else if let whole = optimizer as? any TensorOptimizer {
            let own = model.parameters[run.parameters[0]]
            whole.append(
                TensorUpdate(
                    program: program, shape: own.shape, isTransposed: own.specification.isTransposed, parameter: parameter,
                    gradient: gradient, state: run.state.indices.map { state($0) }, scale: scale,
                    clipValue: choice.clipValue > 0 ? choice.clipValue : .infinity, maximize: whole.maximize))
        }
        program.node = -1
    }

    // Regularisation: the derivatives of what the loss grows by.

    /// A section's gradients, with the regularisers' added in memory of their own.
    private func gradient(of run: UpdateRun, _ section: Range<Int>, _ program: Program) -> Value {
        let group = layout.groups[run.group]
        let plain = source(section, program).value
        guard group.isRegularized else { return plain }
        let sum = program.value(bytes: run.range.count)
        for index in run.parameters {
            let parameter = model.parameters[index]
            let offset = parameter.offset - run.range.lowerBound
            let isMatrix = parameter.shape.rank > 1 && group.orthogonal > 0
            let weight = program.value(elements: parameter.elementCount, home: .block(.parameters, parameter.offset))
            program.call(
                .regularize,
                [Operand(0, weight, .read), Operand(1, plain, .read, byteOffset: offset), Operand(2, sum, .write, byteOffset: offset)],
                pieces: flatPieces(parameter.elementCount, parametersPerPiece), cost: Double(parameter.elementCount) * 0.3
            ) {
                $0.integers[0] = parameter.elementCount
                $0.scalars[0] = group.l1
                // |W W^T - I|^2 has the derivative 4 W W^T W - 4 W.
                $0.scalars[1] = 2 * group.l2 - (isMatrix ? 4 * group.orthogonal : 0)
            }
            if isMatrix { addCube(parameter, weight, factor: 4 * group.orthogonal, to: sum, byteOffset: offset, program) }
        }
        return sum
    }

    /// Adds factor * W W^T W.
    private func addCube(_ parameter: Parameter, _ weight: Value, factor: Double, to sum: Value, byteOffset: Int, _ program: Program) {
        let outer = parameter.shape[0]
        let rest = parameter.elementCount / outer
        let rows = parameter.specification.isTransposed ? rest : outer
        let columns = parameter.specification.isTransposed ? outer : rest
        let isTall = rows > columns
        let side = min(rows, columns)
        let gram = program.value(elements: side * side)
        let cube = program.value(elements: parameter.elementCount)
        program.matrixProduct(
            m: side, n: side, k: max(rows, columns), a: weight, transposeA: isTall, b: weight, transposeB: !isTall, into: gram)
        program.matrixProduct(m: rows, n: columns, k: side, a: isTall ? weight : gram, b: isTall ? gram : weight, into: cube)
        program.call(
            .accumulate, [Operand(0, cube, .read), Operand(1, sum, .write, byteOffset: byteOffset)],
            pieces: flatPieces(parameter.elementCount), cost: Double(parameter.elementCount) * 0.2
        ) {
            $0.integers[0] = parameter.elementCount
            $0.scalars[0] = factor
            $0.scalars[1] = 1
        }
    }

    // Constraints. A unit's weights are all dimensions of its parameter but the first; a vector is one unit.

    private func appendConstraints(to program: Program, _ run: UpdateRun) {
        let group = layout.groups[run.group]
        guard group.isConstrained else { return }
        for index in run.parameters {
            let parameter = model.parameters[index]
            let count = parameter.elementCount
            guard count > 0 else { continue }
            let weight = program.value(elements: count, home: .block(.parameters, parameter.offset))
            func constrain(_ which: Int, units: Int, unitsPerPiece: Int, isTransposed: Bool) {
                program.call(
                    .constrain, [Operand(0, weight, .write)], pieces: (units + unitsPerPiece - 1) / unitsPerPiece,
                    cost: Double(count) * 0.5
                ) {
                    $0.integers[0] = units
                    $0.integers[1] = which
                    $0.integers[2] = count / units
                    $0.integers[3] = isTransposed ? 1 : 0
                    $0.integers[4] = unitsPerPiece
                    $0.scalars[0] = group.maxNorm
                }
            }
            if group.isNonNegative { constrain(0, units: count, unitsPerPiece: elementsPerPiece, isTransposed: false) }
            if group.maxNorm > 0 || group.hasUnitNorm {
                let units = parameter.shape.rank > 1 ? parameter.shape[0] : 1
                // Neighbouring units go together in vectors: a multiple of 16.
                let perPiece = max(1, elementsPerPiece * 16 / count * units / 256) * 16
                constrain(group.hasUnitNorm ? 2 : 1, units: units, unitsPerPiece: perPiece, isTransposed: parameter.specification.isTransposed)
            }
        }
    }
}

/// A sparse parameter's gradient, and the lists of its rows.
private struct TouchedRows {
    let rows: Int
    let columns: Int
    let gradient: Value
    let first: Value
    var pieces: Int { (rows + rowsPerTouchedPiece - 1) / rowsPerTouchedPiece }

    init(_ run: UpdateRun, _ model: Model, _ program: Program) {
        let parameter = model.parameters[run.parameters[0]]
        rows = parameter.shape[0]
        columns = parameter.elementCount / max(rows, 1)
        gradient = program.value(bytes: run.range.count, home: .block(.gradients, run.range.lowerBound))
        first = program.value(bytes: rows * 8, home: .block(.rows, parameter.rowsOffset))
    }
}
