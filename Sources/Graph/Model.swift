// A model: nodes in the order they were added, which is an order in which they can be computed, and
// the memory of the parameters.

import CPUFeatures
import Glibc
import KernelDispatch
import KernelInterface
import Layers
import Tensors

public final class Model: @unchecked Sendable {
    public let type: DataType
    public let seed: UInt64
    public internal(set) var nodes: [Node] = []
    /// What callers added, and the node behind each of their numbers.
    public internal(set) var entries: [Entry] = []
    public internal(set) var numbers: [Int] = []
    public internal(set) var parameters: [Parameter] = []
    public internal(set) var inputs: [Int] = []
    public private(set) var explicitOutputs: [Int]?
    /// The thread whose fit is under way, else 0: other threads may read between its steps, not write.
    private let trainingThread = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    /// Held by whoever changes the parameters, shared by whoever reads them.
    public let lock = ReaderLock()
    /// Contexts of `predict`, kept for the next call.
    public let predictors = PredictorPool()

    let keptResults = KeptResults()

    /// Trainable parameters first, then constants; made when the model is first used.
    public private(set) var storage: Storage?
    /// 1 once `storage` is there, for threads that have not taken the lock it is made under.
    private let isPrepared = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    /// Bytes of the trainable parameters, a multiple of 64, at the start of the storage.
    public private(set) var trainableBytes = 0
    /// Of the lists of sparse parameters' rows.
    public private(set) var rowsBytes = 0
    public private(set) var compute = Compute.float32
    var numberOfLayers = 0
    /// First values of parameters that came with another model, by index.
    var givenValues: [Int: Storage] = [:]

    public init(type: DataType, seed: UInt64) {
        self.type = type
        self.seed = seed
        trainingThread.initialize(to: 0)
        isPrepared.initialize(to: 0)
    }

    deinit {
        trainingThread.deallocate()
        isPrepared.deallocate()
    }

    /// Marks the calling thread's fit; false when another one's is under way.
    public func beginTraining() -> Bool { cr_compare_exchange_64(trainingThread, 0, UInt64(UInt(pthread_self()))) != 0 }
    public func endTraining() { cr_store_release_64(trainingThread, 0) }

    /// Whether the calling thread may change the model: no fit is under way, or its own (a callback).
    public var mayChangeNow: Bool {
        let thread = cr_load_acquire_64(trainingThread)
        return thread == 0 || thread == UInt64(UInt(pthread_self()))
    }

    public var isTraining: Bool { cr_load_acquire_64(trainingThread) != 0 }

    /// Some layer is computed by the host program.
    var hasCustomLayers: Bool { nodes.contains { CustomCatalog.registry[$0.kind] != nil } }

    public var isDouble: Bool { type == .float64 }
    public var isInUse: Bool { storage != nil }

    /// The nodes that are the model's outputs; without `setOutputs` the first output of what was added last.
    public var outputs: [Int] { explicitOutputs ?? (entries.last.map { [numbers[$0.first]] } ?? []) }

    public var outputCount: Int { explicitOutputs?.count ?? min(entries.count, 1) }

    /// The caller's number of a node.
    public func number(of node: Int) -> Int { numbers.firstIndex(of: node) ?? node }

    /// How elements of a kind are kept.
    public func storageType(_ kind: ElementKind) -> DataType {
        kind == .real ? type : isDouble ? .int64 : .int32
    }

    public func setOutputs(_ list: [Int]) throws(ChainruleError) {
        guard !isInUse else {
            throw ChainruleError(.state, "the outputs", expected: "a model that has not been used yet", got: "one in use")
        }
        guard !list.isEmpty else {
            throw ChainruleError(.invalidArgument, "the number of outputs", expected: "1 or more", got: "0")
        }
        for node in list where node < 0 || node >= numbers.count {
            throw ChainruleError(
                .invalidArgument, "an output", expected: "a node from 0 to \(numbers.count - 1)", got: "\(node)")
        }
        explicitOutputs = list.map { numbers[$0] }
    }

