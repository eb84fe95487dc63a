// Winograd's convolution of 3 x 3 kernels (Winograd 1980; Lavin and Gray, arXiv 1509.09308): 4 x 4 neighbouring
// results are polynomials' coefficients, found from the polynomials' values at six points, along both
// dimensions: 36 multiplications instead of 144.
//
//   results = At [(G w Gt) * (Bt d B)] A        d: the 6 x 6 elements of the image that the tile reads
//
// In the middle, each of the 36 points is a matrix product over channels: weights' values [outputs, channels] times
// the image's [channels, tiles]. The points are 0, +-3/4, +-3/2 and infinity: Bt and At are exact in
// float32, and its rounding is 1.5 times that of the plain sum, where the usual 0, +-1, +-2 have 5 times.
// Vectors hold neighbouring tiles. This file has the transforms of a vector, and how tiles are read from an image.

import KernelInterface

#if !BASELINE

@inline(__always) private func times(_ a: Float, _ x: FloatVector, plus y: FloatVector) -> FloatVector {
    FloatVector.fma(FloatVector(repeating: a), x, y)
}

/// The four numbers that the points give.
private enum Point {
    @inline(__always) static var a: Float { 0.75 }
    @inline(__always) static var a2: Float { 0.5625 }
    @inline(__always) static var a3: Float { 0.421875 }
    @inline(__always) static var b: Float { 1.5 }
    @inline(__always) static var b2: Float { 2.25 }
    @inline(__always) static var b3: Float { 3.375 }
    /// a2 * b2 and a2 + b2
    @inline(__always) static var product: Float { 1.265625 }
    @inline(__always) static var sum: Float { 2.8125 }
}

@inline(__always) func loadSix(_ p: UnsafePointer<Float>, _ step: Int) -> SixVectors {
    [
        FloatVector.load(p), FloatVector.load(p + step), FloatVector.load(p + 2 * step), FloatVector.load(p + 3 * step),
        FloatVector.load(p + 4 * step), FloatVector.load(p + 5 * step),
    ]
}

/// The transforms from memory to memory, each a function that all kernels share: vectors `step` apart.
@inline(never) func transformImage(
    _ from: UnsafePointer<Float>, _ step: Int, _ to: UnsafeMutablePointer<Float>, _ toStep: Int
) {
    let u = winogradImage(loadSix(from, step))
    for i in 0..<6 { u[i].store(to + i * toStep) }
}

@inline(never) func transformResults(
    _ from: UnsafePointer<Float>, _ step: Int, _ to: UnsafeMutablePointer<Float>, _ toStep: Int
) {
    let y = winogradResults(loadSix(from, step))
    for i in 0..<4 { y[i].store(to + i * toStep) }
}

@inline(never) func transformResultsBack(
    _ from: UnsafePointer<Float>, _ step: Int, _ to: UnsafeMutablePointer<Float>, _ toStep: Int
) {
    let u = winogradResultsBack([
        FloatVector.load(from), FloatVector.load(from + step), FloatVector.load(from + 2 * step),
        FloatVector.load(from + 3 * step),
    ])
    for i in 0..<6 { u[i].store(to + i * toStep) }
}

@inline(never) func transformWeights(
    _ from: UnsafePointer<Float>, _ step: Int, _ to: UnsafeMutablePointer<Float>, _ toStep: Int
) {
    let u = winogradWeights(FloatVector.load(from), FloatVector.load(from + step), FloatVector.load(from + 2 * step))
    for i in 0..<6 { u[i].store(to + i * toStep) }
}

@inline(never) func transformWeightsBack(
    _ from: UnsafePointer<Float>, _ step: Int, _ to: UnsafeMutablePointer<Float>, _ toStep: Int
) {
    let (w0, w1, w2) = winogradWeightsBack(loadSix(from, step))
    w0.store(to)
    w1.store(to + toStep)
    w2.store(to + 2 * toStep)
}

/// Rows of Bt, and of A.
@inline(never) func winogradImageRow(_ row: Int) -> InlineArray<6, Float> {
    let x: Float = row <= 2 ? Point.a : Point.b
    let other: Float = row <= 2 ? Point.b2 : Point.a2
    let sign: Float = row & 1 == 1 ? x : -x
    switch row {
    case 0: return [Point.product, 0, -Point.sum, 0, 1, 0]
    case 5: return [0, Point.product, 0, -Point.sum, 0, 1]
    default: return [0, -sign * other, -other, sign, 1, 0]
    }
}

