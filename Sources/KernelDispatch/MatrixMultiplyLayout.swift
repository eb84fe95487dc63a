// The decisions of a matrix product's plan: tile, packing, pieces. Measured on Zen 4 and meant to
// be near enough elsewhere; none of them changes a bit of the result except the length of a block
// of k, which therefore depends on k and the element type alone.

import CPUFeatures
import KernelInterface

struct MatrixMultiplyLayout {
    typealias Slot = MatrixMultiplySlot
    typealias Flags = MatrixMultiplyFlags

    private var p: MatrixMultiplyProblem
    /// Run as C^T = B^T . A^T: a single column becomes a single row, whose vectors are full.
    private let isSwapped: Bool
    private let vectors: Int
    private let lanes: Int
    private let size: Int
    private let isTransposed: Bool
    private var shared = false
    private var local = false
    private var packRows = false
    private var fetches = false
    private var streams = false
    private var isPrepared = false
    /// Tiles of four rows by four vectors.
    private let isLow: Bool
    /// Such tiles' strips of transposed A are copied, those of a line together.
    private let packsGroups: Bool
    /// A convolution multiplies the image as it lies.
    private let isDirect: Bool
    /// Pieces are half as wide, for a smaller second-level cache. A transposed operand loses more by that than it gains.
    private let isNarrow: Bool
    private var pieceRows: Int
    private var pieceColumns: Int
    private var together = 1
    /// The gradient of a weight: a thread has whole rows of it, a run of memory, as in the optimizer's pass that follows.
    /// What another core has just written can take longer to read than to compute.
    private var isByRows = false
    private let nanoseconds: Double

