internal import Hummingbird

/// The web pages and the interface for programs that `convoy serve` offers.
public struct Dashboard: Sendable {
    public init() {}
}
