// The slots of a recurrent layer's two kernels (recurrentForward, recurrentBackward) and where their
// buffers lie: the layer in Layers/Recurrent fills them, the kernels read them.

/// What a recurrent layer computes at each time step.
@frozen
public enum RecurrentUnit: Int, CaseIterable, Sendable {
    case tanh, relu, lstm, gru

    /// Blocks of hidden_size rows in its weights.
    @inlinable public var gateCount: Int { self == .lstm ? 4 : self == .gru ? 3 : 1 }
}

@frozen
public enum RecurrentSlot {
    // Pointers; arrays are [batch][time][...] unless said otherwise.
    /// Forward: x W_ih^T + b_ih on entry, the gates' values on return. Backward: these values.
    @inlinable public static var gates: Int { 0 }
    /// The second matrix of the recurrent product: W_hh^T forward, W_hh backward; as it lies, or packed.
    @inlinable public static var weight: Int { 1 }
    /// Forward: b_hh or nil.
    @inlinable public static var bias: Int { 2 }
    /// Backward: receives the gradients in x W_ih^T + b_ih; behind them, those in h W_hh^T + b_hh (GRU)
    /// or in the projected state (with a projection).
    @inlinable public static var gateGradients: Int { 2 }
    /// `RecurrentSizes.forwardWork` or `backwardWork`.
    @inlinable public static var work: Int { 3 }
    /// Forward: the states, rows `outputStride` apart. Backward: the gradients in them, or nil.
    @inlinable public static var output: Int { 4 }
    /// The state before each step; nil if nothing is kept.
    @inlinable public static var previous: Int { 5 }
    /// [batch] whole numbers, as wide as the real ones; nil if every sequence is `time` long.
    @inlinable public static var lengths: Int { 6 }
    /// Two `KernelCall`s: the recurrent product, and the projection; with `unitsPerPiece` the product of a gate's part for
    /// so many units, and the whole one.
    @inlinable public static var products: Int { 7 }
    /// The second matrix of the projection: W_hr^T forward, W_hr backward; as it lies, or packed.
    @inlinable public static var projection: Int { 8 }
    /// The cell before each step (LSTM), or W_hn h + b_hn (GRU); behind it the states before the
    /// projection. Nil if nothing is kept.
    @inlinable public static var kept: Int { 9 }

    // Integers.
    @inlinable public static var batch: Int { 0 }
    @inlinable public static var time: Int { 1 }
    @inlinable public static var hidden: Int { 2 }
    /// Elements of a state: hidden_size, or proj_size.
    @inlinable public static var state: Int { 3 }
    /// `RecurrentUnit`
    @inlinable public static var unit: Int { 4 }
    @inlinable public static var rowsPerPiece: Int { 5 }
    /// Time runs from the end.
    @inlinable public static var isReverse: Int { 6 }
    @inlinable public static var outputStride: Int { 7 }
    @inlinable public static var productPieces: Int { 8 }
    /// Pieces of the second product. 0: no projection.
    @inlinable public static var projectionPieces: Int { 9 }
    /// Backward: whether the gradient in the first state is wanted.
    @inlinable public static var wantsInitial: Int { 10 }
    /// Forward: a call is one step, and its pieces so many units each of all samples; 0: it is all steps of samples.
    @inlinable public static var unitsPerPiece: Int { 11 }
    /// Forward, with `unitsPerPiece`: which step, in the order of the walk.
    @inlinable public static var step: Int { 12 }
}

/// Sizes, and the places of the parts of work, in elements. Every part has a row for each sample.
@frozen
public struct RecurrentSizes: Sendable {
    public let batch: Int
    public let time: Int
    public let hidden: Int
    public let state: Int
    /// Elements of all gates.
    public let gates: Int

    @inlinable public init(batch: Int, time: Int, hidden: Int, state: Int, gateCount: Int) {
        self.batch = batch
        self.time = time
        self.hidden = hidden
        self.state = state
        gates = gateCount * hidden
    }

    // Forward: the state, the cell (both first values on entry, last ones on return), the recurrent
    // product, and with a projection the state before it and behind it. A call for each step reads the state of the
    // step before and leaves its own in turns there and in the place before a projection.
    @inlinable public var stateAt: Int { 0 }
    @inlinable public var cellAt: Int { batch * state }
    @inlinable public var productAt: Int { batch * (state + hidden) }
    @inlinable public var fullAt: Int { batch * (state + hidden + gates) }
    @inlinable public var projectedAt: Int { batch * (state + 2 * hidden + gates) }
    @inlinable public var forwardWork: Int { batch * (2 * state + 2 * hidden + gates) }

    // Backward: gradients in the state and the cell (last values on entry, first ones on return), the
    // recurrent product, the step's gradients in the gates and in the state, and in the state before
    // the projection.
    @inlinable public var gradientProductAt: Int { batch * (state + hidden) }
    @inlinable public var stepGatesAt: Int { batch * (2 * state + hidden) }
    @inlinable public var arrivedAt: Int { batch * (2 * state + hidden + gates) }
    @inlinable public var fullGradientAt: Int { batch * (3 * state + hidden + gates) }
    @inlinable public var backwardWork: Int { batch * (3 * state + 2 * hidden + gates) }
}
