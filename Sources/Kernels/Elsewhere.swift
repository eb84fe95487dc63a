// AVX2's code for what AVX-512 has none of its own for within a kernel. The functions go by names in the object files, so that
// neither module waits for the other to be compiled; the names hold the module's, as scripts/check_objects.sh wants.

import KernelInterface

#if AVX2
@_silgen_name("11KernelsAVX2_unaryForwardFloat")
public func avx2ForwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) { unaryForwardFloat(function, a, b, x, y, count) }

@_silgen_name("11KernelsAVX2_unaryForwardDouble")
public func avx2ForwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ count: Int
) { unaryForwardDouble(function, a, b, x, y, count) }

@_silgen_name("11KernelsAVX2_unaryBackwardFloat")
public func avx2BackwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ dy: UnsafePointer<Float>, _ saved: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>, _ count: Int
) { unaryBackwardFloat(function, a, b, dy, saved, dx, count) }

@_silgen_name("11KernelsAVX2_unaryBackwardDouble")
public func avx2BackwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ dy: UnsafePointer<Double>, _ saved: UnsafePointer<Double>,
    _ dx: UnsafeMutablePointer<Double>, _ count: Int
) { unaryBackwardDouble(function, a, b, dy, saved, dx, count) }

@_silgen_name("11KernelsAVX2_elementLoss")
public func avx2ElementLoss(_ call: UnsafeRawPointer, _ begin: Int, _ end: Int) { elementLossKernel(call, begin, end, nil) }

@_silgen_name("11KernelsAVX2_winogradImage")
public func avx2WinogradImage(
    _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafePointer<Float>, _ scratch: UnsafeMutableRawPointer, _ first: Int,
    _ end: Int, _ channel: Int, _ channels: Int
) { transformTiles(space, image, scratch, first, end, channel, channels) }

@_silgen_name("11KernelsAVX2_winogradResults")
public func avx2WinogradResults(
    _ call: UnsafePointer<KernelCall>, _ scratch: UnsafeMutableRawPointer, _ first: Int, _ end: Int, _ output: Int, _ outputs: Int
) { finishTiles(Arguments(call), scratch, first, end, output, outputs) }
#endif

#if AVX512
@_silgen_name("11KernelsAVX2_unaryForwardFloat")
func avx2ForwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int)

@_silgen_name("11KernelsAVX2_unaryForwardDouble")
func avx2ForwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ count: Int)

@_silgen_name("11KernelsAVX2_unaryBackwardFloat")
func avx2BackwardFloat(
    _ function: Int, _ a: Float, _ b: Float, _ dy: UnsafePointer<Float>, _ saved: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>, _ count: Int)

@_silgen_name("11KernelsAVX2_unaryBackwardDouble")
func avx2BackwardDouble(
    _ function: Int, _ a: Double, _ b: Double, _ dy: UnsafePointer<Double>, _ saved: UnsafePointer<Double>,
    _ dx: UnsafeMutablePointer<Double>, _ count: Int)

@_silgen_name("11KernelsAVX2_winogradImage")
func avx2WinogradImage(
    _ space: UnsafePointer<ConvolutionSpace>, _ image: UnsafePointer<Float>, _ scratch: UnsafeMutableRawPointer, _ first: Int,
    _ end: Int, _ channel: Int, _ channels: Int)

@_silgen_name("11KernelsAVX2_winogradResults")
func avx2WinogradResults(
    _ call: UnsafePointer<KernelCall>, _ scratch: UnsafeMutableRawPointer, _ first: Int, _ end: Int, _ output: Int, _ outputs: Int)

@_silgen_name("11KernelsAVX2_elementLoss")
func avx2ElementLoss(_ call: UnsafeRawPointer, _ begin: Int, _ end: Int)
#endif
