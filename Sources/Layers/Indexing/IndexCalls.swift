// Elements picked and put by indices along a dimension, as calls of the kernels of IndexAlong.swift.

import KernelInterface
import Tensors

/// The walk over the elements that have an index. Strides are those of the index array, of the array that is indexed
/// (0 along the dimension), and of the one beside it.
struct IndexWalk {
    var sizes: [Int]
    var index: [Int]
    var indexed: [Int]
    var other: [Int]
    /// The indexed array's stride and size along the dimension.
    var stride: Int
    var limit: Int

    /// Indices of a shape of their own, elements beside them contiguous.
    init(_ indexed: Shape, axis: Int, index: Shape) {
        sizes = index.dimensions
        self.index = index.strides
        self.indexed = indexed.strides
        self.indexed[axis] = 0
        other = index.strides
        stride = indexed.strides[axis]
        limit = indexed[axis]
    }

    var count: Int { sizes.reduce(1, *) }
}

extension Program {
    /// z = x at the indices.
    func gather(_ walk: IndexWalk, _ x: Value, indices: Value, into z: Value) {
        guard let space = StridedSpace(sizes: walk.sizes, strides: [walk.index, walk.indexed, walk.other]), space.count > 0
        else { return }
        call(
            .gatherAlong,
            [Operand(0, x, .read), Operand(1, indices, .read), Operand(2, z, .write), Operand(3, table(space), .read)],
            pieces: (space.rows + space.rowsPerPiece - 1) / space.rowsPerPiece, cost: Double(space.count)
        ) {
            $0.integers[0] = space.rowsPerPiece
            $0.integers[1] = walk.stride
        }
    }

    /// The target at the indices becomes the source (a nil one is the number), or that is added.
    func scatter(_ walk: IndexWalk, _ source: Value?, number: Double = 0, indices: Value, into target: Value, adds: Bool) {
        guard let space = StridedSpace(sizes: walk.sizes, strides: [walk.index, walk.indexed, walk.other]), space.count > 0
        else { return }
        var operands = [Operand(1, indices, .read), Operand(2, target, .write), Operand(3, table(space), .read)]
        if let source { operands.append(Operand(0, source, .read)) }
        // Pieces own parts of the target, at most eight where each must look at all indices.
        var rows = space.rows
        var owned = 0
        var pieces = 1
        if space.columnStrides[0] == 0 {
            owned = space.count < 2 * elementsPerPiece ? walk.limit : (walk.limit + 7) / 8
            owned = max(owned, 1)
            pieces = (walk.limit + owned - 1) / owned
        } else if let first = walk.sizes.indices.first(where: { walk.sizes[$0] != 1 }), walk.indexed[first] != 0,
            space.rows % walk.sizes[first] == 0
        {
            let each = space.count / walk.sizes[first]
            let together = max(1, elementsPerPiece / max(each, 1))
            rows = space.rows / walk.sizes[first] * together
            pieces = (walk.sizes[first] + together - 1) / together
        }
        call(.scatterAlong, operands, pieces: pieces, cost: Double(space.count) * 1.5) {
            $0.integers[0] = rows
            $0.integers[1] = walk.stride
            $0.integers[2] = adds ? 1 : 0
            $0.integers[3] = owned
            $0.scalars[0] = number
        }
    }
}
