// swift-tools-version: 6.2
import PackageDescription

// A module imports only those it names here: the compiler enforces it (see Makefile, IMPORT_CHECK).
// The kernels are compiled once per CPU level from the same sources: KernelsAVX2 and KernelsAVX512
// are links to Kernels. On another architecture the baseline build serves alone. With CHAINRULE_BUILD=quick in
// the environment so it does here, and nothing is optimised: a debug build of a minute, to try things with. With
// CHAINRULE_BUILD=avx2 there is no AVX-512, for tests under sanitizers.

let build = Context.environment["CHAINRULE_BUILD"]
let isQuick = build == "quick"

typealias Level = (module: String, flags: [String], define: String)
#if arch(x86_64)
// For CPUs from before 2013, and for other architectures: small rather than unrolled.
let baseline: [Level] = [("Kernels", ["-Osize"], "BASELINE")]
let vectorLevels: [Level] = [
    ("KernelsAVX2", ["-Xcc", "-march=x86-64-v3"], "AVX2"),
    ("KernelsAVX512", ["-Xcc", "-march=x86-64-v4"], "AVX512"),
].filter { build != "avx2" || $0.define == "AVX2" }
#else
let baseline: [Level] = [("Kernels", [], "BASELINE")]
let vectorLevels: [Level] = []
#endif
let levels = isQuick ? baseline : baseline + vectorLevels

// A function each a section, and none kept but for what uses it: the linker drops what nothing uses and folds
// what is the same.
let separate = ["-Xfrontend", "-function-sections", "-Xfrontend", "-internalize-at-link"]

// -Ounchecked and whole-module: the loops over elements are only here.
let fast = ["-Ounchecked", "-wmo", "-Xfrontend", "-disable-stack-protector"]
let kernelTargets: [Target] = levels.map { level in
    .target(
        name: level.module,
        dependencies: ["KernelInterface", "CPUFeatures"],
        exclude: ["README.md"],
        swiftSettings: [
            .define(level.define),
            // -fno-math-errno: squareRoot() becomes the vector instruction, not a call that sets errno.
            .unsafeFlags((isQuick ? [] : fast + level.flags + separate) + ["-Xcc", "-fno-math-errno"]),
        ])
}

// Products of bfloat16, which some CPUs of the level AVX-512 multiply in pairs.
let pairTargets: [Target] = levels.count < 3 ? [] : [
    .target(
        name: "KernelsBF16", dependencies: ["KernelInterface", "CPUFeatures"],
        swiftSettings: [
            .define("AVX512"), .unsafeFlags(fast + ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512bf16"] + separate),
        ])
]

// KernelDispatch finds them when all is linked (KernelModules.swift), so that nobody waits for them to be compiled.
let kernels: [Target.Dependency] = (kernelTargets + pairTargets).map { .byName(name: $0.name) }

// Handles are used by one call at a time (locks see to it), so the run-time check for overlapping
// accesses would only cost time.
let core: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked", "-Xfrontend", "-disable-reflection-metadata"] + separate)
]

// What works when a plan is made and when files are read: small rather than unrolled. (The few functions of it that a
// step goes through ask for speed themselves.)
let coreSmall: [SwiftSetting] = core + (isQuick ? [] : [.unsafeFlags(["-Osize"])])

// What scripts/build_library.sh asks for, 1.8 MB less: the standard library's object file with leave to drop what
// nothing uses of it, what it takes from the C++ library, so that this isn't needed, and no tables for unwinding: no
// exception crosses the library, and frames keep their pointers.
// `swift build` by itself, as for sanitizers, leaves both as they are. Packed relocations are 0.6 MB less again, but
// only the C library from 2.36 on can read them.
let smallest = Context.environment["CHAINRULE_RUNTIME"].map { folder in
    [
        "\(folder)/Swift.o", "-L\(folder)", "-Xlinker", "\(Context.packageDirectory)/Sources/ChainruleABI/sections.ld",
        "-Xlinker", "--no-eh-frame-hdr",
    ] + (Context.environment["CHAINRULE_PACKED"] == nil ? [] : ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"])
}

let package = Package(
    name: "Chainrule",
    products: [
        .library(name: "chainrule", type: .dynamic, targets: ["ChainruleABI"])
    ],
    targets: kernelTargets + pairTargets + [
        .systemLibrary(name: "CChainrule", path: "Include"),
        .target(name: "CPUFeatures"),
        .target(name: "KernelInterface", swiftSettings: [.unsafeFlags(separate)]),
        .target(
            name: "KernelDispatch",
            dependencies: ["KernelInterface", "CPUFeatures"],
            swiftSettings: coreSmall + levels.dropFirst().map { .define("LEVEL_" + $0.define) }),
        .testTarget(name: "KernelTests", dependencies: ["KernelDispatch", "KernelInterface"] + kernels),
        .testTarget(name: "GraphTests", dependencies: ["Graph", "Layers", "KernelDispatch", "Tensors"] + kernels),
        .testTarget(name: "CheckpointTests", dependencies: ["Checkpoints", "Graph", "Tensors"] + kernels),
        .target(name: "Tensors", dependencies: ["KernelInterface"], swiftSettings: core),
        .target(name: "Layers", dependencies: ["Tensors", "KernelInterface", "KernelDispatch"], swiftSettings: coreSmall),
        .target(name: "Losses", dependencies: ["Tensors", "KernelInterface", "KernelDispatch", "Layers"], swiftSettings: coreSmall),
        .target(name: "Optimizers", dependencies: ["Tensors", "KernelInterface", "KernelDispatch", "Layers"], swiftSettings: coreSmall),
        .target(
            name: "Graph",
            dependencies: ["Layers", "Tensors", "KernelInterface", "KernelDispatch", "CPUFeatures"],
            swiftSettings: coreSmall),
        .target(name: "Checkpoints", dependencies: ["Graph", "Layers", "Optimizers", "Tensors"], swiftSettings: coreSmall),
        .target(
            name: "Training",
            dependencies: [
                "Graph", "Layers", "Losses", "Optimizers", "Tensors", "KernelInterface", "KernelDispatch", "CPUFeatures",
            ],
            swiftSettings: coreSmall),
        .target(
            name: "ChainruleABI",
            dependencies: [
                "CChainrule", "Training", "Checkpoints", "Graph", "Layers", "Losses", "Optimizers", "Tensors",
                "KernelDispatch", "CPUFeatures",
            ] + kernels,
            exclude: ["exports.map", "sections.ld"],
            swiftSettings: coreSmall,
            linkerSettings: [
                .unsafeFlags([
                    "-static-stdlib", "-use-ld=lld", "-Xlinker", "--icf=all",
                    "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/ChainruleABI/exports.map",
                    "-Xlinker", "-soname=libchainrule.so.0",
                    "-Xlinker", "-z", "-Xlinker", "nodelete",
                    "-Xlinker", "--gc-sections",
                ] + (smallest ?? []))
            ]),
    ],
    swiftLanguageModes: [.v6]
)