    init(
        _ problem: MatrixMultiplyProblem, tile: TileSizes, packing: MatrixMultiplyPlan.ColumnPacking,
        packRows: Bool?, pieces: Int?
    ) {
        p = problem
        size = p.isDouble ? 8 : 4
        lanes = tile.vectorBytes / size
        isSwapped = p.n == 1 && p.m > 1 && !p.gathersB && !p.biasOfRows && p.cRowStride == 1 && p.savedRowStride == 1
        if isSwapped { Self.transpose(&p) } else { Self.mergeBatch(&p) }
        isTransposed = p.bColumnStride != 1
        isDirect = p.isDirect && p.gathersB && !p.isDouble && tile.rows > 4
        if case .prepared = packing { isPrepared = true }
        packsGroups = p.aColumnStride != 1 && p.aColumnStride * size % 4096 == 0 && p.n >= 512
        // Low and wide tiles write longer runs of C, which takes most of the time over a short k. They read B three times as
        // often: that costs nothing where a vector's FMAs take as long as its loads, as on Zen 4, the CPU of small caches.
        let isShort = p.k <= 16 && !p.gathersB
        isLow = tile.rows == 12 && p.m > 4 && p.n >= 4 * lanes && !p.gathersB
            && (isShort || Self.cacheIsSmall && (p.aColumnStride == 1 || isPrepared || packsGroups))
        vectors = isLow ? 4 : Self.tileVectors(rows: p.m, columns: p.n, lanes: lanes, tile: tile)
        nanoseconds = Self.estimate(p, size: size, lanes: lanes)
        let width = vectors * lanes

        // How B is read.
        switch packing {
        case .automatic:
            // Transposed B must be turned round; rows of B far apart cost the CPU's prefetching and
            // address translation more than packing does, if they are used often enough.
            let distance = p.bRowStride * size
            if isTransposed || Self.packs(rows: p.m, distance: distance, tile) {
                // The images of a batch are not copied as a whole.
                shared = p.m > 256 && !p.biasOfRows
                local = !shared
            }
            if p.gathersB { (shared, local) = (false, !isDirect) }
        case .never: local = isTransposed
        case .eachPiece: local = true
        case .shared, .prepared: shared = true
        }

        // Pieces: at most so wide that a block of their columns stays in the second-level cache, then
        // halved until there are enough of them, in an order that keeps reuse: rows share the packing
        // of B, columns that of A.
        streams = p.m == 1 && !isTransposed && !shared && !local && p.n > width && !p.hasColumnSums && !p.biasOfRows
        let block = 1024 / size
        isNarrow = shared && Self.secondCacheIsSmall && !isTransposed && p.aColumnStride == 1
        let widest = streams || isShort ? 8192 / size : isNarrow ? block / 2 : block
        pieceRows = Self.split(p.m, into: (p.m + 0xfffff) >> 20, multiple: 1)
        pieceColumns = Self.split(p.n, into: (p.n + widest - 1) / widest, multiple: width)
        // A streamed B is better read in long runs.
        let most = streams ? min(4, nanoseconds / 80_000) : min(32, nanoseconds / 40_000)
        let wanted = pieces ?? (nanoseconds < 4000 ? 1 : max(2, Int(most)))
        let quarter = (streams ? widest : block) / 4
        // Over a short k, and where a small B is turned round, columns stay together: a core then reads and writes whole
        // rows, those of other products over the same batch.
        let isSmall = local && !p.gathersB && p.k * p.n * size <= 128 << 10
        let limits: [(rows: Int, columns: Int)] =
            isShort || isSmall ? [(isShort ? 24 : 96, widest), (24, quarter)]
            : local || isDirect
            ? [(p.m, quarter), (256, quarter), (256, quarter / 2)]
            : shared || p.m > 128
                // Few columns stay together: a strip of A is read once for all of them.
                ? p.n <= block
                    ? [(96, widest), (24, widest), (24, quarter / 2)]
                    : [(96, widest), (96, quarter), (48, quarter), (24, quarter / 2)]
                : streams ? [(1, 1024 / size)]
                : [(p.aColumnStride == 1 ? p.m : 24, quarter), (24, quarter), (12, quarter / 2)]
        for limit in limits {
            while countDown * countAcross * p.batchCount < wanted {
                if pieceRows >= 2 * limit.rows && pieceRows > 1 {
                    pieceRows = Self.split(pieceRows, into: 2, multiple: 1)
                } else if pieceColumns >= 2 * max(width, limit.columns) {
                    pieceColumns = Self.split(pieceColumns, into: 2, multiple: width)
                } else {
                    break
                }
            }
        }
        // A step may be one piece across (`columnsPerChunk`): threads then share its rows.
        while isNarrow && pieces == nil && countDown < 8 && pieceRows >= 192 {
            pieceRows = Self.split(pieceRows, into: 2, multiple: 1)
        }
        isByRows = p.aColumnStride != 1 && p.m > 1 && !local && !p.gathersB && p.batchCount == 1
        if p.batchCount > 1 && countDown * countAcross == 1 {
            // Those of direct convolutions pack the weights once.
            let longest = isDirect ? 40_000.0 : 10_000
            together = max(1, min(p.batchCount, Int(longest * Double(p.batchCount) / nanoseconds)))
        }

        // How A is read. Rows a multiple of 4096 bytes apart share few sets of the cache, and push each
        // other out of one of 32 KB and 8 ways; in one of 48 KB and 12 ways they leave no room for B, which
        // costs less. Four rows have room. A strip of transposed A is worth copying only if many tiles use it.
        let isRowMajor = p.aColumnStride == 1
        let conflicting =
            (isRowMajor ? p.aRowStride : p.aColumnStride) * size % 4096 == 0 && (isRowMajor || pieceColumns >= 256)
        self.packRows = packRows ?? (isLow ? packsGroups : conflicting && p.m > 4 && pieceColumns > (Self.cacheIsSmall ? width : 4 * width))
        // A long B, which comes from memory, is fetched ahead of the CPU's own prefetching, where that doesn't follow eight
        // rows: Zen 5, with 48 KB, takes half as long again if it is told what it does anyway.
        fetches = streams
            ? Self.cacheIsSmall && p.k * p.n * size > 4 << 20
            : p.m * p.k * size > 256 << 10 && pieceColumns > width
    }

    /// Whether columns of B are packed for a product with so many rows, where its own rows lie `distance` bytes apart. A
    /// tile of AVX2 takes one line of each: with 2 KB between them the lines of a block of k share 32 sets of a second-level
    /// cache of 512 KB, too few to keep them; from 512 bytes on each page holds few of them.
    static func packs(rows: Int, distance: Int, _ tile: TileSizes) -> Bool {
        tile.rows == 6 ? rows >= 16 && distance >= 512 : rows > 64 && distance >= 2048
    }
    private static let cacheIsSmall = cr_level1_bytes() < 48 << 10
    private static let secondCacheIsSmall = cr_level2_bytes() < 1 << 20

    private var countDown: Int { (p.m + pieceRows - 1) / pieceRows }
    private var countAcross: Int { (p.n + pieceColumns - 1) / pieceColumns }

    private var blockLength: Int { MatrixMultiplyPlan.blockLength(depth: p.k, isDouble: p.isDouble) }

    private static func transpose(_ p: inout MatrixMultiplyProblem) {
        let q = p
        (p.m, p.n) = (1, q.m)
        (p.aRowStride, p.aColumnStride) = (q.bColumnStride, q.bRowStride)
        (p.bRowStride, p.bColumnStride) = (q.aColumnStride, q.aRowStride)
        (p.aBatchStride, p.bBatchStride) = (q.bBatchStride, q.aBatchStride)
        p.cRowStride = p.n
        p.savedRowStride = p.n
        if p.k <= 1 && p.bColumnStride != 1 && p.bRowStride == 1 { p.bRowStride = 1 }
    }

