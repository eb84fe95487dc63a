// Sums over neighbouring channels, for local_response_norm.
//
// channelWindow: y[o, c, i] = sum of x[o, c - before ... c + after, i], channels that there are.
//   Pieces: integer 5 rows of outer * channels.
//   pointers  0 x  1 y
//   integers  0 outer  1 channels  2 inner  3 before  4 after  5 rows per piece

import KernelInterface

let channelWindowKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    if arguments.isDouble {
        channelWindow(DoubleVector.self, arguments, begin, end)
    } else {
        channelWindow(FloatVector.self, arguments, begin, end)
    }
}

private func channelWindow<V: KernelMath>(_: V.Type, _ arguments: Arguments, _ begin: Int, _ end: Int) {
    let x = arguments.input(0, V.Scalar.self)
    let y = arguments.output(1, V.Scalar.self)
    let channels = arguments.integer(1)
    let inner = arguments.integer(2)
    let perPiece = arguments.integer(5)
    for row in begin * perPiece..<min(end * perPiece, arguments.integer(0) * channels) {
        let channel = row % channels
        let first = x + (row - min(channel, arguments.integer(3))) * inner
        let count = min(channel, arguments.integer(3)) + min(channels - 1 - channel, arguments.integer(4)) + 1
        var i = 0
        while i < inner {
            let n = min(V.lanes, inner - i)
            var sum = V.zero
            for neighbour in 0..<count { sum += V.load(first + neighbour * inner + i, n) }
            sum.store(y + row * inner + i, n)
            i += n
        }
    }
}
