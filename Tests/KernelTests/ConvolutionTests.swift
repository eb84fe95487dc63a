import KernelDispatch
import KernelInterface
import Testing

/// The kernels of convolutions against the matrix that they never make (ConvolutionSpace.swift), made here.
@Suite struct ConvolutionTests {
    /// Image, kernel, stride, dilation, padding before, padding behind, groups, channels of a group, outputs of a group.
    struct Case: CustomStringConvertible, Sendable {
        var image: [Int]
        var kernel: [Int]
        var stride: [Int]
        var dilation: [Int]
        var before: [Int]
        var behind: [Int]
        var mode = ConvolutionPadding.zeros
        var groups = 1
        var channels = 2
        var outputs = 3

        func space(samples: Int) -> ConvolutionSpace {
            let positions = image.indices.map {
                (image[$0] + before[$0] + behind[$0] - dilation[$0] * (kernel[$0] - 1) - 1) / stride[$0] + 1
            }
            return ConvolutionSpace(
                samples: samples, groups: groups, channels: channels, image: image, positions: positions, kernel: kernel,
                stride: stride, dilation: dilation, padding: before, mode: mode)
        }
        var description: String { "\(image) \(kernel) \(stride) \(dilation) \(before) \(behind) \(mode) \(groups)x\(channels)x\(outputs)" }
    }

    static let cases: [Case] = {
        var list: [Case] = []
        func add(_ image: [Int], _ kernel: [Int], _ stride: Int = 1, _ dilation: Int = 1, _ padding: Int = 0, _ change: (inout Case) -> Void = { _ in }) {
            func all(_ number: Int) -> [Int] { Array(repeating: number, count: image.count) }
            var one = Case(
                image: image, kernel: kernel, stride: all(stride), dilation: all(dilation), before: all(padding), behind: all(padding))
            change(&one)
            list.append(one)
        }
        add([9], [3])
        add([70], [4], 1, 2, 3)
        add([41], [3], 2, 1, 2)
        add([50], [2], 3, 4, 1)
        add([5, 6], [3, 2], 1, 1, 1)
        add([7, 35], [3, 3], 1, 1, 1)
        add([7, 37], [3, 3], 2, 1, 1)
        add([6, 40], [2, 5], 2, 2, 4) { $0.before = [0, 5] }
        add([3, 4], [3, 4])
        add([4, 5], [1, 1])
        add([3, 4, 18], [2, 3, 2], 1, 1, 1)
        add([5, 4, 19], [2, 1, 3], 2, 1, 1)
        for mode in ConvolutionPadding.allCases {
            add([6, 7], [3, 4], 1, 1, 3) { $0.mode = mode }
            add([6, 19], [3, 3], 2, 1, 2) { $0.mode = mode; $0.behind = [1, 3] }
        }
        add([5, 7], [3, 3], 1, 1, 1) { $0.groups = 2; $0.outputs = 2 }
        for stride in 1...3 {
            add([6, 37], [3, 3], stride, 1, 1) { $0.groups = 3; $0.channels = 1; $0.outputs = 2 }
        }
        // Without padding and with little of it: runs inside the image are copied by whole vectors, short and long ones.
        add([14, 14], [5, 5]) { $0.channels = 6; $0.outputs = 16 }
        add([9, 40], [3, 2], 1, 2) { $0.groups = 2; $0.channels = 3 }
        add([20, 11], [3, 3], 1, 1, 1) { $0.channels = 5 }
        add([4, 6, 9], [2, 2, 2]) { $0.channels = 3 }
        add([90], [3]) { $0.channels = 4 }
        // Several outputs of one channel.
        add([6, 37], [3, 3], 1, 1, 1) { $0.groups = 2; $0.channels = 1; $0.outputs = 4 }
        add([9, 20], [2, 3], 2, 1, 1) { $0.channels = 1; $0.outputs = 6 }
        add([4, 9], [2, 3], 1, 2, 3) { $0.groups = 2; $0.channels = 1; $0.outputs = 1; $0.mode = .reflect }
        add([4, 6], [3, 3], 1, 1, 1) { $0.channels = 40; $0.outputs = 13 }
        add([2, 3], [3, 3], 1, 1, 1) { $0.channels = 70; $0.outputs = 2 }
        // Multiplied as they lie: several vectors of outputs, several pieces, and their planes in part.
        add([20, 31], [5, 3], 1, 1, 2) { $0.channels = 3; $0.outputs = 37 }
        add([40, 33], [7, 7], 2, 1, 3) { $0.channels = 3; $0.outputs = 16 }
        add([30, 40], [2, 2], 3) { $0.groups = 2; $0.channels = 3; $0.outputs = 16; $0.mode = .circular }
        add([5, 12, 11], [2, 3, 3], 1, 1, 1) { $0.channels = 2; $0.outputs = 17 }
        return list
    }()

