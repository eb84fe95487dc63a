// How kernels read their calls.

import KernelInterface

/// A kernel's view of its call: typed slots.
struct Arguments {
    let call: UnsafePointer<KernelCall>
    @inline(__always) init(_ raw: UnsafeRawPointer) { call = raw.assumingMemoryBound(to: KernelCall.self) }
    @inline(__always) var isDouble: Bool { call.pointee.isDouble }
    @inline(__always) func input<T>(_ slot: Int, _: T.Type = T.self) -> UnsafePointer<T> {
        UnsafePointer(call.pointee.pointers[slot].unsafelyUnwrapped.assumingMemoryBound(to: T.self))
    }
    @inline(__always) func output<T>(_ slot: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T> {
        call.pointee.pointers[slot].unsafelyUnwrapped.assumingMemoryBound(to: T.self)
    }
    @inline(__always) func has(_ slot: Int) -> Bool { call.pointee.pointers[slot] != nil }
    @inline(__always) func integer(_ slot: Int) -> Int { call.pointee.integers[slot] }
    @inline(__always) func scalar<T: BinaryFloatingPoint>(_ slot: Int, _: T.Type = T.self) -> T {
        T(call.pointee.scalars[slot])
    }
}
