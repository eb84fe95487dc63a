// How a matrix product is carried out: everything that can be decided from its shape is decided
// here, once, and handed to the kernels as integers. A plan is a list of steps; the executor sets
// the pointers of a step's roles and runs its pieces, in any order and on any threads, one step
// after the other.

import KernelInterface

/// C[m x n] = epilogue(A[m x k] . B[k x n]), `batchCount` times. Strides are in elements; A and B
/// have a unit stride in one of theirs, C in its columns.
public struct MatrixMultiplyProblem: Sendable {
    public enum Epilogue: Sendable {
        case none
        /// c = f(c); the function's two scalars.
        case forward(UnaryFunction, Double, Double)
        /// c = c * f'(saved), where saved is f's y or, if its derivative needs it, its x.
        case backward(UnaryFunction, Double, Double)

        /// `MatrixMultiplyFlags` and the function's scalars. relu and its derivative have flags of their own.
        var encoded: (flags: Int, a: Double, b: Double) {
            typealias Flags = MatrixMultiplyFlags
            return switch self {
            case .none, .forward(.identity, _, _), .backward(.identity, _, _): (0, 0, 0)
            case .forward(.relu, _, _): (Flags.relu, 0, 0)
            case .backward(.relu, _, _): (Flags.reluGradient, 0, 0)
            case .forward(let function, let a, let b): (Flags.forwardFunction | function.rawValue << 24, a, b)
            case .backward(let function, let a, let b): (Flags.backwardFunction | function.rawValue << 24, a, b)
            }
        }
    }

    public var m: Int
    public var n: Int
    public var k: Int
    public var isDouble = false
    public var aRowStride: Int
    public var aColumnStride: Int
    public var bRowStride: Int
    public var bColumnStride: Int
    public var cRowStride: Int
    public var savedRowStride: Int
    public var batchCount = 1
    public var aBatchStride = 0
    public var bBatchStride = 0
    /// Also that of `saved`.
    public var cBatchStride = 0
    /// Adds bias[n] to every row before the epilogue's function.
    public var hasBias = false
    /// The bias has an element for each row instead: bias[m].
    public var biasOfRows = false
    /// B is not an array but what a `ConvolutionSpace` reads of an image; the batch is its samples times
    /// its groups, and A and the bias are those of the group.
    public var gathersB = false
    /// With `gathersB`: the image is multiplied as it lies (Kernels/DirectConvolution.swift).
    public var isDirect = false
    /// A convolution for Winograd's algorithm (KernelInterface/Winograd.swift): its tiles, of all samples; 0: none.
    public var winogradTiles = 0
    /// eps of the batch norm with given moments that is applied to the rows before the epilogue's function, only
    /// with `winogradTiles`.
    public var normEps: Double?
    /// Also sums B's columns over k (n sums per matrix of the batch): the gradient of a bias.
    public var hasColumnSums = false
    /// Adds the result to what C holds; not together with a function other than relu.
    public var accumulate = false
    public var epilogue = Epilogue.none
    /// A and B are rounded to bfloat16 before they are multiplied, and denormal numbers count as zeros; not together
    /// with float64, column sums, or a function other than relu. See RoundedProduct.swift.
    public var roundsOperands = false

    /// Row-major, dense operands; `transposedA` and `transposedB` mean that the arrays hold the
    /// transposes, k x m and n x k.
    public init(m: Int, n: Int, k: Int, transposedA: Bool = false, transposedB: Bool = false, isDouble: Bool = false) {
        self.m = m
        self.n = n
        self.k = k
        self.isDouble = isDouble
        aRowStride = transposedA ? 1 : k
        aColumnStride = transposedA ? m : 1
        bRowStride = transposedB ? 1 : n
        bColumnStride = transposedB ? k : 1
        cRowStride = n
        savedRowStride = n
        aBatchStride = m * k
        bBatchStride = k * n
        cBatchStride = m * n
    }
}

public struct MatrixMultiplyPlan {
    public enum Role: Int, CaseIterable, Sendable {
        case a, b, c, bias, columnSums, saved, workspace, space
        case mean, variance, normWeight, normBias
        /// A and B rounded, `roundedBytes` of the plan.
        case roundedA, roundedB
    }

    public struct Step {
        public let kernel: KernelName
        /// Integers and scalars are set, pointers nil.
        public var call: KernelCall
        /// Which pointer slot each role goes to; roles that the step doesn't use are left out.
        public let operandSlots: [(role: Role, slot: Int)]
        public let pieces: Int
        /// Nanoseconds on one core, roughly.
        public let cost: Double
    }

