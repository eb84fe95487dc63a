// The predictors of a model that nobody is using: one executor a caller at a time.

import CPUFeatures
import Tensors

public final class PredictorPool: @unchecked Sendable {
    /// The predictor given back last, with a reference of its own (0: none): a program with one caller takes it and gives
    /// it back by two atomic instructions.
    private let last = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    private let lock = ThreadLock()
    private var idle: [Predictor] = []

    public init() { last.initialize(to: 0) }

    deinit {
        clear()
        last.deallocate()
    }

    /// One that is there already, with a reference that is the caller's.
    func takeKnown() -> Unmanaged<Predictor>? { takeLast() ?? takeIdle() }

    func take(_ model: Model) throws(ChainruleError) -> Predictor {
        if let known = takeKnown() { return known.takeRetainedValue() }
        return try Predictor(model)
    }

    @inline(__always)
    private func takeLast() -> Unmanaged<Predictor>? {
        let bits = cr_load_acquire_64(last)
        guard bits != 0, cr_compare_exchange_64(last, bits, 0) != 0 else { return nil }
        return UnsafeRawPointer(bitPattern: UInt(bits)).map { Unmanaged.fromOpaque($0) }
    }

    @inline(never)
    private func takeIdle() -> Unmanaged<Predictor>? {
        lock.lock()
        defer { lock.unlock() }
        return idle.popLast().map { Unmanaged.passRetained($0) }
    }

    func give(_ predictor: Predictor) { give(Unmanaged.passRetained(predictor)) }

    /// The reference goes to the pool.
    func give(_ predictor: Unmanaged<Predictor>) {
        if cr_compare_exchange_64(last, 0, UInt64(UInt(bitPattern: predictor.toOpaque()))) != 0 { return }
        let predictor = predictor.takeRetainedValue()
        lock.lock()
        if idle.count < 64 { idle.append(predictor) }
        lock.unlock()
    }

    func clear() {
        takeLast()?.release()
        lock.lock()
        idle = []
        lock.unlock()
    }
}