    /// For each row of one group's matrix and each position: the element of the group's image, nil outside.
    private func places(_ g: ConvolutionSpace) -> [[Int?]] {
        func place(_ i: Int, _ size: Int) -> Int? {
            if i >= 0 && i < size { return i }
            switch ConvolutionPadding(rawValue: g.mode)! {
            case .zeros: return nil
            case .reflect: return i < 0 ? -i : 2 * size - 2 - i
            case .replicate: return i < 0 ? 0 : size - 1
            case .circular: return (i + size) % size
            }
        }
        var rows: [[Int?]] = []
        for channel in 0..<g.channels {
            for tap in 0..<g.taps {
                let k = [tap / (g.kernel[1] * g.kernel[2]), tap / g.kernel[2] % g.kernel[1], tap % g.kernel[2]]
                rows.append(
                    (0..<g.positionCount).map { position in
                        let p = [
                            position / (g.positions[1] * g.positions[2]), position / g.positions[2] % g.positions[1],
                            position % g.positions[2],
                        ]
                        var element = channel
                        for axis in 0..<3 {
                            guard let i = place(p[axis] * g.stride[axis] + k[axis] * g.dilation[axis] - g.padding[axis], g.image[axis])
                            else { return nil }
                            element = element * g.image[axis] + i
                        }
                        return element
                    })
            }
        }
        return rows
    }

    /// Everything that the kernels may be asked for, from its definition.
    private struct Expected {
        var result: [Double]
        var image: [Double]
        var weights: [Double]
    }

    private func expected<T: TestScalar>(_ g: ConvolutionSpace, _ m: Int, image: [T], weights: [T], dy: [T], bias: [T], imageBias: [T]) -> Expected {
        let rows = places(g)
        let imageCount = g.channels * g.imageCount
        var e = Expected(
            result: Array(repeating: 0, count: dy.count), image: Array(repeating: 0, count: image.count),
            weights: Array(repeating: 0, count: weights.count))
        for matrix in 0..<(g.samples * g.groups) {
            let group = matrix % g.groups
            for i in 0..<imageCount { e.image[matrix * imageCount + i] = Double(imageBias[group * g.channels + i / g.imageCount]) }
            for o in 0..<m {
                let channel = group * m + o
                for p in 0..<g.positionCount {
                    let place = (matrix * m + o) * g.positionCount + p
                    e.result[place] = Double(bias[channel])
                    for (k, row) in rows.enumerated() {
                        guard let source = row[p] else { continue }
                        let w = Double(weights[channel * g.depth + k])
                        e.result[place] += w * Double(image[matrix * imageCount + source])
                        e.image[matrix * imageCount + source] += w * Double(dy[place])
                        e.weights[channel * g.depth + k] += Double(dy[place]) * Double(image[matrix * imageCount + source])
                    }
                }
            }
        }
        return e
    }

    @Test(arguments: cases) func kernels(_ one: Case) {
        kernels(Float.self, one, samples: 1)
        kernels(Float.self, one, samples: 3)
        kernels(Double.self, one, samples: 2)
    }

    private func kernels<T: TestScalar>(_: T.Type, _ one: Case, samples: Int) {
        let g = one.space(samples: samples)
        let m = one.outputs
        let matrices = samples * g.groups
        var numbers = Numbers(3)
        let image: [T] = numbers.array(matrices * g.channels * g.imageCount)
        let weights: [T] = numbers.array(g.groups * m * g.depth)
        let dy: [T] = numbers.array(matrices * m * g.positionCount)
        let bias: [T] = numbers.array(g.groups * m)
        let imageBias: [T] = numbers.array(g.groups * g.channels)
        let e = expected(g, m, image: image, weights: weights, dy: dy, bias: bias, imageBias: imageBias)
        let guarded = (
            image: GuardedArray(image), weights: GuardedArray(weights), dy: GuardedArray(dy), bias: GuardedArray(bias),
            imageBias: GuardedArray(imageBias), space: GuardedArray([g])
        )
        let factor = Double(g.depth + g.positionCount)
        func poison(_ count: Int) -> GuardedArray { GuardedArray([T](repeating: .nan, count: count)) }

        for channels in Set([1, g.channels]) {
            everyWay(
                .convolutionScatter, isDouble: T.isDouble, pieces: matrices * pieces(g.channels, per: channels),
                inputs: [0: guarded.dy, 1: guarded.weights, 3: guarded.space, 4: guarded.imageBias],
                outputs: [2: poison(image.count)],
                { call in
                    call.integers[0] = m
                    call.integers[1] = channels
                }
            ) { _, results in expectClose(results[2]!.array(T.self), e.image, factor: factor, "image of \(one)") }
        }
        for columns in [16, 192] {
            everyWay(
                .convolutionWeights, isDouble: T.isDouble, pieces: g.groups * pieces(g.depth, per: columns),
                inputs: [0: guarded.dy, 1: guarded.image, 3: guarded.space], outputs: [2: poison(weights.count)],
                { call in
                    call.integers[0] = m
                    call.integers[1] = columns
                    call.integers[2] = samples
                }
            ) { _, results in expectClose(results[2]!.array(T.self), e.weights, factor: factor, "weights of \(one)") }
        }
        if g.channels == 1 {
            everyWay(
                .depthwise, isDouble: T.isDouble, pieces: matrices,
                inputs: [0: guarded.image, 1: guarded.weights, 3: guarded.space, 4: guarded.bias], outputs: [2: poison(dy.count)],
                { $0.integers[0] = m }
            ) { _, results in expectClose(results[2]!.array(T.self), e.result, factor: factor, "\(one)") }
            everyWay(
                .depthwiseWeights, isDouble: T.isDouble, pieces: g.groups,
                inputs: [0: guarded.dy, 1: guarded.image, 3: guarded.space], outputs: [2: poison(weights.count)],
                { call in
                    call.integers[0] = m
                    call.integers[2] = samples
                }
            ) { _, results in expectClose(results[2]!.array(T.self), e.weights, factor: factor, "weights of \(one)") }
        }
        if g.groups == 1 { columns(one, g, image, guarded.image, guarded.space) }
        product(one, g, m, guarded.image, guarded.weights, guarded.bias, guarded.space, e.result, T.self)
    }