    /// Whether columns of B are copied to panels before use, and by whom. Bits don't depend on it.
    public enum ColumnPacking: Sendable {
        case automatic, never, eachPiece, shared
        /// By the step of `packing`, earlier; the workspace is what that step wrote.
        case prepared
    }

    /// Shared by the steps, 64-byte aligned.
    public var workspaceBytes = 0
    public var steps: [Step] = []
    /// The operand that each piece turns round before it multiplies. With `packing: .shared` a first step does that.
    public private(set) var turned: Role?
    /// What the rounded operands take, 64-byte aligned.
    public var roundedBytes = (a: 0, b: 0)

    init() {}

    /// The other parameters than the problem are for tests and measurements.
    public init(
        _ problem: MatrixMultiplyProblem, kernels: KernelSet = .current, packing: ColumnPacking = .automatic,
        packRows: Bool? = nil, pieces: Int? = nil
    ) {
        guard problem.m > 0, problem.n > 0, problem.batchCount > 0 else { return }
        if problem.roundsOperands && problem.k > 0 {
            var isPrepared = false
            if case .prepared = packing { isPrepared = true }
            self = RoundedProduct(problem, kernels).plan(isPrepared: isPrepared)
            return
        }
        if problem.winogradTiles > 0 {
            planWinograd(problem)
            return
        }
        if let step = MatrixMultiplyPlan.narrowStep(problem) {
            steps = [step]
            return
        }
        if case .automatic = packing, packRows == nil, pieces == nil {
            if let step = MatrixMultiplyPlan.smallStep(problem, kernels.tileSizes) {
                steps = [step]
                return
            }
            if let plan = MatrixMultiplyPlan.splitPlan(problem, kernels) {
                self = plan
                return
            }
        }
        let layout = MatrixMultiplyLayout(
            problem, tile: kernels.tileSizes, packing: packing, packRows: packRows, pieces: pieces)
        workspaceBytes = layout.workspaceBytes
        steps = layout.steps
        turned = layout.turned
    }
}

extension MatrixMultiplyPlan {
    /// The length of a block of k: each element is the sum of its blocks' chains of FMAs.
    public static func blockLength(depth: Int, isDouble: Bool) -> Int {
        let longest = isDouble ? 256 : 512
        let blocks = max(1, (depth + longest - 1) / longest)
        return max(4, ((depth + blocks - 1) / blocks + 3) / 4 * 4)
    }

    /// The step that packs a dense B for all products with it of enough rows (`packs`), and the bytes it
    /// writes; nil where products read such a B as it lies. Rounded operands: for products with any number of rows.
    public static func packing(
        _ problem: MatrixMultiplyProblem, kernels: KernelSet = .current
    ) -> (step: Step, bytes: Int)? {
        guard problem.batchCount == 1, problem.bColumnStride == 1, problem.bRowStride == problem.n, problem.k > 0 else { return nil }
        if problem.roundsOperands { return RoundedProduct(problem, kernels).packing }
        guard MatrixMultiplyLayout.packs(rows: problem.m, distance: problem.n * (problem.isDouble ? 8 : 4), kernels.tileSizes)
        else { return nil }
        return MatrixMultiplyLayout(problem, tile: kernels.tileSizes, packing: .prepared, packRows: nil, pieces: nil).packing
    }

    /// The gradient of a layer with one output, over many samples: its sums are four chains each, at any packing.
    static func narrowStep(_ problem: MatrixMultiplyProblem) -> Step? {
        guard problem.n == 1, problem.k >= 16, problem.m <= (problem.isDouble ? 16 : 32), problem.batchCount == 1,
            problem.aRowStride == 1, problem.bRowStride == 1, problem.cRowStride == 1, !problem.hasBias, !problem.gathersB,
            !problem.biasOfRows, case .none = problem.epilogue
        else { return nil }
        typealias Slot = MatrixMultiplySlot
        typealias Flags = MatrixMultiplyFlags
        var call = KernelCall()
        call.isDouble = problem.isDouble
        call.integers[Slot.columns] = problem.m
        call.integers[Slot.depth] = problem.k
        call.integers[Slot.bRow] = problem.aColumnStride
        call.integers[Slot.blockLength] = blockLength(depth: problem.k, isDouble: problem.isDouble)
        call.integers[Slot.flags] = (problem.hasColumnSums ? Flags.columnSums : 0) | (problem.accumulate ? Flags.accumulate : 0)
        var slots: [(role: Role, slot: Int)] = [(.a, Slot.b), (.b, Slot.a), (.c, Slot.c)]
        if problem.hasColumnSums { slots.append((.columnSums, Slot.columnSums)) }
        return Step(
            kernel: .narrowProduct, call: call, operandSlots: slots, pieces: 1, cost: 20 + Double(problem.k))
    }

