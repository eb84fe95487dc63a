// AVX2's loops over functions of one variable, for AVX-512 to call. They go by names in the object files, so that
// neither module waits for the other to be compiled; the names hold the module's, as scripts/check_objects.sh wants.

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
#endif
