/// Conversions for numbers that a server, a file or a person gave: where the plain ones trap, these take the nearest value.
extension FixedWidthInteger {
    /// The number without what follows its point, or the nearest one that the type has; 0 for what is not a number.
    package init(clamping number: Double) {
        if let exact = Self(exactly: number.rounded(.towardZero)) {
            self = exact
        } else if number.isNaN {
            self = 0
        } else {
            self = number < 0 ? .min : .max
        }
    }
}

extension Duration {
    /// A hundred years. Nothing that Convoy measures takes longer, and sums of such durations are far from an overflow.
    package static let longest = Duration.seconds(3_155_760_000)

    /// A duration that a program measured, from zero to ``longest``.
    package init(clampingMilliseconds milliseconds: Int64) {
        self = min(max(.milliseconds(milliseconds), .zero), .longest)
    }

    /// The same to the millisecond, of a number of seconds; zero for what is not a number.
    package init(clampingSeconds seconds: Double) {
        self.init(clampingMilliseconds: Int64(clamping: seconds * 1000))
    }
}
