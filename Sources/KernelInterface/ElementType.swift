// The element types that arrays may have. The raw values are those of the C ABI.

public enum ElementType: Int32, Sendable {
    case float32 = 1
    case float64 = 2
    case int32 = 3
    case int64 = 4

    @inlinable public var size: Int { self == .float32 || self == .int32 ? 4 : 8 }
    @inlinable public var isReal: Bool { self == .float32 || self == .float64 }
    public var name: String {
        switch self {
        case .float32: "float32"
        case .float64: "float64"
        case .int32: "int32"
        case .int64: "int64"
        }
    }
}
