// The kernels of this CPU, chosen once. CHAINRULE_CPU=baseline|avx2|avx512 forces a lower level (avx512:
// without AVX-512 BF16).

import CPUFeatures
import Glibc
import KernelInterface

public enum CPULevel: Int, CaseIterable, Sendable {
    case baseline, avx2, avx512

    public var name: String {
        switch self {
        case .baseline: "baseline"
        case .avx2: "avx2"
        case .avx512: "avx512"
        }
    }

    /// The highest level that this CPU and the operating system support, of those that were built.
    public static var highest: CPULevel {
        #if LEVEL_AVX512
        CPULevel(rawValue: Int(cr_cpu_level())) ?? .baseline
        #elseif LEVEL_AVX2
        cr_cpu_level() > 0 ? .avx2 : .baseline
        #else
        .baseline
        #endif
    }
}

public struct KernelSet: Sendable {
    public let level: CPULevel
    public let tileSizes: TileSizes
    /// Kernels packPairs and multiplyPairs are there.
    public let multipliesPairs: Bool
    private let kernels: [Kernel]

    /// - pairs: with what AVX-512 BF16 adds to the level AVX-512, where the CPU has it.
    public init(level: CPULevel, pairs: Bool = true) {
        self.level = level
        switch level {
        #if LEVEL_AVX512
        case .avx512:
            multipliesPairs = pairs && cr_has_bfloat16() != 0 && addsInTurnBF16()
            tileSizes = tileSizesAVX512()
            kernels = KernelName.allCases.map { name in
                kernelBF16(name) ?? kernelAVX512(name) ?? kernelAVX2(name)
            }
        #endif
        #if LEVEL_AVX2
        case .avx2:
            multipliesPairs = false
            tileSizes = tileSizesAVX2()
            kernels = KernelName.allCases.map { kernelAVX2($0) }
        #endif
        default:
            multipliesPairs = false
            tileSizes = tileSizesBaseline()
            kernels = KernelName.allCases.map { kernelBaseline($0) }
        }
    }

    /// Whether convolutions may take Winograd's algorithm.
    public var hasWinograd: Bool { level != .baseline }

    /// Whether a call of recurrentForward may be one step of an LSTM or the like (`RecurrentSlot.unitsPerPiece`), in float32.
    public var takesSteps: Bool { level != .baseline }

    public subscript(_ name: KernelName) -> Kernel { kernels[name.rawValue] }

    /// The level in force: the highest one, or the one that CHAINRULE_CPU names if this CPU has it.
    public static let current: KernelSet = {
        var level = CPULevel.highest
        var pairs = true
        if let text = getenv("CHAINRULE_CPU") {
            let wanted = String(cString: text)
            if let forced = CPULevel.allCases.first(where: { $0.name == wanted }), forced.rawValue <= level.rawValue {
                level = forced
                pairs = false
            }
        }
        return KernelSet(level: level, pairs: pairs)
    }()
}
