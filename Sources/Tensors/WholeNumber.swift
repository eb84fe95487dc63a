// Reading whole numbers. The standard library's way is compiled anew, two kilobytes each time, wherever it is used with
// another type of text; here it is once.

/// `Int(text)`.
@inline(never)
public func wholeNumber(_ text: Substring) -> Int? { Int(text) }

public func wholeNumber(_ text: String) -> Int? { wholeNumber(Substring(text)) }
