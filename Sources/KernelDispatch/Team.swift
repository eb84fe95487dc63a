// The thread team: the calling thread and some workers share the pieces of one kernel call.
//
// Each thread owns a range of pieces and takes from the ranges of others when its own is done; so
// pieces stay with the same core from step to step, and a worker that wakes late costs nothing but
// its help. A range is one 64-bit ticket (generation, next, end) moved by compare-and-swap: a worker
// left over from an earlier call can't take a piece of this one. Workers spin briefly after a call
// (waking a sleeping thread costs 40-90 us on virtual machines, a spinning one 0.1-0.5 us), then
// sleep. One call at a time has the team; a second caller runs its pieces alone.

import CPUFeatures
import Glibc
import KernelInterface

public enum Team {
    public static let maximumThreads = 256

    /// How many threads a call may use.
    public static var threadCount: Int {
        get { Int(cr_load_acquire_32(state.wanted)) }
        set { cr_store_release_32(state.wanted, UInt32(min(max(newValue, 1), maximumThreads))) }
    }

    private static let state = TeamState()

    /// Runs all pieces of a call; returns when they are done. `scratch` holds `kernelScratchBytes`
    /// for each of `scratchCount` threads.
    @inline(__always)
    public static func run(
        _ kernel: Kernel, _ call: UnsafeRawPointer, pieces: Int, scratch: UnsafeMutableRawPointer?, scratchCount: Int
    ) {
        if pieces == 1 {
            kernel(call, 0, 1, scratch)
            return
        }
        runShared(kernel, call, pieces, scratch, scratchCount)
    }

    @inline(never)
    @_optimize(speed)
    private static func runShared(
        _ kernel: Kernel, _ call: UnsafeRawPointer, _ pieces: Int, _ scratch: UnsafeMutableRawPointer?,
        _ scratchCount: Int
    ) {
        let threads = min(threadCount, pieces, scratchCount)
        guard threads > 1, pieces < 1 << 16, cr_compare_exchange_32(state.busy, 0, 1) != 0 else {
            kernel(call, 0, pieces, scratch)
            return
        }
        state.share(kernel, call, pieces, scratch, threads)
        cr_store_release_32(state.busy, 0)
    }
}

/// What threads share, in plain memory: fields that different threads write lie 128 bytes apart.
private final class TeamState: @unchecked Sendable {
    private static let line = 128
    private let memory: UnsafeMutableRawPointer

    let wanted: UnsafeMutablePointer<UInt32>
    let busy: UnsafeMutablePointer<UInt32>
    private let generation: UnsafeMutablePointer<UInt32>
    private let sleepers: UnsafeMutablePointer<UInt32>
    private let done: UnsafeMutablePointer<UInt32>
    private let threads: UnsafeMutablePointer<UInt32>
    /// The CPU that the caller was on.
    private let callerCPU: UnsafeMutablePointer<UInt32>
    private let cpus = Int(cr_allowed_cpus())
    private let tickets: UnsafeMutableRawPointer

    // Written by the caller before the tickets are published, read by workers after they took one.
    private var kernel: Kernel = { _, _, _, _ in }
    private var call: UnsafeRawPointer
    private var scratch: UnsafeMutableRawPointer?
    private var workers = 0

