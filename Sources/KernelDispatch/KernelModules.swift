// The kernels' modules, one a CPU level, by the names that their functions have in the object files (Kernels/Table.swift):
// what imports KernelDispatch is compiled beside the kernels, which take longest, rather than after them. Whatever is
// linked from this module is linked with theirs.

import KernelInterface

@_silgen_name("7Kernels_kernel")
func kernelBaseline(_ name: KernelName) -> Kernel

@_silgen_name("7Kernels_tileSizes")
func tileSizesBaseline() -> TileSizes

#if LEVEL_AVX2
@_silgen_name("11KernelsAVX2_kernel")
func kernelAVX2(_ name: KernelName) -> Kernel

@_silgen_name("11KernelsAVX2_tileSizes")
func tileSizesAVX2() -> TileSizes
#endif

#if LEVEL_AVX512
/// Nil: AVX2's serves.
@_silgen_name("13KernelsAVX512_kernel")
func kernelAVX512(_ name: KernelName) -> Kernel?

@_silgen_name("13KernelsAVX512_tileSizes")
func tileSizesAVX512() -> TileSizes

/// Nil: AVX-512's serves.
@_silgen_name("11KernelsBF16_kernel")
func kernelBF16(_ name: KernelName) -> Kernel?

/// Whether the CPU's instruction gives the bits of the other levels.
@_silgen_name("11KernelsBF16_addsInTurn")
func addsInTurnBF16() -> Bool
#endif
