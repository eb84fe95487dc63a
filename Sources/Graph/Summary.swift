// A model as a table: layers, what they put out, how many parameters they have.

import Layers
import Tensors

extension Model {
    public var summary: String {
        var rows: [[String]] = [["Node", "Kind", "Inputs", "Output shape", "Parameters"]]
        for entry in entries {
            let own = entry.nodes.flatMap { nodes[$0].parameters }
            let count = own.reduce(0) { $0 + parameters[$1].elementCount }
            rows.append([
                entry.name, entry.attributeText.isEmpty ? entry.kind : "\(entry.kind) \(entry.attributeText)",
                entry.inputs.map { nodes[numbers[$0]].name }.joined(separator: ", "),
                entry.outputShapes.map { "\($0)" }.joined(separator: " "), grouped(count),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let line = String(repeating: "-", count: widths.reduce(0, +) + 2 * (widths.count - 1)) + "\n"
        var text = ""
        for (number, row) in rows.enumerated() {
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == row.count - 1
                text += isLast ? space + cell + "\n" : cell + space + "  "
            }
            if number == 0 { text += line }
        }
        let trainable = parameters.filter { $0.specification.isTrainable }.reduce(0) { $0 + $1.elementCount }
        let all = parameters.reduce(0) { $0 + $1.elementCount }
        text += line + "Trainable parameters: \(grouped(trainable))"
        if all != trainable { text += "; constants: \(grouped(all - trainable))" }
        return text + "; \(grouped(all * type.size)) bytes as \(type.name)\n"
    }
}

/// 1234567 as "1,234,567".
private func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
        if index > 0 && index % 3 == 0 && digit != "-" { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}
