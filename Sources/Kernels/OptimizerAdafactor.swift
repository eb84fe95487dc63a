// Adafactor (Shazeer and Stern 2018): the running mean of a matrix's squared gradients is kept as one
// number for each row and one for each column. Slots that all share: OptimizerKernels.swift. Parameters are
// `matrices` dense matrices [rows, columns], as they are stored; a vector has a number for each element.
//
// adafactorRows     r += share (mean over columns of g g - r).  Pieces: integer 9 rows.
// adafactorColumns  c += share (mean over rows of g g - c).  Pieces: 4096 bytes of columns of a matrix.
// adafactorMeans    the mean of r over rows (or of c over columns: integer 8), at least eps1. One piece.
// adafactorDirection  u = g / sqrt(max(r c / mean, eps1^2));  sums of p p and u u
//                     a vector: v += share (g g - v), u = g / sqrt(max(v, eps1^2)).  Pieces: integer 9 rows.
//   pointers  0 parameters  1 gradient  2 r, or v  3 c, or nil for a vector  4 gradient scale or nil
//             6 u  7 sums: two Double per piece  8 means: one element per matrix
//   integers  3 whether it climbs  4 matrices  5 rows  6 columns  8 means are those of c
//             9 rows (of all matrices) per piece
//   scalars   4 share  6 eps1  7 clip value
// A vector of n elements is one matrix of n rows and 1 column where the pieces are cut, and is walked flat.

import KernelInterface

let adafactorRowsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        Factors<DoubleVector>(arguments).rowMeans(begin, end)
    } else {
        Factors<FloatVector>(arguments).rowMeans(begin, end)
    }
}

let adafactorColumnsKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        Factors<DoubleVector>(arguments).columnMeans(begin, end)
    } else {
        Factors<FloatVector>(arguments).columnMeans(begin, end)
    }
}

let adafactorMeansKernel: Kernel = { call, _, _, _ in
    let arguments = Arguments(call)
    if arguments.isDouble { Factors<DoubleVector>(arguments).means() } else { Factors<FloatVector>(arguments).means() }
}

let adafactorDirectionKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    switch (arguments.isDouble, arguments.has(3)) {
    case (false, true): Factors<FloatVector>(arguments).directions(begin, end)
    case (false, false): Factors<FloatVector>(arguments).vectorDirections(begin, end)
    case (true, true): Factors<DoubleVector>(arguments).directions(begin, end)
    case (true, false): Factors<DoubleVector>(arguments).vectorDirections(begin, end)
    }
}

private struct Factors<V: KernelMath> {
    let arguments: Arguments
    let gradient: UnsafePointer<V.Scalar>
    let limits: GradientLimits<V>
    let matrices, rows, columns, rowsPerPiece: Int
    let share: V.Scalar
    let floor: V.Scalar

    @inline(__always) init(_ arguments: Arguments) {
        self.arguments = arguments
        gradient = arguments.input(1)
        limits = GradientLimits(arguments)
        matrices = arguments.integer(4)
        rows = arguments.integer(5)
        columns = arguments.integer(6)
        rowsPerPiece = arguments.integer(9)
        share = arguments.scalar(4)
        floor = arguments.scalar(6)
    }

    @inline(__always) private func width(_ i: Int, _ count: Int) -> Int { count &- i < V.lanes ? count &- i : V.lanes }

    @inline(__always) private func rowRange(_ begin: Int, _ end: Int) -> Range<Int> {
        let all = matrices &* rows
        let last = end &* rowsPerPiece
        return begin &* rowsPerPiece..<(last < all ? last : all)
    }

    @inline(never) func rowMeans(_ begin: Int, _ end: Int) {
        let means = arguments.output(2, V.Scalar.self)
        for row in rowRange(begin, end) {
            let from = gradient + row &* columns
            var sum = V.zero
            var i = 0
            while i < columns {
                let g = limits.apply(read(from + i, width(i, columns)))
                sum = V.fma(g, g, sum)
                i &+= V.lanes
            }
            let mean = sum.laneSum / V.Scalar(columns)
            means[row] += share * (mean - means[row])
        }
    }

