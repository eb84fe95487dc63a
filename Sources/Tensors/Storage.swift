// Memory for tensors: aligned, zeroed, and an error instead of an abort when there is none.

import Glibc

public final class Storage: @unchecked Sendable {
    public let pointer: UnsafeMutableRawPointer
    public let byteCount: Int

    /// `byteCount` zero bytes, aligned to 64. Untouched pages of large blocks cost nothing.
    /// - isZeroed: false for workspace whose first values nobody reads.
    public init(byteCount: Int, what: String, isZeroed: Bool = true) throws(ChainruleError) {
        guard byteCount >= 0, byteCount <= Shape.maximumBytes * 4 else {
            throw .outOfMemory(what, bytes: byteCount)
        }
        var raw: UnsafeMutableRawPointer?
        guard posix_memalign(&raw, 64, max(byteCount, 64)) == 0, let raw else {
            throw .outOfMemory(what, bytes: byteCount)
        }
        // Weights that are read once a step take as many address translations as pages. Where the
        // system has no large pages this fails, and nothing is lost.
        if byteCount >= 2 * Storage.largePage {
            let first = (UInt(bitPattern: raw) + UInt(Storage.largePage) - 1) & ~UInt(Storage.largePage - 1)
            let end = (UInt(bitPattern: raw) + UInt(byteCount)) & ~UInt(Storage.largePage - 1)
            if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_HUGEPAGE) }
        }
        if isZeroed { memset(raw, 0, max(byteCount, 64)) }
        pointer = raw
        self.byteCount = byteCount
    }

    deinit { free(pointer) }

    /// Bytes of a large page of x86-64.
    private static let largePage = 2 << 20

    /// 64-byte granules, so that neighbours never share a cache line.
    public static func aligned(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}
