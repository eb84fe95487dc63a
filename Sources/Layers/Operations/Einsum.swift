// Sums of products over named dimensions, as NumPy's einsum: permutations, reshapes and matrix products of two
// inputs at a time, from left to right. The open batch stays the first dimension of whatever has it.

import Tensors

struct Einsum: CompositeLayer {
    static let kind = "einsum"
    static let documentation = "the sum of products over the dimensions that the equation names but not in its result: \"bij,bjk->bik\"; ... stands for dimensions of any number"
    static let attributes = [AttributeSpecification("equation", .text, "letters for the dimensions of each input, with commas, and of the result behind ->")]
    static let inputCount = 1...Int.max

    let equation: String
    init(_ attributes: Attributes) throws(ChainruleError) { equation = attributes.text("equation") }

    func build(_ graph: any GraphBuilding, _ inputs: [Int]) throws(ChainruleError) -> [Int] {
        var parsed = try EinsumEquation(equation, inputs.map { graph.shape($0).rank })
        var sizes: [UInt8: Int] = [:]
        for (labels, input) in zip(parsed.inputs, inputs) {
            for (label, size) in zip(labels, graph.shape(input).dimensions) {
                guard sizes[label, default: size] == size else {
                    throw ChainruleError(
                        .shape, "einsum's input shapes", expected: "equal sizes for \(parsed.name(label))",
                        got: "\(sizes[label] ?? 0) and \(size)")
                }
                sizes[label] = size
            }
        }
        let open = sizes.filter { $0.value == Shape.batch }
        guard open.count <= 1 else {
            throw ChainruleError(.attribute, "einsum's equation", expected: "one letter for the batch of all inputs", got: equation)
        }
        let batch = open.first?.key
        if let batch, let place = parsed.output.firstIndex(of: batch), place != 0 {
            throw ChainruleError(.attribute, "einsum's equation", expected: "the batch first in the result", got: equation)
        }
        var terms: [EinsumTerm] = []
        for (index, input) in inputs.enumerated() {
            terms.append(try EinsumTerm(node: input, labels: parsed.inputs[index]).withoutRepeats(graph))
        }
        parsed.inputs = terms.map(\.labels)
        var result = terms[0]
        for (index, term) in terms.enumerated().dropFirst() {
            let later = Set(parsed.inputs[(index + 1)...].joined()).union(parsed.output)
            let left = try result.summed(graph) { later.contains($0) || term.labels.contains($0) }
            let right = try term.summed(graph) { later.contains($0) || result.labels.contains($0) }
            result = try left.times(right, graph, sizes, batch, later)
        }
        result = try result.summed(graph) { parsed.output.contains($0) }
        result = try result.arranged(graph, as: parsed.output)
        // A node of its own, even where nothing is to be done.
        return [inputs.contains(result.node) ? try graph.add("identity", "", [result.node]) : result.node]
    }
}

/// An array and the names of its dimensions.
private struct EinsumTerm {
    var node: Int
    var labels: [UInt8]

    /// A label that stands twice means the diagonal of its two dimensions.
    func withoutRepeats(_ graph: any GraphBuilding) throws(ChainruleError) -> EinsumTerm {
        var term = self
        while let (first, second) = term.repeated {
            term.node = try graph.add("diagonal", "dim1=\(first) dim2=\(second)", [term.node])
            let label = term.labels[first]
            term.labels = term.labels.enumerated().filter { $0.offset != first && $0.offset != second }.map(\.element) + [label]
        }
        return term
    }

    private var repeated: (Int, Int)? {
        for (place, label) in labels.enumerated() {
            if let first = labels.firstIndex(of: label), first < place { return (first, place) }
        }
        return nil
    }

    /// The sum over the dimensions that nobody wants.
    func summed(_ graph: any GraphBuilding, wanted: (UInt8) -> Bool) throws(ChainruleError) -> EinsumTerm {
        let dropped = labels.indices.filter { !wanted(labels[$0]) }
        if dropped.isEmpty { return self }
        let node = try graph.add("sum", "dim=\(dropped.map(String.init).joined(separator: ","))", [node])
        return EinsumTerm(node: node, labels: labels.filter(wanted))
    }

    func arranged(_ graph: any GraphBuilding, as order: [UInt8]) throws(ChainruleError) -> EinsumTerm {
        if order == labels { return self }
        let places = order.compactMap { labels.firstIndex(of: $0) }
        let node = try graph.add("permute", "dims=\(places.map(String.init).joined(separator: ","))", [node])
        return EinsumTerm(node: node, labels: order)
    }

