// When an update surely stays finite. A parameter of any size that moves by less than half the distance
// between the two largest numbers never becomes infinite: the sum is rounded to nearest. How far a step
// moves one at most, an optimizer knows from its settings, as long as no gradient was beyond a limit; so
// a look at the gradients, which a step makes anyway, tells. Where it doesn't, the update is made with a
// copy at hand (Update.applyCarefully).

@frozen
public struct UpdateLimits {
    public let isDouble: Bool
    /// Gradients, past and present, below this need no second look.
    public let gradient: Double
    /// How far a step may move a parameter: 2^-3 or less of half the largest distance (2^103 and 2^970),
    /// so that roundings on the way don't matter.
    public let step: Double
    /// What makes gradients of `gradient` and more infinite, and no smaller ones.
    public let scale: Double

    @inlinable
    public init(isDouble: Bool) {
        self.isDouble = isDouble
        gradient = isDouble ? 0x1p400 : 0x1p50
        step = isDouble ? 0x1p960 : 0x1p100
        scale = isDouble ? 0x1p624 : 0x1p78
    }
}
