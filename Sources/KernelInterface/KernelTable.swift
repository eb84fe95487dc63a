// The names of all kernels. A new kernel: its file in Kernels/, a line here, a line in
// Kernels/Table.swift (the compiler insists), its test.

public enum KernelName: Int, CaseIterable, Sendable {
    // Matrix product
    case matrixMultiply
    case packColumns
    case smallProduct
    // Elementwise
    case unaryForward
    case unaryBackward
    // Elementwise of two variables, sums of arrays
    case binaryFlat
    case binaryStrided
    case binaryBackwardFlat
    case binaryBackwardStrided
    case accumulate
    // Reductions
    case reduceFlat
    case reduceFlatFinish
    case reduceColumns
    case reduceStrided
    // Copies
    case copyStrided
    case fill
    case gatherRows
    case gatherLabels
    case checkIndices
    // Softmax and losses
    case softmaxForward
    case softmaxBackward
    case elementLoss
    case crossEntropy
    case weightSum
    case lossFinish
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
    // Random numbers
    case randomUniform
    case randomNormal
    case dropout
}

extension KernelName {
    /// Whether it works in its thread's scratch.
    public var needsScratch: Bool { self == .matrixMultiply }
}

/// What a CPU level's matrix product is built for; sizes of its register tile.
@frozen
public struct TileSizes: Sendable {
    /// Rows of the tile.
    public let rows: Int
    /// Vectors (16 floats or 8 doubles) in a row of the tile.
    public let vectors: Int
    @inlinable public init(rows: Int, vectors: Int) {
        self.rows = rows
        self.vectors = vectors
    }
}
