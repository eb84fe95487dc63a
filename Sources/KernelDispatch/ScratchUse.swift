// How much of its thread's scratch a call touches: the rest of it is address space that no memory stands behind, and no part
// of what a plan takes.

import KernelInterface

extension KernelCall {
    /// Bytes that a call of `matrixMultiply` touches, at most.
    public func multiplyScratchBytes(_ tile: TileSizes) -> Int {
        typealias Slot = MatrixMultiplySlot
        typealias Flags = MatrixMultiplyFlags
        let flags = Flags(bits: integers[Slot.flags])
        // Images are gathered in an order of their own.
        if flags.has(Flags.gatheredB) { return kernelScratchBytes }
        let size = isDouble ? 8 : 4
        let lanes = tile.vectorBytes / size
        let depth = min(integers[Slot.depth], integers[Slot.blockLength])
        var bytes = 0
        if flags.has(Flags.packA) && !flags.has(Flags.keepA) {
            bytes += min(matrixMultiplyStripBytes, max(tile.rows, lanes) * (depth + lanes) * size)
        }
        if flags.has(Flags.localB) {
            let width = max(flags.vectors, 1) * lanes
            let columns = integers[Slot.pieceShape] >> 20 & 0xf_ffff
            bytes += depth * ((columns + width - 1) / width * width) * size
        } else if flags.has(Flags.streamB) {
            bytes += matrixMultiplyRowBytes
        } else if !flags.has(Flags.sharedB) {
            // The last, incomplete vector, where there are no masks.
            bytes += depth * lanes * size
        }
        return min(bytes, kernelScratchBytes)
    }
}