@inline(never) func winogradResultsRow(_ row: Int) -> InlineArray<6, Float> {
    let x: Float = row <= 2 ? Point.a : Point.b
    let sign: Float = row & 1 == 1 ? x : -x
    switch row {
    case 0: return [1, 0, 0, 0, 0, 0]
    case 5: return [0, 0, 0, 1, 0, 0]
    default: return [1, sign, x * x, sign * x * x, 0, 0]
    }
}

typealias SixVectors = InlineArray<6, FloatVector>
typealias FourVectors = InlineArray<4, FloatVector>

/// Bt d: the image's values at the points.
@inline(__always) func winogradImage(_ d: SixVectors) -> SixVectors {
    let even1 = times(-Point.b2, d[2], plus: d[4])
    let even2 = times(-Point.a2, d[2], plus: d[4])
    let odd1 = times(-Point.b2, d[1], plus: d[3])
    let odd2 = times(-Point.a2, d[1], plus: d[3])
    return [
        times(Point.product, d[0], plus: times(-Point.sum, d[2], plus: d[4])),
        times(Point.a, odd1, plus: even1), times(-Point.a, odd1, plus: even1),
        times(Point.b, odd2, plus: even2), times(-Point.b, odd2, plus: even2),
        times(Point.product, d[1], plus: times(-Point.sum, d[3], plus: d[5])),
    ]
}

/// At m: four results from the products at the points.
@inline(__always) func winogradResults(_ m: SixVectors) -> FourVectors {
    let sum1 = m[1] + m[2]
    let sum2 = m[3] + m[4]
    let difference1 = m[1] - m[2]
    let difference2 = m[3] - m[4]
    return [
        m[0] + (sum1 + sum2),
        times(Point.a, difference1, plus: FloatVector(repeating: Point.b) * difference2),
        times(Point.a2, sum1, plus: FloatVector(repeating: Point.b2) * sum2),
        times(Point.a3, difference1, plus: times(Point.b3, difference2, plus: m[5])),
    ]
}

/// A y: the transpose of that.
@inline(__always) func winogradResultsBack(_ y: FourVectors) -> SixVectors {
    let even1 = times(Point.a2, y[2], plus: y[0])
    let even2 = times(Point.b2, y[2], plus: y[0])
    let odd1 = times(Point.a2, y[3], plus: y[1])
    let odd2 = times(Point.b2, y[3], plus: y[1])
    return [
        y[0], times(Point.a, odd1, plus: even1), times(-Point.a, odd1, plus: even1),
        times(Point.b, odd2, plus: even2), times(-Point.b, odd2, plus: even2), y[3],
    ]
}

/// 1 / product, and 1 / (2 a2 (a2 - b2)), 1 / (2 b2 (b2 - a2)): what Lagrange's polynomials are divided by.
private enum Divisor {
    @inline(__always) static var zero: Float { 1 / 1.265625 }
    @inline(__always) static var a: Float { -1 / 1.8984375 }
    @inline(__always) static var b: Float { 1 / 7.59375 }
}

/// G w: the weights' values.
@inline(__always) func winogradWeights(_ w0: FloatVector, _ w1: FloatVector, _ w2: FloatVector) -> SixVectors {
    let even1 = times(Point.a2, w2, plus: w0)
    let even2 = times(Point.b2, w2, plus: w0)
    let first = FloatVector(repeating: Divisor.a)
    let second = FloatVector(repeating: Divisor.b)
    return [
        w0 * FloatVector(repeating: Divisor.zero), first * times(Point.a, w1, plus: even1),
        first * times(-Point.a, w1, plus: even1), second * times(Point.b, w1, plus: even2),
        second * times(-Point.b, w1, plus: even2), w2,
    ]
}

/// Gt u: the transpose of that.
@inline(__always) func winogradWeightsBack(_ u: SixVectors) -> (FloatVector, FloatVector, FloatVector) {
    let first = FloatVector(repeating: Divisor.a)
    let second = FloatVector(repeating: Divisor.b)
    let sum1 = first * (u[1] + u[2])
    let sum2 = second * (u[3] + u[4])
    let difference1 = first * (u[1] - u[2])
    let difference2 = second * (u[3] - u[4])
    return (
        times(Divisor.zero, u[0], plus: sum1 + sum2),
        times(Point.a, difference1, plus: FloatVector(repeating: Point.b) * difference2),
        times(Point.a2, sum1, plus: times(Point.b2, sum2, plus: u[5]))
    )
}

// MARK: - tiles of an image

/// Neighbouring tiles of a row of tiles of one sample, and which of the block's tiles the first is.
struct TileRun {
    var sample = 0
    var y = 0
    var x = 0
    var count = 0
    var place = 0
}

