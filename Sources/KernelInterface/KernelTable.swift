// The names of all kernels. A new kernel: its file in Kernels/, a line here, a line in
// Kernels/Table.swift (the compiler insists), its test.

public enum KernelName: Int, CaseIterable, Sendable {
    // Matrix product
    case matrixMultiply
    case packColumns
    case smallProduct
    case sumBlocks
    case narrowProduct
    // Products of operands rounded to bfloat16; the last two where the CPU multiplies pairs of them
    case roundMatrix
    case multiplyRounded
    case packPairs
    case multiplyPairs
    // Convolutions
    case convolutionScatter
    case convolutionWeights
    case depthwise
    case depthwiseWeights
    case winogradFilters
    case winogradForward
    case winogradGradient
    case winogradGradientFinish
    case unfold
    case fold
    // Pooling, and resampling along one dimension
    case poolForward
    case poolBackward
    case combineAlong
    // Elementwise
    case unaryForward
    case unaryBackward
    // Elementwise of two variables, sums of arrays
    case binaryFlat
    case binaryStrided
    case binaryBackwardFlat
    case binaryBackwardStrided
    case accumulate
    case select
    // Reductions
    case reduceFlat
    case reduceFlatFinish
    case reduceColumns
    case reduceStrided
    case foldRows
    case foldRowsBackward
    case foldPosition
    case cumulateRows
    case cumulateProductBackward
    case sortRows
    case poolIndices, placeInPlanes
    // Copies
    case copyStrided
    case copyBlocks
    case fill
    case gatherRows
    case gatherLabels
    case checkIndices
    case gatherAlong
    case scatterAlong
    // Softmax and losses
    case softmaxForward
    case softmaxBackward
    case elementLoss
    case crossEntropy
    case rowLoss
    case connectionistLoss
    case weightSum
    case lossFinish
    // Attention
    case attentionForward
    case attentionBackward
    case rotatePairs
    // Optimizers
    case sgd
    case adam
    case adamax
    case lion
    case rmsprop
    case adagrad
    case adadelta
    case rprop
    case asgd
    case lamb
    case muon
    case adafactorRows
    case adafactorColumns
    case adafactorMeans
    case adafactorDirection
    case updateScale
    case updateApply
    case regularize
    case constrain
    case gradientStatistics
    case gradientStatisticsFinish
    case productBounds
    case productDescent
    // Recurrent layers
    case recurrentForward
    case recurrentBackward
    case maskSequence
    // Random numbers
    case randomUniform
    case randomNormal
    case uniformMatrix
    case dropout
    // Normalisation
    case normForward
    case normBackward
    case runningStatistics
    case weightNormForward
    case weightNormBackward
    case channelWindow
    // Embeddings
    case gatherNormalized
    case renormalizeRows
    case embeddingLists
    case embeddingBackward
    case clearTouchedRows
    case touchedRowsFinite
    case updateTouchedRows
    case bagPlan
    case bagForward
    case bagWeightBackward
}

extension KernelName {
    /// Whether it works in its thread's scratch.
    public var needsScratch: Bool {
        switch self {
        case .matrixMultiply, .multiplyRounded, .packPairs, .multiplyPairs, .recurrentForward, .recurrentBackward: true
        case .convolutionScatter, .convolutionWeights, .depthwise, .depthwiseWeights: true
        case .winogradFilters, .winogradForward, .winogradGradient, .winogradGradientFinish: true
        case .attentionForward, .attentionBackward: true
        default: false
        }
    }
}

/// What a CPU level's matrix product is built for; sizes of its register tile.
@frozen
public struct TileSizes: Sendable {
    /// Rows of the tile.
    public let rows: Int
    /// Vectors in a row of the tile.
    public let vectors: Int
    /// Bytes of a vector.
    public let vectorBytes: Int
    @inlinable public init(rows: Int, vectors: Int, vectorBytes: Int) {
        self.rows = rows
        self.vectors = vectors
        self.vectorBytes = vectorBytes
    }
}
