// A program with every buffer in its place: an array of prepared kernel calls in plain memory.

import KernelDispatch
import KernelInterface
import Layers
import Tensors

/// One prepared call.
struct Instruction {
    /// First: a pointer to the instruction is one to the call.
    var call: KernelCall
    var kernel: Kernel
    var pieces: Int
    /// Worth sharing with the team.
    var isParallel: Bool
    var node: Int
}

public final class Plan: @unchecked Sendable {
    /// Bytes of the arena, known before the first step.
    public let arenaBytes: Int
    public let needsScratch: Bool
    public let externalCount: Int
    /// The learning rate whose numbers the update's calls hold, for an optimizer whose numbers depend on nothing else.
    public var rateOfScalars = Double.nan

    private let program: Program
    private let memory: MemoryPlan
    private let instructions: UnsafeMutablePointer<Instruction>
    private let count: Int
    private let phaseStarts: [Int]

    /// Where a caller's array is used: instruction, slot, byte offset.
    private struct Patch {
        var instruction: Int
        var slot: Int
        var byteOffset: Int
    }
    private let patches: UnsafeMutablePointer<Patch>
    private let patchStarts: UnsafeMutablePointer<Int>
    private let externals: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    /// Work under this many nanoseconds stays on the calling thread: sharing costs about 500.
    private static let parallelThreshold = 4000.0

    /// Runs `commit` change something.
    public let hasCommits: Bool
    /// Whether indices are looked at, and the control block says afterwards if one was out of range.
    public let checksIndices: Bool
    /// Calls of the host's functions.
    let customWorks: [CustomWork]

    /// - segments: of how many the forward pass is made for the backward pass to compute them again (Recomputation.swift).
    public init(_ program: Program, segments: Int = 1, kernels: KernelSet = .current) throws(ChainruleError) {
        program.appendCommits()
        program.fuse()
        program.separateForeseen()
        if segments > 1 { program.recompute(segments: segments) }
        program.lowerMatrixProducts(kernels)
        program.leaveOutKept()
        let memory = try MemoryPlan(program)
        self.program = program
        self.memory = memory
        arenaBytes = memory.byteCount
        count = program.operations.count
        instructions = .allocate(capacity: max(count, 1))

        var external: [[Patch]] = []
        for value in program.values {
            if case .external(let number) = value.home {
                while external.count <= number { external.append([]) }
            }
        }
        var works: [CustomWork] = []
        var starts = [Int](repeating: 0, count: Phase.allCases.count + 1)
        var scratch = false
        for (index, operation) in program.operations.enumerated() {
            let kernel: Kernel
            let call: KernelCall
            switch operation.work {
            case .kernel(let name, let prepared):
                if name.needsScratch { scratch = true }
                kernel = kernels[name]
                call = prepared
            case .custom(let work):
                kernel = runCustomWork
                call = customCall(work)
                works.append(work)
            case .matrixProduct: throw ChainruleError(.internal, "a matrix product was not lowered")
            }
            (instructions + index).initialize(
                to: Instruction(
                    call: call, kernel: kernel, pieces: operation.pieces,
                    isParallel: operation.pieces > 1 && operation.cost > Plan.parallelThreshold, node: operation.node))
            for later in (operation.phase.rawValue + 1)..<starts.count { starts[later] = index + 1 }
            for operand in operation.operands {
                if case .external(let number) = program.values[program.root(operand.value).index].home {
                    external[number].append(Patch(instruction: index, slot: operand.slot, byteOffset: operand.byteOffset))
                }
            }
        }
        phaseStarts = starts
        hasCommits = starts[Phase.commit.rawValue] < count
        checksIndices = program.checksIndices
        customWorks = works
        needsScratch = scratch || program.keptNeedsScratch
        externalCount = external.count
        let all = external.flatMap { $0 }
        patches = .allocate(capacity: max(all.count, 1))
        patches.initialize(from: all, count: all.count)
        patchStarts = .allocate(capacity: external.count + 1)
        var start = 0
        for (number, list) in external.enumerated() {
            (patchStarts + number).initialize(to: start)
            start += list.count
        }
        (patchStarts + external.count).initialize(to: start)
        externals = .allocate(capacity: external.count + 1)
        externals.initialize(repeating: nil, count: external.count + 1)
    }

    deinit {
        instructions.deallocate()
        patches.deallocate()
        patchStarts.deallocate()
        externals.deallocate()
    }

    /// Puts all addresses in that don't change from step to step.
    func bind(arena: UnsafeMutableRawPointer, blocks: BlockAddresses) {
        for (index, operation) in program.operations.enumerated() {
            for operand in operation.operands {
                (instructions + index).pointee.call.pointers[operand.slot] =
                    address(operand.value, arena: arena, blocks: blocks).map { $0 + operand.byteOffset }
            }
        }
        for number in 0..<externalCount { externals[number] = nil }
    }