    /// The product, summed over what both have and nobody wants later.
    func times(
        _ other: EinsumTerm, _ graph: any GraphBuilding, _ sizes: [UInt8: Int], _ batch: UInt8?, _ later: Set<UInt8>
    ) throws(ChainruleError) -> EinsumTerm {
        let shared = labels.filter { other.labels.contains($0) }
        let contracted = shared.filter { !later.contains($0) }
        if let batch, contracted.contains(batch) { return try spread(other, graph, batch, later) }
        let together = shared.filter { later.contains($0) && $0 != batch }
        let own = labels.filter { !shared.contains($0) && $0 != batch }
        let others = other.labels.filter { !shared.contains($0) && $0 != batch }
        func count(_ labels: [UInt8]) -> Int { labels.reduce(1) { $0 * (sizes[$1] ?? 1) } }
        // [batch] together x own x contracted, and [batch] together x contracted x others.
        func matrix(_ term: EinsumTerm, _ rows: [UInt8], _ columns: [UInt8]) throws(ChainruleError) -> Int {
            let first = batch.map { term.labels.contains($0) ? [$0] : [] } ?? []
            let arranged = try term.arranged(graph, as: first + together + rows + columns)
            return try graph.add("reshape", "shape=\(count(together)),\(count(rows)),\(count(columns))", [arranged.node])
        }
        let product = try graph.add("matmul", "", [try matrix(self, own, contracted), try matrix(other, contracted, others)])
        let hasBatch = batch.map { labels.contains($0) || other.labels.contains($0) } ?? false
        let result = together + own + others
        let shape = result.map { String(sizes[$0] ?? 1) }.joined(separator: ",")
        return EinsumTerm(
            node: try graph.add("reshape", "shape=\(shape)", [product]), labels: (hasBatch ? batch.map { [$0] } ?? [] : []) + result)
    }

    /// The same by broadcasting, where the batch is summed over, which no matrix product can have first.
    private func spread(
        _ other: EinsumTerm, _ graph: any GraphBuilding, _ batch: UInt8, _ later: Set<UInt8>
    ) throws(ChainruleError) -> EinsumTerm {
        let all = [batch] + labels.filter { $0 != batch } + other.labels.filter { !labels.contains($0) }
        func widened(_ term: EinsumTerm) throws(ChainruleError) -> Int {
            var node = try term.arranged(graph, as: all.filter { term.labels.contains($0) }).node
            for (place, label) in all.enumerated() where !term.labels.contains(label) {
                node = try graph.add("unsqueeze", "dim=\(place)", [node])
            }
            return node
        }
        let product = try graph.add("mul", "", [try widened(self), try widened(other)])
        return try EinsumTerm(node: product, labels: all).summed(graph) { later.contains($0) }
    }
}

/// The equation, in bytes, with a label of its own for each dimension that ... stands for: digits, counted from the
/// right, so that 0 is the last of them.
private struct EinsumEquation {
    var inputs: [[UInt8]] = []
    var output: [UInt8] = []

    init(_ text: String, _ ranks: [Int]) throws(ChainruleError) {
        func wrong(_ expected: String) -> ChainruleError {
            ChainruleError(.attribute, "einsum's equation", expected: expected, got: "\"\(text)\"")
        }
        let general = "letters, commas, ... and at most one ->"
        let bytes = Array(text.utf8)
        var left = bytes
        var right: [UInt8]?
        if let dash = bytes.firstIndex(of: UInt8(ascii: "-")) {
            guard dash + 1 < bytes.count, bytes[dash + 1] == UInt8(ascii: ">") else { throw wrong(general) }
            left = Array(bytes[..<dash])
            right = Array(bytes[(dash + 2)...])
        }
        var terms: [[UInt8]] = [[]]
        for byte in left {
            if byte == UInt8(ascii: ",") { terms.append([]) } else { terms[terms.count - 1].append(byte) }
        }
        guard terms.count == ranks.count else { throw wrong("\(ranks.count) inputs, with commas between them") }
        var most = 0
        for (term, rank) in zip(terms, ranks) {
            guard let (labels, dots) = EinsumEquation.labels(term) else { throw wrong(general) }
            guard dots == nil ? labels.count == rank : labels.count <= rank else {
                throw wrong("\(rank) letters for an input of \(rank) dimensions")
            }
            most = max(most, rank - labels.count)
            inputs.append(EinsumEquation.filled(labels, dots, rank - labels.count))
        }
        if let right {
            guard let (labels, dots) = EinsumEquation.labels(right) else { throw wrong(general) }
            output = EinsumEquation.filled(labels, dots, most)
            guard Set(output).count == output.count, output.allSatisfy({ label in inputs.contains { $0.contains(label) } }) else {
                throw wrong("letters of the inputs in the result, each once")
            }
        } else {
            // As in NumPy: what ... stands for, then the letters that stand once, in the alphabet's order.
            let letters = inputs.joined().filter { !EinsumEquation.isDigit($0) }
            let once = Set(letters).filter { label in letters.count { $0 == label } == 1 }
            output = EinsumEquation.filled(once.sorted(), 0, most)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte < UInt8(ascii: "A") }

    /// Letters, and where the dots stand among them; nil if there is anything else.
    private static func labels(_ term: [UInt8]) -> ([UInt8], Int?)? {
        var labels: [UInt8] = []
        var dots: Int?
        var place = 0
        while place < term.count {
            let byte = term[place]
            if byte == UInt8(ascii: ".") {
                guard dots == nil, term.count - place >= 3, term[place + 1] == byte, term[place + 2] == byte else { return nil }
                dots = labels.count
                place += 3
                continue
            }
            guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20), byte >= UInt8(ascii: "A") else { return nil }
            labels.append(byte)
            place += 1
        }
        return (labels, dots)
    }

    private static func filled(_ labels: [UInt8], _ dots: Int?, _ count: Int) -> [UInt8] {
        guard let dots else { return labels }
        let digits = (0..<max(count, 0)).reversed().map { UInt8(ascii: "0") + UInt8($0) }
        return Array(labels[..<dots]) + digits + Array(labels[dots...])
    }

    /// For messages.
    func name(_ label: UInt8) -> String {
        EinsumEquation.isDigit(label) ? "the dimensions of ..." : "\"\(String(decoding: [label], as: UTF8.self))\""
    }
}
