import Foundation
import KernelDispatch
import KernelInterface
import Testing

/// Winograd's convolution and its gradient in the weights against the sums that they stand for.
@Suite struct WinogradTests {
    struct Case: CustomStringConvertible, Sendable {
        var samples = 1
        var channels = 16
        var outputs = 16
        var size = [12, 16]
        var padding = [1, 1]

        var space: ConvolutionSpace {
            ConvolutionSpace(
                samples: samples, groups: 1, channels: channels, image: size,
                positions: [size[0] + 2 * padding[0] - 2, size[1] + 2 * padding[1] - 2], kernel: [3, 3], stride: [1, 1],
                dilation: [1, 1], padding: padding, mode: .zeros)
        }
        var description: String { "\(samples)x\(channels)x\(size) to \(outputs), padding \(padding)" }
    }

    static let cases = [
        Case(), Case(samples: 3, channels: 17, outputs: 30, size: [13, 18]),
        Case(channels: 70, outputs: 65, size: [14, 15], padding: [0, 0]),
        Case(samples: 2, channels: 130, size: [11, 12], padding: [2, 2]),
        Case(samples: 2, channels: 20, outputs: 131, size: [14, 13], padding: [2, 0]),
        Case(samples: 2, size: [50, 2], padding: [1, 1]), Case(channels: 18, outputs: 17, size: [3, 150], padding: [1, 2]),
        Case(channels: 16, outputs: 16, size: [5, 300], padding: [0, 1]),
    ]
    private let levels = everyLevel.filter { $0.hasWinograd }

    private func sums(_ one: Case, image: [Float], weights: [Float], dy: [Float]) -> (results: [Double], gradient: [Double]) {
        let g = one.space
        var results = [Double](repeating: 0, count: dy.count)
        var gradient = [Double](repeating: 0, count: weights.count)
        for sample in 0..<one.samples {
            for output in 0..<one.outputs {
                for channel in 0..<one.channels {
                    for tap in 0..<9 {
                        let place = (output * one.channels + channel) * 9 + tap
                        let w = Double(weights[place])
                        for y in 0..<g.positions[1] {
                            let row = y + tap / 3 - g.padding[1]
                            if row < 0 || row >= g.image[1] { continue }
                            for x in 0..<g.positions[2] {
                                let column = x + tap % 3 - g.padding[2]
                                if column < 0 || column >= g.image[2] { continue }
                                let result = ((sample * one.outputs + output) * g.positions[1] + y) * g.positions[2] + x
                                let source = ((sample * one.channels + channel) * g.image[1] + row) * g.image[2] + column
                                let element = Double(image[source])
                                results[result] += w * element
                                gradient[place] += Double(dy[result]) * element
                            }
                        }
                    }
                }
            }
        }
        return (results, gradient)
    }

