import Glibc
import KernelDispatch
import KernelInterface
import Testing

func reference(_ function: BinaryFunction, _ x: Double, _ y: Double) -> Double {
    switch function {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .power: pow(x, y)
    case .maximum: x.isNaN || y.isNaN ? .nan : max(x, y)
    case .minimum: x.isNaN || y.isNaN ? .nan : min(x, y)
    case .atan2: atan2(x, y)
    case .hypot: hypot(x, y)
    case .logAddExp: log(exp(x) + exp(y))
    case .fmod: fmod(x, y)
    case .remainder: x - y * (x / y).rounded(.down)
    case .floorDivide: (x / y).rounded(.down)
    case .equal: x == y ? 1 : 0
    case .notEqual: x != y ? 1 : 0
    case .less: x < y ? 1 : 0
    case .lessOrEqual: x <= y ? 1 : 0
    case .greater: x > y ? 1 : 0
    case .greaterOrEqual: x >= y ? 1 : 0
    case .logicalAnd: x != 0 && y != 0 ? 1 : 0
    case .logicalOr: x != 0 || y != 0 ? 1 : 0
    case .logicalXor: (x != 0) != (y != 0) ? 1 : 0
    case .prelu: x > 0 ? x : x * y
    }
}

func referenceSlope(_ function: BinaryFunction, operand: Int, _ x: Double, _ y: Double) -> Double {
    switch (function, operand) {
    case (.add, _), (.subtract, 0): 1
    case (.subtract, _): -1
    case (.multiply, 0): y
    case (.multiply, _): x
    case (.divide, 0): 1 / y
    case (.divide, _): -x / (y * y)
    case (.power, 0): y == 0 ? 0 : y * pow(x, y - 1)
    case (.power, _): x == 0 && y >= 0 ? 0 : pow(x, y) * log(x)
    case (.maximum, 0): x > y ? 1 : x == y ? 0.5 : 0
    case (.maximum, _): y > x ? 1 : x == y ? 0.5 : 0
    case (.minimum, 0): x < y ? 1 : x == y ? 0.5 : 0
    case (.minimum, _): y < x ? 1 : x == y ? 0.5 : 0
    case (.atan2, 0): y / (x * x + y * y)
    case (.atan2, _): -x / (x * x + y * y)
    case (.hypot, 0): x / hypot(x, y)
    case (.hypot, _): y / hypot(x, y)
    case (.logAddExp, 0): 1 / (1 + exp(y - x))
    case (.logAddExp, _): 1 / (1 + exp(x - y))
    case (.fmod, 0), (.remainder, 0): 1
    case (.fmod, _): -(x / y).rounded(.towardZero)
    case (.remainder, _): -(x / y).rounded(.down)
    case (.prelu, 0): x > 0 ? 1 : y
    case (.prelu, _): x > 0 ? 0 : x
    default: 0
    }
}

@Suite struct BinaryTests {
    @Test(arguments: BinaryFunction.allCases) func flat(function: BinaryFunction) {
        flat(Float.self, function)
        flat(Double.self, function)
    }

