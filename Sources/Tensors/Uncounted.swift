// Objects that somebody else keeps, used without counting references: an atomic addition and another back take as long as
// a matrix product of a tiny network.

extension Unmanaged {
    @inlinable @inline(__always)
    public func use<Result>(_ body: (Instance) throws(ChainruleError) -> Result) throws(ChainruleError) -> Result {
        var failure: Failure?
        let result: Result? = _withUnsafeGuaranteedRef { object in
            do throws(ChainruleError) {
                return try body(object)
            } catch {
                failure = Failure(error)
                return nil
            }
        }
        guard let result else { throw failure?.error ?? ChainruleError(.internal, "neither a result nor an error") }
        return result
    }
}

/// An object: that there is none costs less to see than that a structure of texts is empty.
@usableFromInline
final class Failure {
    @usableFromInline let error: ChainruleError
    @usableFromInline init(_ error: ChainruleError) { self.error = error }
}