    func address(
        _ value: Value, arena: UnsafeMutableRawPointer, blocks: BlockAddresses
    ) -> UnsafeMutableRawPointer? {
        let root = program.root(value)
        switch program.values[root.index].home {
        case .arena: return memory.offsets[root.index].map { arena + $0 }
        case .block(let block, let offset): return blocks[block.rawValue].map { $0 + offset }
        case .external(let number): return number < externalCount ? externals[number] : nil
        case .table(let number): return program.tables[number]
        case .kept(let number): return program.kept[number]
        case .alias: return nil
        }
    }

    /// The number of the caller's array that a value lies in, if it does.
    func external(of value: Value) -> Int? {
        if case .external(let number) = program.values[program.root(value).index].home { return number }
        return nil
    }

    /// Whether a later phase looks at a caller's array.
    func isUsed(external number: Int, after phase: Phase) -> Bool {
        guard number < externalCount else { return false }
        let end = phaseStarts[phase.rawValue + 1]
        return (patchStarts[number]..<patchStarts[number + 1]).contains { patches[$0].instruction >= end }
    }

    /// Points the calls at a caller's array.
    @inline(__always)
    public func setExternal(_ number: Int, _ pointer: UnsafeMutableRawPointer?) {
        guard number < externalCount, externals[number] != pointer else { return }
        externals[number] = pointer
        var place = patchStarts[number]
        while place < patchStarts[number + 1] {
            let patch = patches[place]
            (instructions + patch.instruction).pointee.call.pointers[patch.slot] = pointer.map { $0 + patch.byteOffset }
            place += 1
        }
    }

    /// The caller's array that the plan is pointed at.
    public func externalAddress(_ number: Int) -> UnsafeMutableRawPointer? {
        number < externalCount ? externals[number] : nil
    }

    /// Runs some parts of the step, one after the other.
    @inline(__always)
    func run(from first: Phase, through last: Phase, scratch: UnsafeMutableRawPointer?, scratchCount: Int) {
        run(phaseStarts[first.rawValue]..<phaseStarts[last.rawValue + 1], scratch: scratch, scratchCount: scratchCount)
    }

    /// Runs one part of the step.
    @inline(__always)
    func run(_ phase: Phase, scratch: UnsafeMutableRawPointer?, scratchCount: Int) {
        run(from: phase, through: phase, scratch: scratch, scratchCount: scratchCount)
    }

    /// Whose call of a host's function this is.
    func node(of work: CustomWork) -> Int? {
        for operation in program.operations { if case .custom(let own) = operation.work, own === work { return operation.node } }
        return nil
    }

    func run(_ range: Range<Int>, scratch: UnsafeMutableRawPointer?, scratchCount: Int) {
        var instruction = instructions + range.lowerBound
        let end = instructions + range.upperBound
        while instruction < end {
            let call = UnsafeRawPointer(instruction)
            if instruction.pointee.isParallel {
                Team.run(
                    instruction.pointee.kernel, call, pieces: instruction.pointee.pieces, scratch: scratch,
                    scratchCount: scratchCount)
            } else {
                instruction.pointee.kernel(call, 0, instruction.pointee.pieces, scratch)
            }
            instruction += 1
        }
    }

    /// The calls of a phase that belong to a node, or to a group of parameters.
    @inline(__always)
    func forEachCall(_ phase: Phase, of node: Int, _ body: (inout KernelCall) -> Void) {
        for index in phaseStarts[phase.rawValue]..<phaseStarts[phase.rawValue + 1] where instructions[index].node == node {
            body(&(instructions + index).pointee.call)
        }
    }
}

extension Plan {
    /// The numbers of this step for a group's calls in a phase; integer 2 tells whether it is the first.
    public func setScalars(_ phase: Phase, group: Int, _ scalars: InlineArray<8, Double>, isFirst: Bool) {
        forEachCall(phase, of: group) { call in
            call.scalars = scalars
            call.integers[2] = isFirst ? 1 : 0
        }
    }
}

extension Plan {
    /// Points another plan of the same model at the same arrays of the caller.
    public func copyExternals(to other: Plan) {
        for number in 0..<min(externalCount, other.externalCount) { other.setExternal(number, externalAddress(number)) }
    }
}

extension Plan {
    /// Runs a plan that needs no model: all of it, once.
    public func runAlone(arena: Storage, externals: [UnsafeMutableRawPointer?]) throws(ChainruleError) {
        bind(arena: arena.pointer, blocks: BlockAddresses(repeating: nil))
        for (number, pointer) in externals.enumerated() { setExternal(number, pointer) }
        for phase in Phase.allCases { run(phase, scratch: nil, scratchCount: Team.maximumThreads) }
        try checkCustomWork()
    }

    public func addressAlone(_ value: Value, arena: Storage) -> UnsafeMutableRawPointer? {
        address(value, arena: arena.pointer, blocks: BlockAddresses(repeating: nil))
    }
}
