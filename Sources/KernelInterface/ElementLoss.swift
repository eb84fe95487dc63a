// The losses by name: over single elements (values and derivatives in Kernels/LossesFormulas.swift), and over
// rows (Kernels/LossesRow.swift). Cross entropy and CTC are kernels of their own.

public enum ElementLoss: Int, CaseIterable, Sendable {
    case meanSquared, absolute
    /// Quadratic up to delta, linear behind it.
    case huber
    case binaryCrossEntropyWithLogits
    /// The same with weights of the positive answers.
    case binaryCrossEntropyWithPositiveWeights
    /// Of probabilities.
    case binaryCrossEntropy
    case smoothAbsolute
    case divergence, divergenceOfLogarithms
    case poisson, poissonOfLogarithm
    case hingeEmbedding, softMargin, logCosh, quantile, sigmoidFocal
    // With two predictions
    case gaussian, marginRanking
}

public enum RowLoss: Int, CaseIterable, Sendable {
    case negativeLogLikelihood, softmaxFocal, multiMargin, multilabelMargin
    case cosineEmbedding, tripletMargin, dice
}