    /// A batch whose rows of A and C follow each other is one taller matrix.
    private static func mergeBatch(_ p: inout MatrixMultiplyProblem) {
        if p.batchCount == 1 || (p.bBatchStride == 0 && !p.hasColumnSums && p.aBatchStride == p.m * p.aRowStride
            && p.cBatchStride == p.m * p.cRowStride && p.savedRowStride == p.cRowStride)
        {
            p.m *= p.batchCount
            p.batchCount = 1
            (p.aBatchStride, p.bBatchStride, p.cBatchStride) = (0, 0, 0)
        }
    }

    /// Vectors in a row of a tile: few rows take wider tiles.
    private static func tileVectors(rows: Int, columns: Int, lanes: Int, tile: TileSizes) -> Int {
        var vectors = tile.vectors
        switch (tile.rows, rows) {
        case (12, 1...2): vectors = 8
        case (12, 3...4): vectors = 4
        case (6, 1): vectors = 4
        case (6, 2): vectors = 2
        case (4, 1): vectors = 4
        default: break
        }
        while vectors > 1 && (vectors - 1) * lanes >= columns { vectors /= 2 }
        return vectors
    }

    private static func estimate(_ p: MatrixMultiplyProblem, size: Int, lanes: Int) -> Double {
        let m = Double(p.m)
        // Vectors are computed whole.
        let n = Double((p.n + lanes - 1) / lanes * lanes)
        let k = Double(p.k)
        let arithmetic = 2 * m * n * k / (size == 4 ? 100 : 50)
        let memory = Double(size) * (m * k + k * n + m * n) / 40
        return Double(p.batchCount) * (30 + max(arithmetic, memory))
    }

    private static func split(_ count: Int, into parts: Int, multiple: Int) -> Int {
        let part = (count + parts - 1) / parts
        return (part + multiple - 1) / multiple * multiple
    }

    // MARK: - steps

    private var packedMatrices: Int { p.bBatchStride == 0 ? 1 : p.batchCount }
    private var partialInWorkspace: Bool { p.accumulate && blockLength < p.k }
    /// Columns that are packed and multiplied before the next ones are: what is packed should still be
    /// in the last-level cache when it is used, and not take as much memory again as B does.
    private var columnsPerChunk: Int {
        // What the strips of A were copied for stays as narrow as that, so that they are kept.
        let most = packRows && isNarrow ? 1 : (1 << 20) / max(1, p.k * size) / pieceColumns
        return !shared || isPrepared || p.batchCount > 1 || partialInWorkspace ? p.n : min(p.n, max(1, most) * pieceColumns)
    }
    private func padded(_ columns: Int) -> Int {
        (columns + vectors * lanes - 1) / (vectors * lanes) * vectors * lanes
    }
    /// The strips of A that the first step copies serve the later ones too.
    private var keepsRows: Bool {
        let chunk = columnsPerChunk
        return packRows && shared && p.aColumnStride == 1 && p.batchCount == 1 && !partialInWorkspace && chunk == pieceColumns
            && chunk < p.n && p.n % chunk == 0 && (p.k + lanes) * size % 4096 != 0 && keptBytes <= 24 << 20
    }
    private var keptBytes: Int { p.m * (p.k + lanes) * size }
    private var packedBytes: Int { shared ? packedMatrices * padded(columnsPerChunk) * p.k * size : 0 }
    var workspaceBytes: Int {
        packedBytes + (keepsRows ? keptBytes : 0) + (partialInWorkspace ? p.batchCount * p.m * p.n * size : 0)
    }

    var steps: [MatrixMultiplyPlan.Step] {
        var steps: [MatrixMultiplyPlan.Step] = []
        let chunk = columnsPerChunk
        for first in stride(from: 0, to: p.n, by: chunk) {
            let columns = first..<min(p.n, first + chunk)
            if shared && !isPrepared && p.k > 0 { steps.append(packStep(columns)) }
            steps.append(multiplyStep(columns))
        }
        return steps
    }

    /// The array that every piece turns round for itself.
    var turned: MatrixMultiplyPlan.Role? { local && isTransposed && !p.gathersB ? (isSwapped ? .a : .b) : nil }

    /// What packs all columns.
    var packing: (step: MatrixMultiplyPlan.Step, bytes: Int) { (packStep(0..<p.n), packedBytes) }

