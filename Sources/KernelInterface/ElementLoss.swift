// The losses over single elements, by name; values and derivatives in Kernels/LossesElement.swift.
// Cross entropy, whose unit is a row, is a kernel of its own (Kernels/LossesCrossEntropy.swift).

public enum ElementLoss: Int, CaseIterable, Sendable {
    case meanSquared, absolute
    /// Quadratic up to delta, linear behind it.
    case huber
    case binaryCrossEntropyWithLogits
}