    /// Makes the parameters' memory and first values, once. Several threads may ask at once.
    @discardableResult
    public func prepare() throws(ChainruleError) -> Storage {
        if cr_load_acquire_32(isPrepared) != 0, let storage { return storage }
        guard !nodes.isEmpty else {
            throw ChainruleError(.state, "the model", expected: "at least one node", got: "an empty model")
        }
        return try prepareOnce()
    }

    func changeCompute(_ compute: Compute) {
        self.compute = compute
        predictors.clear()
    }

    private func prepareOnce() throws(ChainruleError) -> Storage {
        preparation.lock()
        defer { preparation.unlock() }
        if let storage { return storage }
        let bytes = parameters.reduce(0.0) { $0 + Double(Storage.aligned($1.elementCount * type.size)) }
        guard bytes <= Double(Shape.maximumBytes) else {
            throw ChainruleError(.shape, "the parameters", expected: "at most 2^46 bytes in all", got: "\(bytes)")
        }
        // Made here, under the lock, so that readers on several threads find them made.
        _ = inputSpecifications
        _ = isSeparable
        _ = firstBatchedInput
        _ = predictionPart
        let made = try Storage(byteCount: Int(bytes), what: "the model's parameters")
        try fill(made, seed: seed)
        for (index, values) in givenValues {
            (made.pointer + parameters[index].offset).copyMemory(from: values.pointer, byteCount: parameters[index].elementCount * type.size)
        }
        givenValues = [:]
        storage = made
        cr_store_release_32(isPrepared, 1)
        return made
    }
    private let preparation = ThreadLock()

    /// Gives all parameters their places: trainable ones first. Done when some are added, since later
    /// several threads may read them.
    func placeParameters() {
        var offset = 0
        rowsBytes = 0
        for trainable in [true, false] {
            for index in parameters.indices where parameters[index].specification.isTrainable == trainable {
                parameters[index].offset = offset
                if parameters[index].specification.isSparse {
                    parameters[index].rowsOffset = rowsBytes
                    rowsBytes &+= Storage.aligned(parameters[index].shape[0] * 8)
                }
                // Whether the sum fits memory is looked at before it is used.
                offset &+= Storage.aligned(parameters[index].elementCount * type.size)
            }
            if trainable { trainableBytes = offset }
        }
    }

    /// Draws all first values anew.
    public func initialize(seed: UInt64) throws(ChainruleError) {
        try fill(try prepare(), seed: seed)
    }

    /// Runs a body that changes the parameters; readers are waited for.
    public func withWriteLock<T>(_ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
        guard lock.write() else { throw Model.busy }
        defer { lock.endWrite() }
        return try body()
    }

    /// Runs a body that reads the parameters.
    public func withReadLock<T>(_ body: () throws(ChainruleError) -> T) throws(ChainruleError) -> T {
        guard lock.tryRead() else { throw Model.busy }
        defer { lock.endRead() }
        return try body()
    }

    public static let busy = ChainruleError(
        .busy, "the model", expected: "no other call that changes it", got: "one on another thread")

    public func parameter(named name: String) throws(ChainruleError) -> Parameter {
        if let found = parameters.first(where: { $0.name == name }) { return found }
        let names = parameters.prefix(20).map(\.name).joined(separator: ", ")
        throw ChainruleError(
            .notFound, "the parameter's name", expected: names.isEmpty ? "nothing: the model has no parameters" : "one of \(names)",
            got: "\"\(name)\"")
    }

    /// What callers' inputs must be; fixed when the model is first used.
    public private(set) lazy var inputSpecifications: [FeedSpecification] = makeInputSpecifications()

    /// The input whose first dimension is the batch; nil when there is none.
    public private(set) lazy var firstBatchedInput: Int? = inputs.firstIndex { nodes[$0].outputShape.isBatched }

    /// Samples of a large batch that are predicted at a time.
    public private(set) lazy var predictionPart: Int = makePredictionPart()

    /// Whether large batches can be predicted in parts.
    public private(set) lazy var isSeparable: Bool = {
        guard !inputs.isEmpty, nodes.indices.allSatisfy({ !nodes[$0].layer.mixesSamples(nodes[$0].inputShapes) })
        else { return false }
        return inputs.allSatisfy { nodes[$0].outputShape.isBatched } && outputs.allSatisfy { nodes[$0].outputShape.isBatched }
    }()
}