    private func call(_ columns: Range<Int>, columnsPerPiece: Int, flags: Int) -> KernelCall {
        var call = KernelCall()
        call.isDouble = p.isDouble
        call.integers[Slot.rows] = p.m
        call.integers[Slot.columns] = columns.upperBound
        call.integers[Slot.depth] = p.k
        call.integers[Slot.aRow] = p.aRowStride
        call.integers[Slot.aColumn] = p.aColumnStride
        call.integers[Slot.bRow] = p.bRowStride
        call.integers[Slot.bColumn] = p.bColumnStride
        call.integers[Slot.cRow] = p.cRowStride
        call.integers[Slot.savedRow] = p.savedRowStride
        call.integers[Slot.aBatch] = p.batchCount == 1 ? 0 : p.aBatchStride
        call.integers[Slot.bBatch] = p.batchCount == 1 ? 0 : p.bBatchStride
        call.integers[Slot.cBatch] = p.batchCount == 1 ? 0 : p.cBatchStride
        call.integers[Slot.blockLength] = blockLength
        call.integers[Slot.pieceShape] =
            pieceRows | columnsPerPiece << 20 | (columns.lowerBound / (vectors * lanes)) << 40
        let across = (columns.count + columnsPerPiece - 1) / columnsPerPiece
        call.integers[Slot.pieceCounts] = countDown | across << 24 | together << 48 | (isByRows && across > 1 ? 1 << 62 : 0)
        call.integers[Slot.flags] =
            flags | vectors << 16 | (isTransposed ? Flags.transposedB : 0) | p.batchCount << 32
        return call
    }

    private func packStep(_ columns: Range<Int>) -> MatrixMultiplyPlan.Step {
        let width = vectors * lanes
        let columnsPerPiece = max(width, 128 / width * width)
        let groups = (columns.count + columnsPerPiece - 1) / columnsPerPiece
        let blocks = (p.k + blockLength - 1) / blockLength
        return .init(
            kernel: .packColumns, call: call(columns, columnsPerPiece: columnsPerPiece, flags: Flags.sharedB),
            operandSlots: [(isSwapped ? .a : .b, Slot.b), (.workspace, Slot.workspace)],
            pieces: groups * blocks * packedMatrices,
            cost: Double(packedMatrices * columns.count * p.k * size) / 20)
    }

    private func multiplyStep(_ columns: Range<Int>) -> MatrixMultiplyPlan.Step {
        var flags = shared ? Flags.sharedB : local ? Flags.localB : 0
        let isKept = keepsRows && columns.lowerBound > 0
        if packRows && !isKept { flags |= keepsRows ? Flags.packA | Flags.keepA : Flags.packA }
        if isKept { flags |= Flags.keptA }
        if fetches { flags |= Flags.fetch }
        if streams { flags |= Flags.streamB }
        if p.gathersB { flags |= Flags.gatheredB }
        if p.hasBias { flags |= isSwapped ? Flags.bias | Flags.biasIsOne : Flags.bias }
        if p.hasBias && p.biasOfRows { flags |= Flags.biasOfRows }
        if p.hasColumnSums { flags |= isSwapped ? Flags.rowSums : Flags.columnSums }
        if p.accumulate { flags |= Flags.accumulate }
        if partialInWorkspace { flags |= Flags.partialInWorkspace }
        let epilogue = p.epilogue.encoded
        flags |= epilogue.flags
        precondition(
            !p.accumulate || flags & (Flags.forwardFunction | Flags.backwardFunction) == 0,
            "a matrix product that accumulates takes no function but relu")
        var call = call(columns, columnsPerPiece: pieceColumns, flags: flags)
        if isKept { call.integers[Slot.aRow] = p.k + lanes }
        call.scalars[Slot.functionA] = epilogue.a
        call.scalars[Slot.functionB] = epilogue.b
        var slots: [(role: MatrixMultiplyPlan.Role, slot: Int)] = [
            (.a, isSwapped ? Slot.b : Slot.a), (.b, isSwapped ? Slot.a : Slot.b), (.c, Slot.c),
        ]
        if p.hasBias { slots.append((.bias, Slot.bias)) }
        if p.hasColumnSums { slots.append((.columnSums, Slot.columnSums)) }
        if flags & (Flags.reluGradient | Flags.backwardFunction) != 0 { slots.append((.saved, Slot.saved)) }
        if workspaceBytes > 0 { slots.append((.workspace, Slot.workspace)) }
        if p.gathersB { slots.append((.space, Slot.space)) }
        let groups = (p.batchCount + together - 1) / together
        let across = (columns.count + pieceColumns - 1) / pieceColumns
        return .init(
            kernel: .matrixMultiply, call: call, operandSlots: slots, pieces: countDown * across * groups,
            cost: nanoseconds * Double(columns.count) / Double(p.n))
    }
}