    @inline(never) func columnMeans(_ begin: Int, _ end: Int) {
        let means = arguments.output(3, V.Scalar.self)
        let perPiece = 4096 / MemoryLayout<V.Scalar>.stride
        let perMatrix = (columns &+ perPiece &- 1) / perPiece
        for piece in begin..<end {
            let matrix = piece / perMatrix
            let first = (piece &- matrix &* perMatrix) &* perPiece
            let last = first &+ perPiece < columns ? first &+ perPiece : columns
            var column = first
            while column < last {
                let n = width(column, last)
                var total = V.zero
                var row = 0
                // Blocks of rows: rounding grows slowly.
                while row < rows {
                    let until = row &+ 128 < rows ? row &+ 128 : rows
                    var sum = V.zero
                    while row < until {
                        let g = limits.apply(read(gradient + ((matrix &* rows &+ row) &* columns &+ column), n))
                        sum = V.fma(g, g, sum)
                        row &+= 1
                    }
                    total += sum
                }
                let place = means + (matrix &* columns &+ column)
                let old: V = read(place, n)
                write(V.fma(V(repeating: share), total / V(repeating: V.Scalar(rows)) - old, old), place, n)
                column &+= V.lanes
            }
        }
    }

    @inline(never) func means() {
        let ofColumns = arguments.integer(8) != 0
        let from = arguments.input(ofColumns ? 3 : 2, V.Scalar.self)
        let count = ofColumns ? columns : rows
        let result = arguments.output(8, V.Scalar.self)
        for matrix in 0..<matrices {
            let mean = sumElements(from + matrix &* count, count, V.self) / V.Scalar(count)
            result[matrix] = mean < floor ? floor : mean
        }
    }

    @inline(never) func directions(_ begin: Int, _ end: Int) {
        let parameters = arguments.input(0, V.Scalar.self)
        let ofRows = arguments.input(2, V.Scalar.self)
        let ofColumns = arguments.input(3, V.Scalar.self)
        let direction = arguments.output(6, V.Scalar.self)
        let means = arguments.input(8, V.Scalar.self)
        let least = V(repeating: floor * floor)
        for piece in begin..<end {
            let range = rowRange(piece, piece &+ 1)
            for row in range {
                let matrix = row / rows
                let mean = V(repeating: means[matrix])
                let ofRow = V(repeating: ofRows[row])
                let others = ofColumns + matrix &* columns
                var i = 0
                while i < columns {
                    let n = width(i, columns)
                    let g = limits.apply(read(gradient + (row &* columns &+ i), n))
                    let v = V.atLeast(ofRow * read(others + i, n) / mean, least)
                    write(g / v.root, direction + (row &* columns &+ i), n)
                    i &+= V.lanes
                }
            }
            sums(piece, parameters, direction, range.lowerBound &* columns, range.count &* columns)
        }
    }

    @inline(never) func vectorDirections(_ begin: Int, _ end: Int) {
        let parameters = arguments.input(0, V.Scalar.self)
        let variance = arguments.output(2, V.Scalar.self)
        let direction = arguments.output(6, V.Scalar.self)
        let least = V(repeating: floor * floor)
        for piece in begin..<end {
            let range = rowRange(piece, piece &+ 1)
            var i = range.lowerBound
            while i < range.upperBound {
                let n = width(i, range.upperBound)
                let g = limits.apply(read(gradient + i, n))
                var v: V = read(variance + i, n)
                v = V.fma(V(repeating: share), g * g - v, v)
                write(v, variance + i, n)
                write(g / V.atLeast(v, least).root, direction + i, n)
                i &+= V.lanes
            }
            sums(piece, parameters, direction, range.lowerBound, range.count)
        }
    }

    @inline(__always) private func sums(
        _ piece: Int, _ parameters: UnsafePointer<V.Scalar>, _ direction: UnsafePointer<V.Scalar>, _ first: Int, _ count: Int
    ) {
        let result = arguments.output(7, Double.self)
        result[2 &* piece] = wideSumOfSquares(parameters + first, count, V.self)
        result[2 &* piece &+ 1] = wideSumOfSquares(direction + first, count, V.self)
    }
}
