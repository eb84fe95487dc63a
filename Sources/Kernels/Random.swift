// Random arrays and dropout from Philox (Philox.swift). Pieces: elementsPerPiece.
//
// randomUniform: in [a, b). randomNormal: by Box and Muller's transform, a pair of elements 16
//   apart from a pair of uniforms.
//   pointers  0 result  1 state: two UInt64, seed and stream
//   integers  0 count  1 channel (0..<2^23): one per array that shares a stream
//   scalars   uniform: 0 a  1 b      normal: 0 mean  1 standard deviation
// dropout: y = x / (1 - p) where kept, 0 where dropped. It is its own backward pass, with dy for x
//   and the same state and channel: no mask is kept. y may be x.
//   pointers  0 x  1 state  2 y      integers  0 count  1 channel      scalars  0 p

import KernelInterface

let randomUniformKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        randomUniform(DoubleVector.self, arguments, range)
    } else {
        randomUniform(FloatVector.self, arguments, range)
    }
}

let randomNormalKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        randomNormal(DoubleVector.self, arguments, range)
    } else {
        randomNormal(FloatVector.self, arguments, range)
    }
}

let dropoutKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    let range = flatRange(begin, end, arguments.integer(0))
    if arguments.isDouble {
        dropout(DoubleVector.self, arguments, range)
    } else {
        dropout(FloatVector.self, arguments, range)
    }
}

/// What is made of one group's 64 values.
private protocol GroupPass<V> {
    associatedtype V: RandomVector
    /// Elements `first..<first + count` of group `group`; `values` has room for 64.
    func run(_ group: Int, _ first: Int, _ count: Int, _ values: UnsafeMutablePointer<V.Scalar>)
}

@inline(__always) private func runGroups<Pass: GroupPass>(_ pass: Pass, _ range: Range<Int>) {
    var room = InlineArray<64, Pass.V.Scalar>(repeating: 0)
    withUnsafeMutableBytes(of: &room) { room in
        let values = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Pass.V.Scalar.self)
        // Pieces are multiples of 64 elements, so that a range begins with a group.
        var first = range.lowerBound
        while first < range.upperBound {
            pass.run(first / 64, first, min(64, range.upperBound - first), values)
            first += 64
        }
    }
}

private struct UniformPass<V: RandomVector>: GroupPass {
    let result: UnsafeMutablePointer<V.Scalar>
    let philox: Philox
    let low: V
    let width: V

    @inline(__always) func run(_ group: Int, _ first: Int, _ count: Int, _ values: UnsafeMutablePointer<V.Scalar>) {
        V.uniforms(philox, group, values)
        var i = 0
        while i < count {
            V.fma(V.load(values + i), width, low).store(result + first + i, min(V.lanes, count - i))
            i += V.lanes
        }
    }
}

private func randomUniform<V: RandomVector>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let scalars = arguments.call.pointee.scalars
    let pass = UniformPass<V>(
        result: arguments.output(0), philox: Philox(state: arguments.input(1), channel: arguments.integer(1)),
        low: V(repeating: V.Scalar(scalars[0])), width: V(repeating: V.Scalar(scalars[1] - scalars[0])))
    runGroups(pass, range)
}

private struct NormalPass<V: RandomVector>: GroupPass {
    let result: UnsafeMutablePointer<V.Scalar>
    let philox: Philox
    let mean: V
    let deviation: V

    @inline(__always) func run(_ group: Int, _ first: Int, _ count: Int, _ values: UnsafeMutablePointer<V.Scalar>) {
        V.uniforms(philox, group, values)
        var i = 0
        while i < 64 {
            // 1 - u is exact and in (0, 1]: its logarithm is finite.
            let radius = (V(repeating: -2) * V.log(V(repeating: 1) - V.load(values + i))).root
            let angle = V.load(values + i + 16) * V(repeating: 2 * V.Scalar.pi)
            V.fma(radius * V.cos(angle), deviation, mean).store(values + i)
            V.fma(radius * V.sin(angle), deviation, mean).store(values + i + 16)
            i += V.lanes
            if i % 32 == 16 { i += 16 }
        }
        i = 0
        while i < count {
            V.load(values + i).store(result + first + i, min(V.lanes, count - i))
            i += V.lanes
        }
    }
}

private func randomNormal<V: RandomVector>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let pass = NormalPass<V>(
        result: arguments.output(0), philox: Philox(state: arguments.input(1), channel: arguments.integer(1)),
        mean: V(repeating: arguments.scalar(0)), deviation: V(repeating: arguments.scalar(1)))
    runGroups(pass, range)
}

private struct DropoutPass<V: RandomVector>: GroupPass {
    let x: UnsafePointer<V.Scalar>
    let y: UnsafeMutablePointer<V.Scalar>
    let philox: Philox
    let threshold: Int32
    let kept: V.Scalar

    @inline(__always) func run(_ group: Int, _ first: Int, _ count: Int, _ values: UnsafeMutablePointer<V.Scalar>) {
        V.choices(philox, group, threshold, kept, values)
        var i = 0
        while i < count {
            let n = min(V.lanes, count - i)
            (V.load(x + first + i, n) * V.load(values + i)).store(y + first + i, n)
            i += V.lanes
        }
    }
}

private func dropout<V: RandomVector>(_: V.Type, _ arguments: Arguments, _ range: Range<Int>) {
    let p: Double = arguments.scalar(0)
    let pass = DropoutPass<V>(
        x: arguments.input(0), y: arguments.output(2),
        philox: Philox(state: arguments.input(1), channel: arguments.integer(1)),
        // p = 1 keeps nothing: the threshold is above every 24 bits.
        threshold: Int32((p * 0x1p24).rounded(.up)), kept: p < 1 ? V.Scalar(1 / (1 - p)) : 0)
    runGroups(pass, range)
}
