// The one error type: what the C ABI hands out as status and text.

public enum ErrorCode: Int32, Sendable {
    case invalidArgument = 1
    case shape = 2
    case dataType = 3
    case attribute = 4
    case state = 5
    case notFound = 6
    case value = 7
    case nonFinite = 8
    case io = 9
    case format = 10
    case outOfMemory = 11
    case cancelled = 12
    case busy = 13
    case callback = 14
    case `internal` = 15
}

public struct ChainruleError: Error, Sendable {
    public let code: ErrorCode
    /// A whole sentence without the function's name, which the ABI puts before it.
    public var message: String
    /// The layer concerned, "" if none.
    public var node: String
    public var expected: String
    public var got: String

    public init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
        node = ""
        expected = ""
        got = ""
    }

    /// "<what>: expected <expected>, got <got>"
    public init(_ code: ErrorCode, _ what: String, expected: String, got: String, node: String = "") {
        self.init(code, "\(what): expected \(expected), got \(got)")
        self.node = node
        self.expected = expected
        self.got = got
    }

    /// The same error, said of a node.
    public func at(node: String) -> ChainruleError {
        guard self.node.isEmpty else { return self }
        var copy = self
        copy.node = node
        copy.message = "in \(node): \(message)"
        return copy
    }

    /// The same error with words before it.
    public func after(_ words: String) -> ChainruleError {
        var copy = self
        copy.message = "\(words): \(message)"
        return copy
    }

    public static func outOfMemory(_ what: String, bytes: Int) -> ChainruleError {
        ChainruleError(.outOfMemory, "no memory for \(what): \(bytes) bytes asked for")
    }
}
