// Objects that somebody else keeps, used without counting references: an atomic addition and another back take as long as
// a matrix product of a tiny network.

extension Unmanaged {
    @inlinable @inline(__always)
    public func use<Result>(_ body: (Instance) throws(ChainruleError) -> Result) throws(ChainruleError) -> Result {
        var error: ChainruleError?
        let result: Result? = _withUnsafeGuaranteedRef { object in
            do throws(ChainruleError) {
                return try body(object)
            } catch let caught {
                error = caught
                return nil
            }
        }
        guard let result else { throw error ?? ChainruleError(.internal, "neither a result nor an error") }
        return result
    }
}
