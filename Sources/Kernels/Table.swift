// This CPU level's kernels by name. AVX-512 has those that gain from its registers; for the others KernelDispatch
// takes AVX2's, whose results have the same bits.

import KernelInterface

// KernelDispatch/KernelModules.swift finds these by their names in the object files.
#if AVX512
@_silgen_name("13KernelsAVX512_kernel")
public func kernelAVX512(_ name: KernelName) -> Kernel? { kernel(name) }

@_silgen_name("13KernelsAVX512_tileSizes")
public func tileSizesAVX512() -> TileSizes { tileSizes }
#elseif AVX2
@_silgen_name("11KernelsAVX2_kernel")
public func kernelAVX2(_ name: KernelName) -> Kernel { kernel(name) }

@_silgen_name("11KernelsAVX2_tileSizes")
public func tileSizesAVX2() -> TileSizes { tileSizes }
#else
@_silgen_name("7Kernels_kernel")
public func kernelBaseline(_ name: KernelName) -> Kernel { kernel(name) }

@_silgen_name("7Kernels_tileSizes")
public func tileSizesBaseline() -> TileSizes { tileSizes }
#endif

#if AVX512
let tileSizes = TileSizes(rows: 12, vectors: 2, vectorBytes: 64)
#elseif AVX2
let tileSizes = TileSizes(rows: 6, vectors: 1, vectorBytes: 64)
#else
let tileSizes = TileSizes(rows: 4, vectors: 2, vectorBytes: 16)
#endif

