// Where the largest or smallest element is: whole numbers, through which no gradient flows.

import KernelInterface
import Tensors

struct ArgMax: ArgumentOfExtreme {
    static let kind = "argmax"
    static let documentation = "the first index of the largest element along dim (of all, counted flat, without it); NaN counts as largest"
    static let fold = RowFold.largest
    let dimension: Int?
    let keepsDimension: Bool
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.has("dim") ? attributes.integer("dim") : nil
        keepsDimension = attributes.boolean("keepdim")
    }
}

struct ArgMin: ArgumentOfExtreme {
    static let kind = "argmin"
    static let documentation = "the first index of the smallest element along dim (of all, counted flat, without it); NaN counts as smallest"
    static let fold = RowFold.smallest
    let dimension: Int?
    let keepsDimension: Bool
    init(_ attributes: Attributes) throws(ChainruleError) {
        dimension = attributes.has("dim") ? attributes.integer("dim") : nil
        keepsDimension = attributes.boolean("keepdim")
    }
}

protocol ArgumentOfExtreme: Layer {
    static var fold: RowFold { get }
    var dimension: Int? { get }
    var keepsDimension: Bool { get }
}

extension ArgumentOfExtreme {
    static var attributes: [AttributeSpecification] {
        [
            AttributeSpecification("dim", .integer(.any), optional: true, "the dimension; the batch is 0; without it all, as one"),
            AttributeSpecification("keepdim", .boolean, default: "false", "leaves a dimension of size 1"),
        ]
    }

    func outputShapes(_ inputs: [Shape]) throws(ChainruleError) -> [Shape] {
        let axis = try dimension.map { (d) throws(ChainruleError) in try inputs[0].axis(d, what: "\(Self.kind)'s dim") }
        var sizes = inputs[0].dimensions
        guard !(axis.map { sizes[$0] == 0 } ?? sizes.contains(0)) else {
            throw ChainruleError(.shape, "\(Self.kind)'s input", expected: "1 element or more", got: "\(inputs[0])")
        }
        if let axis {
            if keepsDimension { sizes[axis] = 1 } else { sizes.remove(at: axis) }
        } else {
            sizes = keepsDimension ? Array(repeating: 1, count: sizes.count) : []
        }
        return [Shape(sizes)]
    }

    func outputKinds(_ inputs: [ElementKind]) -> [ElementKind] { [.integer] }
    func mixesSamples(_ inputs: [Shape]) -> Bool {
        dimension.map { ((try? inputs[0].axis($0)) ?? 0) == 0 } ?? true
    }

    func forward(_ emit: Emitter) {
        let shape = emit.inputShapes[0]
        let form =
            dimension.flatMap { try? shape.axis($0) }.map { FoldForm(shape, axis: $0) }
            ?? FoldForm(Shape([shape.elementCount]), axis: 0)
        guard form.columns > 0 else {
            return emit.program.fill(emit.output(), with: 0, count: emit.outputShapes[0].elementCount)
        }
        form.call(
            emit.program, .foldPosition, [Operand(0, emit.input(), .read), Operand(1, emit.output(), .write)],
            Self.fold.rawValue)
    }

    func backward(_ emit: Emitter) {}
}
