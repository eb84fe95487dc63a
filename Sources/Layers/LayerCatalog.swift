// All layers and operations. A new one: its file and a line here; the C ABI, Python, files, the
// gradient test and the documentation read this list.

public enum LayerCatalog {
    public static let all: [any LayerDescription.Type] = [
        Input.self,
        Linear.self,
        Conv1d.self, Conv2d.self, Conv3d.self, ConvTranspose1d.self, ConvTranspose2d.self, ConvTranspose3d.self,
        Unfold.self, Fold.self,
        MaxPool1d.self, MaxPool2d.self, MaxPool3d.self, AvgPool1d.self, AvgPool2d.self, AvgPool3d.self,
        MaxPool1dWithIndices.self, MaxPool2dWithIndices.self, MaxPool3dWithIndices.self,
        MaxUnpool1d.self, MaxUnpool2d.self, MaxUnpool3d.self,
        AdaptiveMaxPool1d.self, AdaptiveMaxPool2d.self, AdaptiveMaxPool3d.self,
        AdaptiveAvgPool1d.self, AdaptiveAvgPool2d.self, AdaptiveAvgPool3d.self,
        GlobalMaxPool.self, GlobalAvgPool.self, LPPool1d.self, LPPool2d.self, LPPool3d.self,
        Upsample.self, PixelShuffle.self, PixelUnshuffle.self, ChannelShuffle.self, Pad.self,
        ZeroPad1d.self, ZeroPad2d.self, ZeroPad3d.self, ConstantPad1d.self, ConstantPad2d.self, ConstantPad3d.self,
        ReflectionPad1d.self, ReflectionPad2d.self, ReflectionPad3d.self,
        ReplicationPad1d.self, ReplicationPad2d.self, ReplicationPad3d.self,
        CircularPad1d.self, CircularPad2d.self, CircularPad3d.self,
        Identity.self, Flatten.self, Reshape.self, Dropout.self,
        Dropout1d.self, Dropout2d.self, Dropout3d.self, AlphaDropout.self, FeatureAlphaDropout.self, GaussianNoise.self,
        GaussianDropout.self,
        ReLU.self, LeakyReLU.self, ELU.self, SELU.self, GELU.self, SiLU.self, Sigmoid.self, Tanh.self,
        Softplus.self, Hardtanh.self, Softmax.self, LogSoftmax.self,
        BatchNorm.self, BatchNorm1d.self, BatchNorm2d.self, BatchNorm3d.self, LayerNorm.self, RMSNorm.self, GroupNorm.self,
        InstanceNorm1d.self, InstanceNorm2d.self, InstanceNorm3d.self, LocalResponseNorm.self, WeightNorm.self,
        SpectralNorm.self, Embedding.self, EmbeddingBag.self,
        RNN.self, LSTM.self, GRU.self, RNNCell.self, LSTMCell.self, GRUCell.self,
        ParameterTensor.self, ConstantTensor.self,
        AddOperation.self, SubtractOperation.self, MultiplyOperation.self, DivideOperation.self,
        PowerOperation.self, MaximumOperation.self, Matmul.self,
        Negate.self, Exp.self, Log.self, Sqrt.self, Sin.self, Cos.self, Abs.self,
        ScaledDotProductAttention.self, MultiheadAttention.self, MultiheadAttentionWithWeights.self, TransformerEncoderLayer.self, TransformerDecoderLayer.self,
        TransformerEncoder.self, TransformerDecoder.self, Transformer.self, SinusoidalPositions.self, RotaryEmbedding.self,
        SumOperation.self, MeanOperation.self, Transpose.self, Concat.self, Slice.self,
        ReLU6.self, Hardsigmoid.self, Hardswish.self, Mish.self, CELU.self, Threshold.self, Hardshrink.self, Softshrink.self,
        Tanhshrink.self, Softsign.self, LogSigmoid.self, PReLU.self, RReLU.self, GLU.self, ReGLU.self, GEGLU.self, SwiGLU.self,
        Softmin.self, Softmax2d.self,
        Bilinear.self, CosineSimilarity.self, PairwiseDistance.self,
        Tan.self, Asin.self, Acos.self, Atan.self, Sinh.self, Cosh.self, Asinh.self, Acosh.self, Atanh.self,
        Exp2.self, Expm1.self, Log2.self, Log10.self, Log1p.self, Rsqrt.self, Square.self, Reciprocal.self, Erf.self, Erfc.self, LogGamma.self,
        Sign.self, Floor.self, Ceil.self, Round.self, Trunc.self, Frac.self, Clip.self,
        IsNaN.self, IsInf.self, IsFinite.self, LogicalNot.self,
        MinimumOperation.self, Atan2.self, Hypot.self, LogAddExp.self, Fmod.self, Remainder.self, FloorDivide.self,
        EqualOperation.self, NotEqualOperation.self, LessOperation.self, LessOrEqualOperation.self, GreaterOperation.self,
        GreaterOrEqualOperation.self, LogicalAnd.self, LogicalOr.self, LogicalXor.self, Where.self, Lerp.self,
        MaxOperation.self, MinOperation.self, ProductOperation.self, LogSumExp.self, VarianceOperation.self,
        DeviationOperation.self, Norm.self, ArgMax.self, ArgMin.self, AnyOperation.self, AllOperation.self,
        CumSum.self, CumProd.self, CumMax.self, CumMin.self, Einsum.self,
        Gather.self, TakeAlongAxis.self, IndexSelect.self, Scatter.self, ScatterAdd.self, OneHot.self,
        Sort.self, ArgSort.self, TopK.self,
        Squeeze.self, Unsqueeze.self, Expand.self, Permute.self, Flip.self, Roll.self, Tile.self, Repeat.self,
        RepeatInterleave.self, Triu.self, Tril.self, Diagonal.self, Stack.self, Chunk.self, Split.self,
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