#if AVX512
/// Nil: AVX2's serves.
func kernel(_ name: KernelName) -> Kernel? {
    switch name {
    case .matrixMultiply: matrixMultiplyKernel
    case .multiplyRounded: multiplyRoundedKernel
    case .packColumns: packColumnsKernel
    case .smallProduct: smallProductKernel
    case .sumBlocks: sumBlocksKernel
    case .convolutionScatter: convolutionScatterKernel
    case .convolutionWeights: convolutionWeightsKernel
    case .depthwise: depthwiseKernel
    case .depthwiseWeights: depthwiseWeightsKernel
    case .winogradForward: winogradForwardKernel
    case .unaryForward: unaryForwardKernel
    case .unaryBackward: unaryBackwardKernel
    case .accumulate: accumulateKernel
    case .reduceFlat: reduceFlatKernel
    case .reduceColumns: reduceColumnsKernel
    case .softmaxForward: softmaxForwardKernel
    case .softmaxBackward: softmaxBackwardKernel
    case .attentionForward: attentionForwardKernel
    case .attentionBackward: attentionBackwardKernel
    case .elementLoss: elementLossKernel
    case .crossEntropy: crossEntropyKernel
    case .sgd: sgdKernel
    case .adam: adamKernel
    case .lion: lionKernel
    case .rmsprop: rmspropKernel
    case .adagrad: adagradKernel
    case .recurrentForward: recurrentForwardKernel
    case .recurrentBackward: recurrentBackwardKernel
    case .dropout: dropoutKernel
    case .normForward: normForwardKernel
    case .normBackward: normBackwardKernel
    case .productBounds: productBoundsKernel
    case .productDescent: productDescentKernel
    default: nil
    }
}
#else
func kernel(_ name: KernelName) -> Kernel {
    switch name {
    case .matrixMultiply: matrixMultiplyKernel
    case .packColumns: packColumnsKernel
    case .smallProduct: smallProductKernel
    case .sumBlocks: sumBlocksKernel
    case .narrowProduct: narrowProductKernel
    case .roundMatrix: roundMatrixKernel
    case .multiplyRounded: multiplyRoundedKernel
    case .packPairs, .multiplyPairs: noKernel
    case .convolutionScatter: convolutionScatterKernel
    case .convolutionWeights: convolutionWeightsKernel
    case .depthwise: depthwiseKernel
    case .depthwiseWeights: depthwiseWeightsKernel
    #if BASELINE
    // No plan has them (`KernelSet.hasWinograd`): they would be a third as much code again.
    case .winogradFilters, .winogradForward, .winogradGradient, .winogradGradientFinish: matrixMultiplyKernel
    #else
    case .winogradFilters: winogradFiltersKernel
    case .winogradForward: winogradForwardKernel
    case .winogradGradient: winogradGradientKernel
    case .winogradGradientFinish: winogradGradientFinishKernel
    #endif
    case .unfold: unfoldKernel
    case .fold: foldKernel
    case .poolForward: poolForwardKernel
    case .poolBackward: poolBackwardKernel
    case .combineAlong: combineAlongKernel
    case .unaryForward: unaryForwardKernel
    case .unaryBackward: unaryBackwardKernel
    case .binaryFlat: binaryFlatKernel
    case .binaryStrided: binaryStridedKernel
    case .binaryBackwardFlat: binaryBackwardFlatKernel
    case .binaryBackwardStrided: binaryBackwardStridedKernel
    case .accumulate: accumulateKernel
    case .select: selectKernel
    case .reduceFlat: reduceFlatKernel
    case .reduceFlatFinish: reduceFlatFinishKernel
    case .reduceColumns: reduceColumnsKernel
    case .reduceStrided: reduceStridedKernel
    case .foldRows: foldRowsKernel
    case .foldRowsBackward: foldRowsBackwardKernel
    case .foldPosition: foldPositionKernel
    case .cumulateRows: cumulateRowsKernel
    case .cumulateProductBackward: cumulateProductBackwardKernel
    case .sortRows: sortRowsKernel
    case .poolIndices: poolIndicesKernel
    case .placeInPlanes: placeInPlanesKernel
    case .copyStrided: copyStridedKernel
    case .copyBlocks: copyBlocksKernel
    case .fill: fillKernel
    case .gatherRows: gatherRowsKernel
    case .gatherLabels: gatherLabelsKernel
    case .checkIndices: checkIndicesKernel
    case .gatherAlong: gatherAlongKernel
    case .scatterAlong: scatterAlongKernel
    case .softmaxForward: softmaxForwardKernel
    case .softmaxBackward: softmaxBackwardKernel
    case .attentionForward: attentionForwardKernel
    case .attentionBackward: attentionBackwardKernel
    case .rotatePairs: rotatePairsKernel
    case .elementLoss: elementLossKernel
    case .crossEntropy: crossEntropyKernel
    case .rowLoss: rowLossKernel
    case .connectionistLoss: connectionistLossKernel
    case .weightSum: weightSumKernel
    case .lossFinish: lossFinishKernel
    case .sgd: sgdKernel
    case .adam: adamKernel
    case .adamax: adamaxKernel
    case .lion: lionKernel
    case .rmsprop: rmspropKernel
    case .adagrad: adagradKernel
    case .adadelta: adadeltaKernel
    case .rprop: rpropKernel
    case .asgd: asgdKernel
    case .lamb: lambKernel
    case .muon: muonKernel
    case .adafactorRows: adafactorRowsKernel
    case .adafactorColumns: adafactorColumnsKernel
    case .adafactorMeans: adafactorMeansKernel
    case .adafactorDirection: adafactorDirectionKernel
    case .updateScale: updateScaleKernel
    case .updateApply: updateApplyKernel
    case .regularize: regularizeKernel
    case .constrain: constrainKernel
    case .gradientStatistics: gradientStatisticsKernel
    case .gradientStatisticsFinish: gradientStatisticsFinishKernel
    case .productBounds: productBoundsKernel
    case .productDescent: productDescentKernel
    case .recurrentForward: recurrentForwardKernel
    case .recurrentBackward: recurrentBackwardKernel
    case .maskSequence: maskSequenceKernel
    case .randomUniform: randomUniformKernel
    case .randomNormal: randomNormalKernel
    case .uniformMatrix: uniformMatrixKernel
    case .dropout: dropoutKernel
    case .normForward: normForwardKernel
    case .normBackward: normBackwardKernel
    case .runningStatistics: runningStatisticsKernel
    case .weightNormForward: weightNormForwardKernel
    case .weightNormBackward: weightNormBackwardKernel
    case .channelWindow: channelWindowKernel
    case .gatherNormalized: gatherNormalizedKernel
    case .renormalizeRows: renormalizeRowsKernel
    case .embeddingLists: embeddingListsKernel
    case .embeddingBackward: embeddingBackwardKernel
    case .clearTouchedRows: clearTouchedRowsKernel
    case .touchedRowsFinite: touchedRowsFiniteKernel
    case .updateTouchedRows: updateTouchedRowsKernel
    case .bagPlan: bagPlanKernel
    case .bagForward: bagForwardKernel
    case .bagWeightBackward: bagWeightBackwardKernel
    }
}

/// KernelsBF16 has it, or nobody: plans ask `KernelSet.multipliesPairs`.
private let noKernel: Kernel = { _, _, _, _ in }
#endif
