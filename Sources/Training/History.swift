// What fit recorded: one number for each epoch and series.

public final class History: @unchecked Sendable {
    public internal(set) var names: [String] = []
    public internal(set) var columns: [[Double]] = []
    public internal(set) var bestEpoch = 0

    public init() {}

    public var epochs: Int { columns.first?.count ?? 0 }

    public func values(_ name: String) -> [Double]? { names.firstIndex(of: name).map { columns[$0] } }

    func append(_ row: [Double]) {
        if columns.isEmpty { columns = Array(repeating: [], count: names.count) }
        for (index, value) in row.enumerated() { columns[index].append(value) }
    }
}
