/// How far a run had got when it was read. What a person decides on that is done only if the run is still there: a question may stand for an hour, and
/// workers may take the run meanwhile.
package struct RunBasis: Sendable, Hashable {
    /// The number of its last event; 0 if it had none.
    package var lastEvent: Int64
    /// The key of its last hand-over to workers; empty if there was none.
    package var handOver: String

    package init(lastEvent: Int64, handOver: String = "") {
        (self.lastEvent, self.handOver) = (lastEvent, handOver)
    }
}
