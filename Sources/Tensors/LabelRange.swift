// Which whole numbers a target of labels may hold.

public struct LabelRange: Sendable, Equatable {
    /// Labels go from 0 to under this.
    public var classes: Int
    /// A number that stands for "none here"; it arrives at the kernels as -1.
    public var ignored: Int?
    /// Numbers out of the range may stand where nothing is read (behind a length) and arrive as -1; the
    /// loss looks at those that are read.
    public var isPadded = false
    /// Numbers that count something, for messages.
    public var isLength = false

    public init(classes: Int, ignored: Int? = nil, isPadded: Bool = false, isLength: Bool = false) {
        self.classes = classes
        self.ignored = ignored
        self.isPadded = isPadded
        self.isLength = isLength
    }

    /// The label as kernels see it: -1 for none; nil: refused.
    @inline(__always)
    public func stored(_ label: Int64) -> Int32? {
        if let ignored, Int64(ignored) == label { return -1 }
        if UInt64(bitPattern: label) < UInt64(classes) { return Int32(truncatingIfNeeded: label) }
        return isPadded ? -1 : nil
    }

    public var expectation: String {
        let range = "a \(isLength ? "length" : "label") from 0 to \(classes - 1)"
        return ignored.map { "\(range), or \($0) for none" } ?? range
    }
}
