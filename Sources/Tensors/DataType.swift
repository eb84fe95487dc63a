// Element types under the name that arrays know them by.

import KernelInterface

public typealias DataType = ElementType
