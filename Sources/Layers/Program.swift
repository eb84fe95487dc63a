// A plan in the making: values that are written once, and operations that read and write them. The
// graph's plan fuses, places and lowers it; layers, losses and optimizers only append to it.

import KernelDispatch
import KernelInterface
import Tensors

/// A value of a program: some bytes, written by one operation (or given from outside).
public struct Value: Hashable, Sendable {
    public let index: Int
}

/// Where a value's bytes lie.
public enum Home: Equatable, Sendable {
    /// In the plan's arena, at a place that the plan chooses.
    case arena
    /// In one of the blocks that live longer than a step, at a byte offset.
    case block(Block, Int)
    /// In a caller's array, known at each step only.
    case external(Int)
    /// The same bytes as another value.
    case alias(Value)
    /// A table made with the plan: `Program.tables`.
    case table(Int)
    /// Computed before, from parameters alone: `Program.kept`.
    case kept(Int)
}

/// Memory outside the arena.
public enum Block: Int, CaseIterable, Sendable {
    case parameters, gradients, optimizer, control
    /// Which rows of sparse parameters the last step's indices named, and by which entries.
    case rows
}

/// Where each block lies, by its number: no array, since it is asked for in every step.
public typealias BlockAddresses = InlineArray<5, UnsafeMutableRawPointer?>

public struct ValueDescription: Sendable {
    public var home: Home
    public var byteCount: Int
    /// Kept to the end of the step: its user reads it then.
    public var isPinned = false
}

public enum Access: Sendable, Equatable {
    case read, write
}

public struct Operand: Sendable {
    public var slot: Int
    public var value: Value
    public var access: Access
    public var byteOffset = 0

    public init(_ slot: Int, _ value: Value, _ access: Access, byteOffset: Int = 0) {
        self.slot = slot
        self.value = value
        self.access = access
        self.byteOffset = byteOffset
    }
}

/// One kernel call to be, or (until it is lowered) one whole matrix product.
public struct Operation: Sendable {
    public enum Work: Sendable {
        case kernel(KernelName, KernelCall)
        case matrixProduct(MatrixMultiplyProblem)
        /// A function of the host program.
        case custom(CustomWork)
    }

    public var work: Work
    public var operands: [Operand]
    public var pieces = 1
    /// Estimated nanoseconds on one core.
    public var cost = 0.0
    /// The written operand may take the memory of the read one when that is not needed later.
    public var inPlace: (read: Value, write: Value)?
    /// Of a copy: operand 1 holds matrices of so many rows and columns, each the transpose of what operand 0 holds there.
    public var transposes: (rows: Int, columns: Int)?
    public var node = 0
    public var phase = Phase.forward

    public init(_ work: Work, _ operands: [Operand], pieces: Int = 1, cost: Double = 0) {
        self.work = work
        self.operands = operands
        self.pieces = pieces
        self.cost = cost
    }
}

/// The parts of a step, in order; each can be run by itself.
public enum Phase: Int, CaseIterable, Sendable {
    /// Instead of `first`: takes over what the update before has computed of it.
    case recall
    /// What looks at nothing but the caller's arrays; it stays good while they do.
    case inputs
    /// What an update may compute for the next step's forward pass.
    case first
    case forward, loss, backward, check, update
    /// In a step that has succeeded, run just before `update`: what layers keep for the next one.
    case commit
}

public final class Program {
    public let isDouble: Bool
    public var values: [ValueDescription] = []
    public var operations: [Operation] = []
    /// Strides for kernels that walk arrays which are not contiguous, and constants.
    public private(set) var tables: [UnsafeMutableRawPointer] = []
    /// What is made of parameters alone is kept from one run to the next, by this. Keeping.swift.
    public var keeper: Keeper?
    /// Where it lies.
    public internal(set) var kept: [UnsafeMutableRawPointer] = []
    /// Some kernel that computes it works in its thread's scratch.
    public internal(set) var keptNeedsScratch = false
    /// The node whose operations are being appended.
    public var node = 0
    /// Whether the operands of the node's matrix products are rounded to bfloat16.
    public var roundsOperands = false
    /// The part of the step they belong to.
    public var phase = Phase.forward

    /// A weight's offset in the block of parameters, the input that it is multiplied by, and where each update
    /// leaves the next step's product of them: `Phase.recall`.
    public var foreseen: (weight: Int, input: Int, result: Value)?

    /// Arrays of the caller may be turned round in phase `inputs`: whoever runs the plan runs that phase too.
    public var turnsInputs = false

