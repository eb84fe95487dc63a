// What pooling's windows read. Along each dimension a table says, for each position of the window, where
// its first element is, where it ends, and what it counts as in an average: ordinary and adaptive pools are
// the same to the kernels. One to three dimensions of space are three here, with leading sizes of 1.

public enum PoolFunction: Int, Sendable { case maximum, average }

/// What is done with the elements of a plane that have a place in another: added there, put there, or fetched from
/// there. Elsewhere the other plane becomes 0.
public enum PlacedFunction: Int, Sendable { case add, put, fetch }

@frozen
public struct PoolSpace: Sendable {
    public var image: InlineArray<3, Int>
    public var positions: InlineArray<3, Int>
    /// Distance between the elements of a window.
    public var step: InlineArray<3, Int>
    /// Positions low..<high of the last dimension read `taps` elements each, `stride` further on each time.
    public var low: Int
    public var high: Int
    public var taps: Int
    public var stride: Int
    /// What an average divides by, instead of the windows' counts, unless 0.
    public var divisor: Int
    /// Windows of 2 by 2 side by side, all inside the image.
    public var isPairs: Bool
    public var imageCount: Int
    public var positionCount: Int

    public init(image: [Int], positions: [Int], step: [Int]) {
        func three(_ list: [Int]) -> InlineArray<3, Int> {
            var result = InlineArray<3, Int>(repeating: 1)
            for (index, number) in list.enumerated() { result[3 - list.count + index] = number }
            return result
        }
        self.image = three(image)
        self.positions = three(positions)
        self.step = three(step)
        low = 0
        high = 0
        taps = 0
        stride = 0
        divisor = 0
        isPairs = false
        imageCount = image.reduce(1, *)
        positionCount = positions.reduce(1, *)
    }
}
