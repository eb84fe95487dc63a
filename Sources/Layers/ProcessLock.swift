// The lock of what a process has once: registered kinds, and texts that live as long as it does. It is held for moments,
// and never while the host's code runs. A fork takes it first: the child, in which only the thread that forked goes on,
// would else wait for ever for one that is gone.

import Glibc

public enum ProcessLock {
    nonisolated(unsafe) private static let mutex: UnsafeMutablePointer<pthread_mutex_t> = {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        pthread_atfork({ ProcessLock.lock() }, { ProcessLock.unlock() }, { ProcessLock.unlock() })
        return mutex
    }()

    public static func lock() { pthread_mutex_lock(mutex) }
    public static func unlock() { pthread_mutex_unlock(mutex) }
}