    init() {
        let bytes = TeamState.line * (8 + Team.maximumThreads)
        memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 128)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        let base = memory
        func word(_ index: Int) -> UnsafeMutablePointer<UInt32> {
            (base + index * TeamState.line).assumingMemoryBound(to: UInt32.self)
        }
        wanted = word(0)
        busy = word(1)
        generation = word(2)
        sleepers = word(3)
        done = word(4)
        threads = word(5)
        callerCPU = word(6)
        tickets = memory + 8 * TeamState.line
        call = UnsafeRawPointer(memory)
        wanted.pointee = UInt32(TeamState.defaultThreads())
        teamToReset = self
        pthread_atfork(nil, nil, { teamToReset?.resetAfterFork() })
    }

    /// CHAINRULE_THREADS, or the CPUs that this process may run on.
    private static func defaultThreads() -> Int {
        if let text = getenv("CHAINRULE_THREADS"), let count = Int(String(cString: text)), count >= 1 {
            return min(count, Team.maximumThreads)
        }
        return min(max(Int(cr_allowed_cpus()), 1), Team.maximumThreads)
    }

    private func ticket(_ thread: Int) -> UnsafeMutablePointer<UInt64> {
        (tickets + thread * TeamState.line).assumingMemoryBound(to: UInt64.self)
    }

    @_optimize(speed)
    func share(
        _ kernel: Kernel, _ call: UnsafeRawPointer, _ pieces: Int, _ scratch: UnsafeMutableRawPointer?, _ threads: Int
    ) {
        while workers < threads - 1, startWorker() {}
        let generation = generation.pointee &+ 1
        self.kernel = kernel
        self.call = call
        self.scratch = scratch
        cr_store_release_32(self.threads, UInt32(threads))
        cr_store_release_32(callerCPU, UInt32(bitPattern: cr_current_cpu()))
        cr_store_release_32(done, 0)
        for thread in 0..<threads {
            let first = UInt64(pieces * thread / threads)
            let end = UInt64(pieces * (thread + 1) / threads)
            cr_store_release_64(ticket(thread), UInt64(generation) << 32 | first << 16 | end)
        }
        cr_store_sequential_32(self.generation, generation)
        if cr_load_sequential_32(sleepers) != 0 { cr_wake_all(self.generation) }
        work(0, generation)
        // What other threads took is under way; a thread that lost its CPU in a piece must get it back, perhaps this one's.
        var spins = 0
        while cr_load_acquire_32(done) != UInt32(pieces) {
            cr_pause()
            spins += 1
            if spins > 1000 {
                sched_yield()
                spins = 0
            }
        }
    }

    /// Takes pieces of this generation: the thread's own, then those of the others. A worker that
    /// comes late sees a count of another generation at worst, and tickets it can't take.
    @_optimize(speed)
    private func work(_ thread: Int, _ generation: UInt32) {
        let count = Int(cr_load_relaxed_32(threads))
        guard thread < count else { return }
        var range = thread
        for _ in 0..<count {
            let ticket = ticket(range)
            while true {
                let now = cr_load_acquire_64(ticket)
                let next = Int(now >> 16 & 0xffff)
                guard now >> 32 == UInt64(generation), next < Int(now & 0xffff) else { break }
                guard cr_compare_exchange_64(ticket, now, now + 0x10000) != 0 else { continue }
                kernel(call, next, next + 1, scratch.map { $0 + thread * kernelScratchBytes })
                cr_fetch_add_32(done, 1)
            }
            range = range + 1 == count ? 0 : range + 1
        }
    }

    private func startWorker() -> Bool {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return false }
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        // Signals are the host's: its handlers run on its own threads.
        var all = sigset_t()
        var old = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
        var thread = pthread_t()
        let argument = UnsafeMutableRawPointer(bitPattern: UInt(workers + 1))
        let failed = pthread_create(&thread, &attributes, { argument in
            let index = Int(bitPattern: argument)
            teamToReset?.serve(index)
            return nil
        }, argument)
        if failed == 0 { workers += 1 }
        return failed == 0
    }

    @_optimize(speed)
    private func serve(_ thread: Int) -> Never {
        var seen: UInt32 = 0
        while true {
            var spins = 0
            var now = cr_load_acquire_32(generation)
            while now == seen {
                cr_pause()
                spins += 1
                if spins > spinsBeforeSleep {
                    cr_fetch_add_32(sleepers, 1)
                    if cr_load_sequential_32(generation) == seen { cr_wait(generation, seen) }
                    cr_fetch_add_32(sleepers, UInt32.max)
                    spins = 0
                }
                now = cr_load_acquire_32(generation)
            }
            seen = now
            leaveCaller()
            work(thread, now)
        }
    }

    /// The scheduler puts a thread that wakes beside the one that woke it, where each waits for the other to be stopped,
    /// for milliseconds. Where there are CPUs enough, the worker goes to another.
    private func leaveCaller() {
        let cpu = cr_current_cpu()
        guard UInt32(bitPattern: cpu) == cr_load_relaxed_32(callerCPU), Int(cr_load_relaxed_32(threads)) <= cpus else { return }
        cr_leave_cpu(cpu)
    }

    /// About 200 us: longer than what lies between two steps of a loop in C or Python. A pause takes 5 to 50 ns, as the
    /// CPU has it.
    private let spinsBeforeSleep: Int = {
        func now() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000_000 + time.tv_nsec
        }
        var shortest = Int.max
        for _ in 0..<3 {
            let begin = now()
            for _ in 0..<200 { cr_pause() }
            shortest = min(shortest, now() - begin)
        }
        return 200_000 * 200 / max(shortest, 1000)
    }()

    /// The child of a fork has no workers; it starts its own when it needs them.
    func resetAfterFork() {
        workers = 0
        busy.pointee = 0
        sleepers.pointee = 0
        generation.pointee &+= 1
    }
}

nonisolated(unsafe) private var teamToReset: TeamState?
