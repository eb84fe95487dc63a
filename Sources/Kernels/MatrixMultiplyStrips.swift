// From the numbers of rows and vectors of a tile to the code compiled for them. The largest tile
// is the level's (12 x 2 vectors on AVX-512, 6 x 1 on AVX2, 4 x 2 shorter ones without); one to four rows get
// wider tiles, since it takes some 8 sums at once to keep the FMA units busy.

/// Rows cut into strips of heights as equal as possible, none of them above the tile's.
struct StripHeights {
    let count: Int
    private let least: Int
    private let taller: Int

    @inline(__always) init(rows: Int, atMost most: Int = maximumRows) {
        count = (rows + most - 1) / most
        least = rows / count
        taller = rows - least * count
    }

    @inline(__always) subscript(_ strip: Int) -> Int { least + (strip < taller ? 1 : 0) }
}

@inline(__always)
func runStrip<V: KernelMath>(_ s: inout Strip<V>, rows: Int, vectors: Int) {
    #if AVX512
    switch vectors {
    case 1: runSingle(&s, rows)
    case 2: runDouble(&s, rows)
    case 4:
        switch rows {
        case 1: Tile<1, 4, V>.run(&s)
        case 2: Tile<2, 4, V>.run(&s)
        case 3: Tile<3, 4, V>.run(&s)
        default: Tile<4, 4, V>.run(&s)
        }
    default:
        if rows == 1 { Tile<1, 8, V>.run(&s) } else { Tile<2, 8, V>.run(&s) }
    }
    #else
    switch vectors {
    case 1: runSingle(&s, rows)
    case 2:
        switch rows {
        case 1: Tile<1, 2, V>.run(&s)
        #if BASELINE
        case 3: Tile<3, 2, V>.run(&s)
        case 4: Tile<4, 2, V>.run(&s)
        #endif
        default: Tile<2, 2, V>.run(&s)
        }
    default: Tile<1, 4, V>.run(&s)
    }
    #endif
}

@inline(__always)
private func runSingle<V: KernelMath>(_ s: inout Strip<V>, _ rows: Int) {
    switch rows {
    case 1: Tile<1, 1, V>.run(&s)
    case 2: Tile<2, 1, V>.run(&s)
    case 3: Tile<3, 1, V>.run(&s)
    case 4: Tile<4, 1, V>.run(&s)
    #if AVX2 || AVX512
    case 5: Tile<5, 1, V>.run(&s)
    case 6: Tile<6, 1, V>.run(&s)
    #endif
    #if AVX512
    case 7: Tile<7, 1, V>.run(&s)
    case 8: Tile<8, 1, V>.run(&s)
    case 9: Tile<9, 1, V>.run(&s)
    case 10: Tile<10, 1, V>.run(&s)
    case 11: Tile<11, 1, V>.run(&s)
    case 12: Tile<12, 1, V>.run(&s)
    #endif
    default: break
    }
}

#if AVX512
@inline(__always)
private func runDouble<V: KernelMath>(_ s: inout Strip<V>, _ rows: Int) {
    switch rows {
    case 1: Tile<1, 2, V>.run(&s)
    case 2: Tile<2, 2, V>.run(&s)
    case 3: Tile<3, 2, V>.run(&s)
    case 4: Tile<4, 2, V>.run(&s)
    case 5: Tile<5, 2, V>.run(&s)
    case 6: Tile<6, 2, V>.run(&s)
    case 7: Tile<7, 2, V>.run(&s)
    case 8: Tile<8, 2, V>.run(&s)
    case 9: Tile<9, 2, V>.run(&s)
    case 10: Tile<10, 2, V>.run(&s)
    case 11: Tile<11, 2, V>.run(&s)
    case 12: Tile<12, 2, V>.run(&s)
    default: break
    }
}
#endif

#if AVX512
let maximumRows = 12
#elseif AVX2
let maximumRows = 6
#else
let maximumRows = 4
#endif