    private func columns<T: TestScalar>(_ one: Case, _ g: ConvolutionSpace, _ image: [T], _ guarded: GuardedArray, _ space: GuardedArray) {
        let rows = places(g)
        let imageCount = g.channels * g.imageCount
        let matrix: [T] = (0..<g.samples).flatMap { sample in
            rows.flatMap { row in row.map { $0 == nil ? 0 : image[sample * imageCount + $0!] } }
        }
        var folded = [Double](repeating: 0, count: image.count)
        for sample in 0..<g.samples {
            for (k, row) in rows.enumerated() {
                for (p, source) in row.enumerated() where source != nil {
                    folded[sample * imageCount + source!] += Double(matrix[(sample * g.depth + k) * g.positionCount + p])
                }
            }
        }
        for channels in Set([1, g.channels]) {
            let count = g.samples * pieces(g.channels, per: channels)
            everyWay(
                .unfold, isDouble: T.isDouble, pieces: count, inputs: [0: guarded, 3: space],
                outputs: [1: GuardedArray([T](repeating: .nan, count: matrix.count))], { $0.integers[1] = channels }
            ) { _, results in #expect(results[1]!.array(T.self) == matrix, "\(one)") }
            everyWay(
                .fold, isDouble: T.isDouble, pieces: count, inputs: [0: GuardedArray(matrix), 3: space],
                outputs: [1: GuardedArray([T](repeating: .nan, count: image.count))], { $0.integers[1] = channels }
            ) { _, results in expectClose(results[1]!.array(T.self), folded, factor: 20, "\(one)") }
        }
    }

    /// The product that gathers its second matrix, in the steps that its plan makes of it.
    private func product<T: TestScalar>(
        _ one: Case, _ g: ConvolutionSpace, _ m: Int, _ image: GuardedArray, _ weights: GuardedArray, _ bias: GuardedArray,
        _ space: GuardedArray, _ expected: [Double], _: T.Type
    ) {
        var problem = MatrixMultiplyProblem(m: m, n: g.positionCount, k: g.depth, isDouble: T.isDouble)
        problem.batchCount = g.samples * g.groups
        problem.aBatchStride = g.groups > 1 ? m * g.depth : 0
        problem.bBatchStride = g.channels * g.imageCount
        problem.hasBias = true
        problem.biasOfRows = true
        problem.gathersB = true
        var first: [Bool: [T]] = [:]
        let ways = g.fitsDirect(outputs: m) ? [false, true] : [false]
        for (set, isDirect) in everyLevel.flatMap({ set in ways.map { (set, $0) } }) {
            problem.isDirect = isDirect
            for wanted in [nil, 1, 7] {
                let result = GuardedArray([T](repeating: .nan, count: expected.count))
                let plan = MatrixMultiplyPlan(problem, kernels: set, pieces: wanted)
                #expect(plan.workspaceBytes == 0)
                for step in plan.steps {
                    var call = step.call
                    for (role, slot) in step.operandSlots {
                        let array =
                            switch role {
                            case .a: weights
                            case .b: image
                            case .bias: bias
                            case .space: space
                            default: result
                            }
                        call.pointers[slot] = array.pointer
                    }
                    withUnsafePointer(to: call) { call in withFreshScratch { set[step.kernel](call, 0, step.pieces, $0) } }
                }
                let got = result.array(T.self)
                expectClose(got, expected, factor: Double(g.depth), "\(one) \(set.level)\(isDirect ? ", direct" : "")")
                #expect(result.isIntactInFront)
                if let earlier = first[set.level == .baseline] { #expect(earlier == got, "other bits at \(set.level): \(one)") }
                first[set.level == .baseline] = got
            }
        }
    }
}