    private func flat<T: TestScalar>(_: T.Type, _ function: BinaryFunction) {
        var numbers = Numbers(3)
        for count in borderSizes {
            for (stepX, stepY) in [(1, 1), (1, 0), (0, 1)] {
                var x: [T] = numbers.array(stepX == 1 ? count : 1, 0.25, 3)
                let y: [T] = numbers.array(stepY == 1 ? count : 1, 0.25, 3)
                if stepX == 1 && stepY == 1 && count > 2 { x[1] = y[1] }
                let dz: [T] = numbers.array(count)
                let pairs = (0..<count).map { (Double(x[$0 * stepX]), Double(y[$0 * stepY])) }
                let z = pairs.map { reference(function, $0.0, $0.1) }
                // As an array of one, and as a constant of the call.
                for constant in stepX * stepY == 0 ? [false, true] : [false] {
                    var inputs = [0: GuardedArray(x), 1: GuardedArray(y)]
                    if constant { inputs[stepX == 0 ? 0 : 1] = nil }
                    let prepare: (inout KernelCall) -> Void = { call in
                        call.integers[0] = count
                        call.integers[1] = function.rawValue
                        call.integers[2] = stepX
                        call.integers[3] = stepY
                        call.scalars[0] = Double(stepX == 0 ? x[0] : y[0])
                    }
                    everyWay(
                        .binaryFlat, isDouble: T.isDouble, pieces: pieces(count), inputs: inputs,
                        outputs: [2: GuardedArray([T](repeating: 7, count: count))], prepare
                    ) { _, results in
                        expectClose(results[2]!.array(T.self), z, factor: 4, "\(function) \(count) \(stepX) \(stepY)")
                    }
                    for (operand, adds) in [(0, false), (1, false), (0, true)] {
                        let expected = (0..<count).map {
                            Double(dz[$0]) * referenceSlope(function, operand: operand, pairs[$0].0, pairs[$0].1)
                                + (adds ? 7 : 0)
                        }
                        let more = inputs.merging([2: GuardedArray(z.map { T($0) }), 3: GuardedArray(dz)]) { $1 }
                        everyWay(
                            .binaryBackwardFlat, isDouble: T.isDouble, pieces: pieces(count), inputs: more,
                            outputs: [4: GuardedArray([T](repeating: 7, count: count))],
                            { call in
                                prepare(&call)
                                call.integers[4] = operand
                                call.integers[5] = adds ? 1 : 0
                            }
                        ) { _, results in
                            expectClose(results[4]!.array(T.self), expected, factor: 10, "\(function) \(operand)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [
        ([5, 7], [5, 7], [1, 7]), ([5, 7], [5, 1], [1, 7]), ([3, 4, 5], [3, 4, 5], [4, 1]),
        ([2, 3, 2, 3, 17], [2, 1, 2, 1, 17], [3, 1, 3, 1]), ([70, 300], [70, 1], [70, 300]),
        ([1], [1], [1]), ([2, 1, 2, 1, 2, 2, 2, 2], [2, 1, 1, 1, 2, 1, 2, 1], [1, 1, 2, 1, 1, 2, 1, 2]),
    ]) func strided(shape: [Int], shapeX: [Int], shapeY: [Int]) {
        for function in BinaryFunction.allCases {
            strided(Float.self, function, shape, shapeX, shapeY)
            strided(Double.self, function, shape, shapeX, shapeY)
        }
    }

    private func strided<T: TestScalar>(
        _: T.Type, _ function: BinaryFunction, _ shape: [Int], _ shapeX: [Int], _ shapeY: [Int]
    ) {
        func broadcast(_ own: [Int]) -> [Int] {
            let strides = rowMajorStrides(own)
            let missing = shape.count - own.count
            return shape.indices.map { $0 < missing || own[$0 - missing] == 1 ? 0 : strides[$0 - missing] }
        }
        let stridesX = broadcast(shapeX)
        let stridesY = broadcast(shapeY)
        var numbers = Numbers(5)
        let x: [T] = numbers.array(shapeX.reduce(1, *), 0.25, 3)
        let y: [T] = numbers.array(shapeY.reduce(1, *), 0.25, 3)
        let count = shape.reduce(1, *)
        let dz: [T] = numbers.array(count)
        let pairs = zip(offsets(shape, stridesX), offsets(shape, stridesY)).map { (Double(x[$0]), Double(y[$1])) }
        let z = pairs.map { reference(function, $0.0, $0.1) }
        let space = StridedSpace(sizes: shape, strides: [stridesX, stridesY])!
        #expect(space.count == count)
        for perPiece in [1, 3, space.rowsPerPiece] {
            everyWay(
                .binaryStrided, isDouble: T.isDouble, pieces: pieces(space.rows, per: perPiece),
                inputs: [0: GuardedArray(x), 1: GuardedArray(y), 3: GuardedArray([space])],
                outputs: [2: GuardedArray([T](repeating: 7, count: count))],
                { call in
                    call.integers[0] = perPiece
                    call.integers[1] = function.rawValue
                }
            ) { _, results in expectClose(results[2]!.array(T.self), z, factor: 4, "\(function) \(shape)") }
            for operand in 0...1 {
                let expected = (0..<count).map {
                    Double(dz[$0]) * referenceSlope(function, operand: operand, pairs[$0].0, pairs[$0].1)
                }
                everyWay(
                    .binaryBackwardStrided, isDouble: T.isDouble, pieces: pieces(space.rows, per: perPiece),
                    inputs: [
                        0: GuardedArray(x), 1: GuardedArray(y), 2: GuardedArray(z.map { T($0) }), 3: GuardedArray(dz),
                        5: GuardedArray([space]),
                    ],
                    outputs: [4: GuardedArray([T](repeating: 7, count: count))],
                    { call in
                        call.integers[0] = perPiece
                        call.integers[1] = function.rawValue
                        call.integers[4] = operand
                    }
                ) { _, results in
                    expectClose(results[4]!.array(T.self), expected, factor: 10, "\(function) \(operand) \(shape)")
                }
            }
        }
    }

    /// PyTorch's choices where the derivative has none.
    @Test func edges() {
        let x: [Double] = [0, 0, 0, 0, 2, -1, .nan, 1]
        let y: [Double] = [0, 2, -1, 0.5, 0, 2, 1, .nan]
        func slopes(_ function: BinaryFunction, _ operand: Int, _ check: ([Double]) -> Void) {
            everyWay(
                .binaryBackwardFlat, isDouble: true, pieces: 1,
                inputs: [
                    0: GuardedArray(x), 1: GuardedArray(y),
                    2: GuardedArray(zip(x, y).map { reference(function, $0, $1) }),
                    3: GuardedArray([Double](repeating: 1, count: 8)),
                ],
                outputs: [4: GuardedArray([Double](repeating: 7, count: 8))],
                { call in
                    call.integers[0] = 8
                    call.integers[1] = function.rawValue
                    call.integers[2] = 1
                    call.integers[3] = 1
                    call.integers[4] = operand
                }
            ) { _, results in check(results[4]!.array()) }
        }
        slopes(.power, 0) { expectClose($0, [0, 0, -.infinity, .infinity, 0, -2, 1, .nan]) }
        slopes(.power, 1) { expectClose($0, [0, 0, -.infinity, 0, log(2), .nan, .nan, 0]) }
        slopes(.maximum, 0) { #expect(Array($0.prefix(6)) == [0.5, 0, 1, 0, 1, 0]) }
    }

    @Test func accumulates() {
        accumulates(Float.self)
        accumulates(Double.self)
    }

    private func accumulates<T: TestScalar>(_: T.Type) {
        var numbers = Numbers(9)
        for count in borderSizes {
            let x: [T] = numbers.array(count)
            let z: [T] = numbers.array(count)
            for (a, b) in [(1.0, 1.0), (0.5, -2.0), (3.0, 0.0)] {
                everyWay(
                    .accumulate, isDouble: T.isDouble, pieces: pieces(count), inputs: [0: GuardedArray(x)],
                    outputs: [1: GuardedArray(b == 0 ? [T](repeating: .nan, count: count) : z)],
                    { call in
                        call.integers[0] = count
                        call.scalars[0] = a
                        call.scalars[1] = b
                    }
                ) { _, results in
                    expectClose(results[1]!.array(T.self), zip(x, z).map { a * Double($0) + b * Double($1) })
                }
            }
        }
    }
}
