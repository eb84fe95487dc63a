// Who may use a handle: many readers or one writer. Nobody waits, except where it says so.

import CPUFeatures
import Glibc

/// Plain memory in the object that it guards, so that taking it costs one atomic instruction and no reference.
public struct ReaderLock: ~Copyable, @unchecked Sendable {
    private static let writer: UInt32 = 1 << 31
    private let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    private let count = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    /// How often it was taken for writing; for those who hold it.
    public var writes: UInt64 { count.pointee }

    public init() {
        word.initialize(to: 0)
        count.initialize(to: 0)
    }
    deinit {
        word.deallocate()
        count.deallocate()
    }

    /// False when a writer has it.
    public func tryRead() -> Bool {
        while true {
            let now = cr_load_acquire_32(word)
            if now & ReaderLock.writer != 0 { return false }
            if cr_compare_exchange_32(word, now, now + 1) != 0 { return true }
        }
    }

    public func endRead() { _ = cr_fetch_add_32(word, UInt32.max) }

    /// False when anyone has it.
    public func tryWrite() -> Bool {
        guard cr_compare_exchange_32(word, 0, ReaderLock.writer) != 0 else { return false }
        count.pointee &+= 1
        return true
    }

    /// Waits for readers, which are short; false when another writer has it.
    public func write() -> Bool {
        while !tryWrite() {
            if cr_load_acquire_32(word) & ReaderLock.writer != 0 { return false }
            sched_yield()
        }
        return true
    }

    public func endWrite() { cr_store_release_32(word, 0) }
}

/// Mutual exclusion that waits, for things that happen rarely.
public final class ThreadLock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    public init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }
    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }
    public func lock() { pthread_mutex_lock(mutex) }
    public func unlock() { pthread_mutex_unlock(mutex) }
}
