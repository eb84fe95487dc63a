// All layers and operations. A new one: its file and a line here; the C ABI, Python, files, the
// gradient test and the documentation read this list.

public enum LayerCatalog {
    public static let all: [any LayerDescription.Type] = [
        Input.self,
        Linear.self,
        Identity.self, Flatten.self, Reshape.self, Dropout.self,
        Dropout1d.self, Dropout2d.self, Dropout3d.self, AlphaDropout.self, FeatureAlphaDropout.self, GaussianNoise.self,
        GaussianDropout.self,
        ReLU.self, LeakyReLU.self, ELU.self, SELU.self, GELU.self, SiLU.self, Sigmoid.self, Tanh.self,
        Softplus.self, Hardtanh.self, Softmax.self, LogSoftmax.self,
        BatchNorm.self, BatchNorm1d.self, BatchNorm2d.self, BatchNorm3d.self, LayerNorm.self, RMSNorm.self, GroupNorm.self,
        InstanceNorm1d.self, InstanceNorm2d.self, InstanceNorm3d.self, LocalResponseNorm.self, WeightNorm.self,
        SpectralNorm.self, Embedding.self, EmbeddingBag.self,
        ParameterTensor.self, ConstantTensor.self,
        AddOperation.self, SubtractOperation.self, MultiplyOperation.self, DivideOperation.self,
        PowerOperation.self, MaximumOperation.self, Matmul.self,
        Negate.self, Exp.self, Log.self, Sqrt.self, Sin.self, Cos.self, Abs.self,
        ScaledDotProductAttention.self, MultiheadAttention.self, TransformerEncoderLayer.self, TransformerDecoderLayer.self,
        TransformerEncoder.self, TransformerDecoder.self, Transformer.self, SinusoidalPositions.self, RotaryEmbedding.self,
        SumOperation.self, MeanOperation.self, Transpose.self, Concat.self, Slice.self,
    ]

    /// Every node has it.
    public static let nameAttribute = AttributeSpecification(
        "name", .text, optional: true, "the node's name, and the first part of its parameters' names")

    /// Nodes that may do without some inputs have it.
    public static let inputsAttribute = AttributeSpecification(
        "inputs", .text, optional: true, "which inputs are given, by role, with commas; the first ones without it")

    /// What may be written for a kind.
    public static func attributes(of type: any LayerDescription.Type) -> [AttributeSpecification] {
        type.attributes + (type.hasOptionalInputs ? [inputsAttribute, nameAttribute] : [nameAttribute])
    }

    public static let kinds: [String] = all.map { $0.kind }
    private static let types: [String: any LayerDescription.Type] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.kind, $0) })

    public static func type(of kind: String) -> (any LayerDescription.Type)? { types[kind] }
}