/// A thread's scratch: the runs of a block of tiles, rows of an image that a run reads, the same with one array for
/// each place in a tile, zeros for what is outside the image, and the rest.
struct TileRoom {
    let runs: UnsafeMutablePointer<TileRun>
    let zeros: UnsafeMutablePointer<Float>
    let rows: UnsafeMutablePointer<Float>
    let places: UnsafeMutablePointer<Float>
    let rest: UnsafeMutablePointer<Float>

    @inline(__always) static var rowLength: Int { 4 * Winograd.gradientTiles + 80 }
    @inline(__always) static var placeLength: Int { Winograd.gradientTiles + 32 }

    @inline(__always) init(_ scratch: UnsafeMutableRawPointer) {
        runs = scratch.assumingMemoryBound(to: TileRun.self)
        zeros = (scratch + 4096).assumingMemoryBound(to: Float.self)
        rows = zeros + TileRoom.rowLength
        places = rows + 6 * TileRoom.rowLength
        rest = places + 36 * TileRoom.placeLength
        var i = 0
        while i < TileRoom.rowLength {
            FloatVector.zero.store(zeros + i)
            i += FloatVector.lanes
        }
    }
}

/// A block of tiles, counted through rows and samples.
struct TileBlock {
    let runs: UnsafeMutablePointer<TileRun>
    private(set) var count = 0
    let tiles: Int
    /// Vectors that hold them.
    let vectors: Int

    @inline(never)
    init(_ g: UnsafePointer<ConvolutionSpace>, _ room: TileRoom, first: Int, end: Int) {
        runs = room.runs
        tiles = end - first
        vectors = (tiles + FloatVector.lanes - 1) / FloatVector.lanes
        let across = g.pointee.tilesAcross
        let down = g.pointee.tilesDown
        let row = first / across
        var run = TileRun()
        run.sample = row / down
        run.y = row - run.sample * down
        run.x = first - row * across
        while run.place < tiles {
            run.count = min(across - run.x, tiles - run.place)
            runs[count] = run
            count += 1
            run.place += run.count
            run.x = 0
            run.y += 1
            if run.y == down {
                run.y = 0
                run.sample += 1
            }
        }
    }
}

/// The part of a plane that a run of tiles reads; what is outside it is zero.
struct RunRows {
    /// Columns, of them those inside; the first column is the run's.
    let width: Int
    let low: Int
    let high: Int
    private let plane: UnsafePointer<Float>
    private let zeros: UnsafePointer<Float>
    private let y: Int
    private let height: Int
    private let size: Int

    /// - height, size: of the plane  - side: of what a tile reads  - padding: before the plane's first element
    @inline(__always) init(
        _ run: TileRun, _ plane: UnsafePointer<Float>, height: Int, size: Int, side: Int, padding: (y: Int, x: Int),
        zeros: UnsafePointer<Float>
    ) {
        let x = 4 * run.x - padding.x
        width = 4 * run.count + side - 4
        low = max(0, -x)
        high = min(width, size - x)
        y = 4 * run.y - padding.y
        self.plane = plane + x
        self.zeros = zeros
        self.height = height
        self.size = size
    }

    @inline(__always) subscript(_ k: Int) -> UnsafePointer<Float> {
        y + k >= 0 && y + k < height ? plane + (y + k) * size : zeros
    }

    /// Of a vector of columns, those inside.
    @inline(__always) func inside(_ x: Int) -> Int { max(0, min(FloatVector.lanes, high - x)) }
}

/// Element j of tile t is row[4 t + j]: places[j] gets it at `place` + t, for four j or (`side` 6) six.
@inline(never)
func spreadTiles(
    _ row: UnsafePointer<Float>, _ places: UnsafeMutablePointer<Float>, place: Int, count: Int, side: Int
) {
    typealias V = FloatVector
    let length = TileRoom.placeLength
    let to = places + place
    var t = 0
    while t < count {
        let p = row + 4 * t
        let (a, b) = (V.load(p), V.load(p + V.lanes))
        let (c, d) = (V.load(p + 2 * V.lanes), V.load(p + 3 * V.lanes))
        let (evens1, evens2) = (V.evens(a, b), V.evens(c, d))
        let (odds1, odds2) = (V.odds(a, b), V.odds(c, d))
        let first = V.evens(evens1, evens2)
        let second = V.evens(odds1, odds2)
        first.store(to + t)
        second.store(to + length + t)
        V.odds(evens1, evens2).store(to + 2 * length + t)
        V.odds(odds1, odds2).store(to + 3 * length + t)
        if side > 4 {
            // Elements 4 and 5 are the next tile's first two.
            V.following(first, V.load(p + 4 * V.lanes)).store(to + 4 * length + t)
            V.following(second, V.load(p + 4 * V.lanes + 1)).store(to + 5 * length + t)
        }
        t += V.lanes
    }
}
#endif