    /// Products of at most this many multiplications take the kernel without set-up.
    private static let smallWork = 4096
    /// So do those of any number of rows, if a row is a vector at most and short: a tile would be over before it has
    /// begun. The kernel holds such a B on the stack.
    private static let shortRowsDepth = 32
    private static let shortRowsPerPiece = 512

    private static func smallStep(_ problem: MatrixMultiplyProblem, _ tile: TileSizes) -> Step? {
        guard problem.batchCount == 1, !problem.accumulate, !problem.gathersB, !problem.biasOfRows, problem.cRowStride == problem.n,
            problem.savedRowStride == problem.n
        else { return nil }
        let isSmall = problem.k <= 256 && problem.m <= smallWork && problem.n <= smallWork
            && problem.m * problem.n * problem.k <= smallWork
        let lanes = tile.vectorBytes / (problem.isDouble ? 8 : 4)
        let hasShortRows = problem.k <= shortRowsDepth && (2...lanes).contains(problem.n) && problem.m > problem.k
            && problem.aColumnStride == 1
        guard isSmall || hasShortRows else { return nil }
        typealias Slot = MatrixMultiplySlot
        typealias Flags = MatrixMultiplyFlags
        // A single column whose rows of A lie side by side is a single row of the transpose.
        let isSwapped = problem.n == 1 && problem.aRowStride == 1 && !problem.hasBias
        var call = KernelCall()
        call.isDouble = problem.isDouble
        call.integers[Slot.rows] = isSwapped ? 1 : problem.m
        call.integers[Slot.columns] = isSwapped ? problem.m : problem.n
        call.integers[Slot.depth] = problem.k
        call.integers[Slot.aRow] = isSwapped ? problem.bColumnStride : problem.aRowStride
        call.integers[Slot.aColumn] = isSwapped ? problem.bRowStride : problem.aColumnStride
        call.integers[Slot.bRow] = isSwapped ? problem.aColumnStride : problem.bRowStride
        call.integers[Slot.bColumn] = isSwapped ? problem.aRowStride : problem.bColumnStride
        var flags = problem.hasBias ? Flags.bias : 0
        if problem.hasColumnSums { flags |= isSwapped ? Flags.rowSums : Flags.columnSums }
        var slots: [(role: Role, slot: Int)] = [
            (.a, isSwapped ? Slot.b : Slot.a), (.b, isSwapped ? Slot.a : Slot.b), (.c, Slot.c),
        ]
        switch problem.epilogue {
        case .none, .forward(.identity, _, _), .backward(.identity, _, _): break
        case .forward(let function, let a, let b):
            flags |= Flags.forwardFunction | function.rawValue << 24
            call.scalars[Slot.functionA] = a
            call.scalars[Slot.functionB] = b
        case .backward(let function, let a, let b):
            flags |= Flags.backwardFunction | function.rawValue << 24
            call.scalars[Slot.functionA] = a
            call.scalars[Slot.functionB] = b
            slots.append((.saved, Slot.saved))
        }
        call.integers[Slot.flags] = flags
        if problem.hasBias { slots.append((.bias, Slot.bias)) }
        if problem.hasColumnSums { slots.append((.columnSums, Slot.columnSums)) }
        if !isSmall { call.integers[Slot.pieceShape] = shortRowsPerPiece }
        var cost = isSmall ? Double(problem.m * problem.n * problem.k) / 4 : Double(problem.m * (problem.k + 3)) * 0.3
        if flags & (Flags.forwardFunction | Flags.backwardFunction) != 0 { cost += Double(problem.m * problem.n) * 0.3 }
        return Step(
            kernel: .smallProduct, call: call, operandSlots: slots,
            pieces: isSmall ? 1 : (problem.m + shortRowsPerPiece - 1) / shortRowsPerPiece, cost: 20 + cost)
    }
}