    @Test(arguments: cases) func forward(_ one: Case) {
        let g = one.space
        #expect(g.suitsWinograd(outputs: one.outputs, isDouble: false) && !g.suitsWinograd(outputs: one.outputs, isDouble: true))
        var numbers = Numbers(3)
        let image: [Float] = numbers.array(one.samples * one.channels * g.imageCount)
        let weights: [Float] = numbers.array(one.outputs * g.depth)
        let saved: [Float] = numbers.array(one.samples * one.outputs * g.positionCount)
        let bias: [Float] = numbers.array(one.outputs)
        let mean: [Float] = numbers.array(one.outputs)
        let variance: [Float] = numbers.array(one.outputs, 0.1, 2)
        let scale: [Float] = numbers.array(one.outputs)
        let shift: [Float] = numbers.array(one.outputs)
        let plain = sums(one, image: image, weights: weights, dy: saved).results
        func channel(_ place: Int) -> Int { place / g.positionCount % one.outputs }
        func normalized(_ x: Double, _ c: Int) -> Double {
            (x - Double(mean[c])) / (Double(variance[c]) + 1e-3).squareRoot() * Double(scale[c]) + Double(shift[c])
        }
        var problem = MatrixMultiplyProblem(m: one.outputs, n: g.positionCount, k: g.depth)
        problem.batchCount = one.samples
        problem.biasOfRows = true
        problem.gathersB = true
        problem.winogradTiles = one.samples * g.tilesDown * g.tilesAcross
        let ways: [(epilogue: MatrixMultiplyProblem.Epilogue, hasBias: Bool, hasNorm: Bool, result: (Double, Int) -> Double)] = [
            (.none, false, false, { x, _ in x }),
            (.none, true, false, { x, i in x + Double(bias[channel(i)]) }),
            (.forward(.relu, 0, 0), true, true, { x, i in max(0, normalized(x + Double(bias[channel(i)]), channel(i))) }),
            (.forward(.tanh, 0, 0), false, true, { x, i in tanh(normalized(x, channel(i))) }),
            (.backward(.relu, 0, 0), false, false, { x, i in saved[i] > 0 ? x : 0 }),
            (.backward(.tanh, 0, 0), false, false, { x, i in x * (1 - Double(saved[i]) * Double(saved[i])) }),
        ]
        let arrays: [MatrixMultiplyPlan.Role: GuardedArray] = [
            .a: GuardedArray(weights), .b: GuardedArray(image), .bias: GuardedArray(bias), .saved: GuardedArray(saved),
            .space: GuardedArray([g]), .mean: GuardedArray(mean), .variance: GuardedArray(variance),
            .normWeight: GuardedArray(scale), .normBias: GuardedArray(shift),
        ]
        for (number, way) in ways.enumerated() {
            problem.epilogue = way.epilogue
            problem.hasBias = way.hasBias
            problem.normEps = way.hasNorm ? 1e-3 : nil
            let wanted = plain.indices.map { way.result(plain[$0], $0) }
            var first: [Float]?
            for set in levels {
                let plan = MatrixMultiplyPlan(problem, kernels: set)
                let result = GuardedArray([Float](repeating: .nan, count: wanted.count))
                let workspace = GuardedArray([UInt8](repeating: 0xff, count: plan.workspaceBytes))
                for step in plan.steps {
                    var call = step.call
                    for (role, slot) in step.operandSlots {
                        call.pointers[slot] = (role == .c ? result : role == .workspace ? workspace : arrays[role]!).pointer
                    }
                    withUnsafePointer(to: call) { call in
                        for piece in (0..<step.pieces).reversed() {
                            withFreshScratch { set[step.kernel](call, piece, piece + 1, $0) }
                        }
                    }
                }
                let got = result.array(Float.self)
                expectClose(got, wanted, factor: 50, "\(one), way \(number), \(set.level)")
                #expect(result.isIntactInFront && workspace.isIntactInFront)
                if let first { #expect(first == got, "other bits at \(set.level): \(one), way \(number)") }
                first = got
            }
        }
    }

    @Test(arguments: cases) func gradient(_ one: Case) {
        let g = one.space
        var numbers = Numbers(4)
        let image: [Float] = numbers.array(one.samples * one.channels * g.imageCount)
        let weights = [Float](repeating: 0, count: one.outputs * g.depth)
        let dy: [Float] = numbers.array(one.samples * one.outputs * g.positionCount)
        let wanted = sums(one, image: image, weights: weights, dy: dy).gradient
        let (dyArray, imageArray, space) = (GuardedArray(dy), GuardedArray(image), GuardedArray([g]))
        // As the plan cuts it, and in small pieces.
        let ways = [(min(one.outputs, 128), min(Winograd.padded(one.channels), 128), one.samples), (9, 16, 1)]
        for (outputs, channels, samples) in ways {
            let bundles = pieces(one.samples, per: samples)
            let row = Winograd.padded(one.channels)
            var first: [Float]?
            for set in levels {
                let sums = GuardedArray([Float](repeating: .nan, count: bundles * Winograd.points * one.outputs * row))
                let result = GuardedArray([Float](repeating: .nan, count: weights.count))
                var call = KernelCall()
                for (slot, array) in [dyArray, imageArray, sums, space].enumerated() { call.pointers[slot] = array.pointer }
                for (slot, number) in [one.outputs, outputs, channels, samples].enumerated() { call.integers[slot] = number }
                let count = 6 * bundles * pieces(one.outputs, per: outputs) * pieces(one.channels, per: channels)
                withUnsafePointer(to: call) { call in
                    for piece in (0..<count).reversed() {
                        withFreshScratch { set[.winogradGradient](call, piece, piece + 1, $0) }
                    }
                }
                call = KernelCall()
                (call.pointers[0], call.pointers[1]) = (sums.pointer, result.pointer)
                for (slot, number) in [one.outputs, one.channels, bundles, 5].enumerated() { call.integers[slot] = number }
                withUnsafePointer(to: call) { call in
                    withFreshScratch { set[.winogradGradientFinish](call, 0, pieces(one.outputs, per: 5), $0) }
                }
                let got = result.array(Float.self)
                expectClose(got, wanted, factor: 100, "\(one) \(set.level)")
                #expect(sums.isIntactInFront && result.isIntactInFront)
                if let first { #expect(first == got, "other bits at \(set.level): \(one)") }
                first = got
            }
        }
    }
}
