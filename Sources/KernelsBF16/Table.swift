// What CPUs with AVX-512 BF16 have beside the kernels of AVX-512. A module of its own, since no other CPU may meet the
// instruction.

import CPUFeatures
import KernelInterface

/// Nil: AVX-512's serves. KernelDispatch/KernelModules.swift finds this and the next by their names in the object file.
@_silgen_name("11KernelsBF16_kernel")
public func kernel(_ name: KernelName) -> Kernel? {
    switch name {
    case .packPairs: packPairsKernel
    case .multiplyPairs: multiplyPairsKernel
    default: nil
    }
}

/// Whether this CPU adds one product after the other, the first one first, rounding after each, and counts denormal
/// numbers as zeros, as Zen 4 was seen to do: otherwise results would have other bits than at other levels.
@_silgen_name("11KernelsBF16_addsInTurn")
public func addsInTurn() -> Bool {
    var sums = Floats()
    var pairs = Floats()
    // 1 + 2^-24 + 2^-24: a tie each time. -1 + 1 + 2^-30: not lost. 2^-130.
    (sums[0], pairs[0]) = (1, Float(bitPattern: 0x3980_3980))
    (sums[1], pairs[1]) = (-1, Float(bitPattern: 0x3f80_3800))
    pairs[2] = Float(bitPattern: 0x1f00_0000)
    sums = cr_dot_pairs(sums, pairs, pairs)
    return sums[0] == 1 && sums[1] == 0x1p-30 && sums[2].bitPattern == 0
}