    /// Where indices out of range are reported (Control.wrongIndex).
    public var wrongIndex: Value?
    /// Some operation looks at indices.
    public private(set) var checksIndices = false
    private var commits: [(node: Int, body: (Program) -> Void)] = []

    public init(isDouble: Bool) { self.isDouble = isDouble }

    deinit { for table in tables { table.deallocate() } }

    /// A table for a kernel, kept as long as the program.
    public func table<T: BitwiseCopyable>(_ space: T) -> Value {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        pointer.initialize(to: space)
        tables.append(UnsafeMutableRawPointer(pointer))
        return value(bytes: MemoryLayout<T>.size, home: .table(tables.count - 1))
    }

    /// Calls that a kernel makes itself, kept as long as the program.
    public func table(_ calls: [KernelCall]) -> Value {
        let pointer = UnsafeMutablePointer<KernelCall>.allocate(capacity: max(calls.count, 1))
        pointer.initialize(from: calls, count: calls.count)
        tables.append(UnsafeMutableRawPointer(pointer))
        return value(bytes: calls.count * MemoryLayout<KernelCall>.stride, home: .table(tables.count - 1))
    }

    /// Whole numbers that kernels read, kept as long as the program.
    public func table<T: FixedWidthInteger>(of numbers: [T]) -> Value {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: max(numbers.count, 1))
        pointer.initialize(from: numbers, count: numbers.count)
        tables.append(UnsafeMutableRawPointer(pointer))
        return value(bytes: numbers.count * MemoryLayout<T>.stride, home: .table(tables.count - 1))
    }

    /// Numbers that kernels read, in the program's type, kept as long as the program.
    public func constant(_ numbers: [Double]) -> Value {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(numbers.count * elementSize, 64), alignment: 64)
        for (index, number) in numbers.enumerated() {
            if isDouble {
                memory.storeBytes(of: number, toByteOffset: index * 8, as: Double.self)
            } else {
                memory.storeBytes(of: Float(number), toByteOffset: index * 4, as: Float.self)
            }
        }
        tables.append(memory)
        return value(elements: numbers.count, home: .table(tables.count - 1))
    }

    public var elementSize: Int { isDouble ? 8 : 4 }

    /// Operations for the phase `commit`, appended when all others are there.
    public func atCommit(node: Int, _ body: @escaping (Program) -> Void) { commits.append((node, body)) }

    /// To be called once, when all else has been appended.
    public func appendCommits() {
        phase = .commit
        for commit in commits {
            node = commit.node
            commit.body(self)
        }
        commits = []
    }

    /// A copy of `count` whole numbers, those out of 0..<limit reported and replaced by 0.
    public func checkedIndices(_ indices: Value, count: Int, limit: Int, node: Int) -> Value {
        let clean = value(elements: count)
        guard let wrongIndex else { return clean }
        checksIndices = true
        call(.checkIndices, [Operand(0, indices, .read), Operand(1, clean, .write), Operand(2, wrongIndex, .write)], cost: Double(count)) {
            $0.integers[0] = count
            $0.integers[1] = limit
            $0.integers[2] = node
        }
        return clean
    }

    public func value(bytes: Int, home: Home = .arena) -> Value {
        values.append(ValueDescription(home: home, byteCount: bytes))
        return Value(index: values.count - 1)
    }

    /// A value of `elements` real numbers.
    public func value(elements: Int, home: Home = .arena) -> Value {
        value(bytes: elements * elementSize, home: home)
    }

    public func alias(of value: Value) -> Value {
        self.value(bytes: values[value.index].byteCount, home: .alias(value))
    }

    /// The value whose memory this one shares.
    public func root(_ value: Value) -> Value {
        var value = value
        while case .alias(let other) = values[value.index].home { value = other }
        return value
    }

    public func append(_ operation: Operation) {
        var operation = operation
        if roundsOperands, case .matrixProduct(let problem) = operation.work { round(&operation, problem) }
        operation.node = node
        operation.phase = phase
        operations.append(operation)
    }

    /// Appends a kernel call; `fill` sets its integers and scalars.
    public func call(
        _ kernel: KernelName, _ operands: [Operand], pieces: Int = 1, cost: Double = 0,
        inPlace: (read: Value, write: Value)? = nil, _ fill: (inout KernelCall) -> Void = { _ in }
    ) {
        var call = KernelCall()
        call.isDouble = isDouble
        fill(&call)
        var operation = Operation(.kernel(kernel, call), operands, pieces: max(pieces, 1), cost: cost)
        operation.inPlace = inPlace
        append(operation)
    }
}
