// uniformMatrix: first values. The element in row r and column c of a matrix is low + (high - low) u, where u has the 53
// bits that Tensors' Philox.uniform makes of number r * columns + c. In the order of memory, whatever the strides; a piece
// is a line of memory.
//   pointers  0 result  1 state: two UInt64, seed and stream
//   integers  0 elements of a line  1 numbers from line to line  2 from element to element
//             3 elements of memory from line to line  4 from element to element
//   scalars   0 low  1 high

import KernelInterface

let uniformMatrixKernel: Kernel = { call, begin, end, _ in
    let arguments = Arguments(call)
    for line in begin..<end {
        if arguments.isDouble {
            uniformLine(Double.self, arguments, line)
        } else {
            uniformLine(Float.self, arguments, line)
        }
    }
}

@inline(__always)
private func uniformLine<T: BinaryFloatingPoint>(_: T.Type, _ arguments: Arguments, _ line: Int) {
    let scalars = arguments.call.pointee.scalars
    let low = DoubleVector(repeating: scalars[0])
    let width = DoubleVector(repeating: scalars[1] - scalars[0])
    let philox = Philox(state: arguments.input(1), channel: 0)
    let count = arguments.integer(0)
    let step = UInt64(truncatingIfNeeded: arguments.integer(2))
    let stride = arguments.integer(4)
    let result: UnsafeMutablePointer<T> = arguments.output(0) + line * arguments.integer(3)
    let first = UInt64(truncatingIfNeeded: line * arguments.integer(1))
    var numbers = WordVector(repeating: first) &+ blockNumbers &* WordVector(repeating: step)
    let next = WordVector(repeating: step &* UInt64(WordVector.scalarCount))
    var i = 0
    while i < count {
        let values = low + width * philox.uniforms(at: numbers)
        for lane in 0..<min(WordVector.scalarCount, count - i) { result[(i + lane) * stride] = T(values[lane]) }
        numbers &+= next
        i += WordVector.scalarCount
    }
}
